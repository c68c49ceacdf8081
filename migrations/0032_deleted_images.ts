// Why: servers, templates and people name images by their ids: one that was deleted must never stand for somebody else's.

import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

export const deletedImages: Migration = {
  name: '0032_deleted_images',
  async up(knex) {
    await table(knex, 'deleted_images', (t) => {
      t.string('id', 36).primary();
      t.bigInteger('deleted_at').notNullable();
    });
  },
};

// Why: a shelved server waits as an image, on its host until a time is over and then on none. Which image, and since when, is a
// row of its own, found by its age.

import type { Migration } from '../src/db/migrate.ts';
import { table } from './statements.ts';

export const shelved: Migration = {
  name: '0004_shelved',
  async up(knex) {
    await table(knex, 'shelved_servers', (t) => {
      t.integer('server_id').unsigned().notNullable().primary().references('servers.id');
      t.string('image_id', 36).notNullable();
      t.bigInteger('shelved_at').notNullable();
      t.index(['shelved_at']);
    });
  },
};

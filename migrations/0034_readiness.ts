// Why: a database that can be read and not written serves nobody. Readiness is found out by writing, and this is where.

import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

export const readiness: Migration = {
  name: '0034_readiness',
  async up(knex) {
    await table(knex, 'readiness', (t) => {
      t.integer('id').primary();
      t.bigInteger('checked_at').notNullable();
    });
  },
};

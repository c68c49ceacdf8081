// Why: a resize is let in by the quota long before the server claims its new size; until then what it was promised counts, or
// others would be let in beside it.

import type { Migration } from '../src/db/migrate.ts';
import { change } from './statements.ts';

export const promisedSizes: Migration = {
  name: '0020_promised_sizes',
  async up(knex) {
    // null: nothing is promised; ends with the server's task
    await change(knex, 'servers', (t) => {
      t.integer('promised_vcpus');
      t.integer('promised_memory_mb');
    });
    // counted in addition to what the server has, and not billed
    await change(knex, 'server_sizes', (t) => {
      t.integer('extra_vcpus').notNullable().defaultTo(0);
      t.integer('extra_memory_mb').notNullable().defaultTo(0);
    });
  },
};

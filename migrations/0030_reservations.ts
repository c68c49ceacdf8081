// Why: servers that were asked for together are placed together, and found by what they have in common.

import type { Migration } from '../src/db/migrate.ts';

export const reservations: Migration = {
  name: '0030_reservations',
  async up(knex) {
    await knex.schema.alterTable('servers', (t) => t.index(['reservation_id']));
  },
};

// Why: servers that were asked for together are placed together, and found by what they have in common.

import type { Migration } from '../src/db/migrate.ts';
import { change } from './statements.ts';

export const reservations: Migration = {
  name: '0030_reservations',
  async up(knex) {
    await change(knex, 'servers', (t) => t.index(['reservation_id']));
  },
};

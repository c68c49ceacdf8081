// Why: servers that found no room wait for it where every worker sees them, and whoever gives room back finds who waits.

import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

export const waitingPlacements: Migration = {
  name: '0040_waiting_placements',
  async up(knex) {
    await table(knex, 'waiting_placements', (t) => {
      t.integer('action_id').unsigned().primary();
      t.bigInteger('since').notNullable(); // it was tried last then: who waits longest is woken first
      t.boolean('woken').notNullable(); // room appeared since it was tried last
      t.index(['woken', 'since']);
    });
  },
};

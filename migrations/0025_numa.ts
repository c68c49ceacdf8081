// Why: which NUMA nodes, processors and pages of its host a server has is a part of its claim, and what is left of a host's is a
// sum as the others. It stands there once, so the table that was to hold it for its own route goes.

import type { Migration } from '../src/db/migrate.ts';
import { change, dropTable } from './statements.ts';

export const numa: Migration = {
  name: '0025_numa',
  async up(knex) {
    for (const table of ['claims', 'held_claims']) {
      // NumaTopology; null: the server leaves it to its host
      await change(knex, table, (t) => t.text('numa', 'mediumtext'));
    }
    // NumaUsage; null: nothing is taken
    await change(knex, 'hosts', (t) => t.text('numa_used', 'mediumtext'));
    await dropTable(knex, 'server_topologies');
  },
};

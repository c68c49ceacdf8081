// Why: what operators count on their hosts beside vCPUs, memory and disk (licences, accelerators) is claimed as these are.

import type { Migration } from '../src/db/migrate.ts';
import { change } from './statements.ts';

export const resources: Migration = {
  name: '0027_resources',
  async up(knex) {
    for (const table of ['claims', 'held_claims']) {
      // Resources; null: none
      await change(knex, table, (t) => t.text('resources', 'mediumtext'));
    }
    // Resources; null: nothing is taken
    await change(knex, 'hosts', (t) => t.text('resources_used', 'mediumtext'));
  },
};

// Why: what concerns many rows at once (that no two subnets overlap) has no row of its own to lock.

import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

export const namedLocks: Migration = {
  name: '0034_named_locks',
  async up(knex) {
    await table(knex, 'named_locks', (t) => void t.string('name', 64).primary());
    await knex('named_locks').insert({ name: 'subnet_ranges' }).onConflict('name').ignore();
  },
};

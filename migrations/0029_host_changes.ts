// Why: every process keeps what the scheduler reads of hosts, and asks only for what changed since it last looked; and a host is
// locked by its name without looking at, and waiting for, all others.

import type { Migration } from '../src/db/migrate.ts';
import { change } from './statements.ts';

export const hostChanges: Migration = {
  name: '0029_host_changes',
  async up(knex) {
    await change(knex, 'hosts', (t) => {
      // when the row was last written, in microseconds by the database's own clock: see src/db/host-changes.ts
      t.bigInteger('changed_at').notNullable().defaultTo(0);
      t.index(['changed_at', 'generation']);
      t.index(['host']);
    });
  },
};

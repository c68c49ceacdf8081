// Why: what guests and hosts took over the last day is a ring: each has a row for each slot of the day, which is written over.

import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

export const usageSamples: Migration = {
  name: '0048_usage_samples',
  async up(knex) {
    await table(knex, 'usage_samples', (t) => {
      t.integer('server_id').unsigned().notNullable(); // servers.id; 0: it is a host's
      t.integer('host_id').unsigned().notNullable(); // hosts.id; 0: it is a server's
      t.integer('slot').notNullable();
      t.bigInteger('at').notNullable();
      t.text('sample').notNullable(); // JSON: GuestUsage or HostUsage
      t.primary(['server_id', 'host_id', 'slot']);
      t.index(['at']);
    });
    await knex('named_locks').insert({ name: 'reconcile.usageSamples' }).onConflict('name').ignore();
  },
};

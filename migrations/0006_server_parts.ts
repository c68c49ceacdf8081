// Why: two parts of a server that few servers have and only their own routes read.

import type { Migration } from '../src/db/migrate.ts';
import { table } from './statements.ts';

export const serverParts: Migration = {
  name: '0006_server_parts',
  async up(knex) {
    // The administrator's password, encrypted for the owner of the server's key.
    await table(knex, 'server_passwords', (t) => {
      t.integer('server_id').unsigned().primary().references('servers.id').onDelete('CASCADE');
      t.string('password', 1020).notNullable();
    });
    // NumaTopology as placement made it; no row: the guest has no NUMA nodes of its own.
    await table(knex, 'server_topologies', (t) => {
      t.integer('server_id').unsigned().primary().references('servers.id').onDelete('CASCADE');
      t.text('topology', 'mediumtext').notNullable();
    });
  },
};

// Why: servers that are reached by a port of this machine have it until they go, and no two have the same.

import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

export const sshPorts: Migration = {
  name: '0051_ssh_ports',
  async up(knex) {
    await table(knex, 'ssh_ports', (t) => {
      t.integer('server_id').unsigned().notNullable().primary(); // servers.id
      t.integer('port').unsigned().notNullable().unique();
    });
    await knex('named_locks').insert({ name: 'sshPorts' }).onConflict('name').ignore();
  },
};

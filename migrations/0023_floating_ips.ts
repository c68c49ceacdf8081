// Why: the built-in network service gives out floating addresses. Each has a port on its external network, which holds the
// address there like any other port's, and may lead to an address of another port.

import type { Migration } from '../src/db/migrate.ts';
import { table } from './statements.ts';

export const floatingIps: Migration = {
  name: '0023_floating_ips',
  async up(knex) {
    await table(knex, 'floating_ips', (t) => {
      t.string('id', 36).primary();
      t.string('project_id', 64).notNullable();
      t.string('description', 255).notNullable();
      t.string('floating_network_id', 36).notNullable().references('networks.id');
      t.string('floating_port_id', 36).notNullable().references('ports.id');
      // never another than its port's; here so that lists filter and sort by it
      t.string('floating_ip_address', 64).notNullable();
      t.string('port_id', 36).references('ports.id');
      t.string('fixed_ip_address', 64);
      t.string('status', 16).notNullable();
      t.text('tags').notNullable(); // JSON list
      t.integer('revision').notNullable().defaultTo(1);
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at').notNullable();
      t.index(['project_id']);
      t.index(['floating_ip_address']);
      // an address of a port has one floating address of each external network at most
      t.unique(['port_id', 'fixed_ip_address', 'floating_network_id'], { indexName: 'floating_ips_target_unique' });
    });
  },
};

// Why: the built-in network service.

import type { Knex } from 'knex';
import { table } from '../statements.ts';

export async function makeNetworks(knex: Knex): Promise<void> {
  await table(knex, 'networks', (t) => {
    t.string('id', 36).primary();
    t.string('project_id', 64).notNullable();
    t.string('name', 255).notNullable();
    t.string('description', 255).notNullable();
    t.boolean('admin_state_up').notNullable();
    t.boolean('shared').notNullable();
    t.boolean('external').notNullable();
    t.boolean('is_default').notNullable();
    t.boolean('port_security_enabled').notNullable();
    t.integer('mtu').notNullable();
    t.text('tags').notNullable();
    t.integer('revision').notNullable().defaultTo(1);
    t.bigInteger('created_at').notNullable();
    t.bigInteger('updated_at').notNullable();
  });

  await table(knex, 'subnets', (t) => {
    t.string('id', 36).primary();
    t.string('network_id', 36).notNullable().references('networks.id').onDelete('CASCADE');
    t.string('project_id', 64).notNullable();
    t.string('name', 255).notNullable();
    t.string('description', 255).notNullable();
    t.integer('ip_version').notNullable();
    t.string('cidr', 64).notNullable();
    t.string('gateway_ip', 64);
    t.boolean('enable_dhcp').notNullable();
    t.text('allocation_pools').notNullable(); // JSON [{start, end}]
    t.text('dns_nameservers').notNullable();
    t.text('host_routes').notNullable();
    t.text('tags').notNullable();
    t.integer('revision').notNullable().defaultTo(1);
    t.bigInteger('created_at').notNullable();
    t.bigInteger('updated_at').notNullable();
  });

  await table(knex, 'ports', (t) => {
    t.string('id', 36).primary();
    t.string('network_id', 36).notNullable().references('networks.id');
    t.string('project_id', 64).notNullable();
    t.string('name', 255).notNullable();
    t.string('description', 255).notNullable();
    t.string('mac_address', 17).notNullable();
    t.boolean('admin_state_up').notNullable();
    t.string('status', 16).notNullable();
    t.string('device_id', 255).notNullable();
    t.string('device_owner', 255).notNullable();
    t.boolean('port_security_enabled').notNullable();
    t.text('security_groups').notNullable(); // JSON list of ids
    t.text('binding').notNullable(); // JSON {host_id, vnic_type, vif_type, vif_details, profile}
    t.text('allowed_address_pairs').notNullable(); // JSON list
    t.text('tags').notNullable();
    t.integer('revision').notNullable().defaultTo(1);
    t.bigInteger('created_at').notNullable();
    t.bigInteger('updated_at').notNullable();
    t.unique(['network_id', 'mac_address']);
    t.index(['device_id']);
    t.index(['project_id']);
  });

  // the unique key is what makes allocation safe under concurrency
  await table(knex, 'ip_allocations', (t) => {
    t.string('subnet_id', 36).notNullable().references('subnets.id');
    t.string('ip_address', 64).notNullable();
    t.string('port_id', 36).notNullable().references('ports.id').onDelete('CASCADE');
    t.primary(['subnet_id', 'ip_address']);
    t.index(['port_id']);
  });

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

  await table(knex, 'security_groups', (t) => {
    t.string('id', 36).primary();
    t.string('project_id', 64).notNullable();
    t.string('name', 255).notNullable();
    t.string('description', 255).notNullable();
    t.boolean('stateful').notNullable();
    t.text('tags').notNullable();
    t.integer('revision').notNullable().defaultTo(1);
    t.bigInteger('created_at').notNullable();
    t.bigInteger('updated_at').notNullable();
    t.index(['project_id', 'name']);
  });

  await table(knex, 'security_group_rules', (t) => {
    t.string('id', 36).primary();
    t.string('security_group_id', 36).notNullable().references('security_groups.id').onDelete('CASCADE');
    t.string('project_id', 64).notNullable();
    t.string('direction', 8).notNullable();
    t.string('ethertype', 8).notNullable();
    t.string('protocol', 32);
    t.integer('port_range_min');
    t.integer('port_range_max');
    t.string('remote_ip_prefix', 64);
    t.string('remote_group_id', 36);
    t.string('description', 255).notNullable();
    t.bigInteger('created_at').notNullable();
    t.bigInteger('updated_at').notNullable();
  });

  // network quotas that an administrator changed
  await table(knex, 'network_quotas', (t) => {
    t.string('project_id', 64).notNullable();
    t.string('resource', 64).notNullable();
    t.integer('hard_limit').notNullable();
    t.primary(['project_id', 'resource']);
  });
}

// Why: services, the hosts behind them, and the aggregates and zones that operators put them into.

import type { Knex } from 'knex';
import { table } from '../statements.ts';

export async function makeHosts(knex: Knex): Promise<void> {
  // One row per service process's role; `nova-compute` rows have a host row beside them.
  await table(knex, 'services', (t) => {
    t.increments('id');
    t.string('uuid', 36).notNullable().unique();
    t.string('binary', 64).notNullable();
    t.string('host', 255).notNullable();
    t.string('zone', 255).notNullable();
    t.boolean('disabled').notNullable().defaultTo(false);
    t.string('disabled_reason', 255);
    t.boolean('forced_down').notNullable().defaultTo(false);
    t.bigInteger('last_seen_at');
    t.bigInteger('created_at').notNullable();
    t.bigInteger('updated_at');
    t.unique(['host', 'binary']);
  });

  // A hypervisor: what it has (inventory), what is claimed of it, and the generation that every claim moves on.
  await table(knex, 'hosts', (t) => {
    t.increments('id');
    t.string('uuid', 36).notNullable().unique();
    t.integer('service_id').unsigned().notNullable().references('services.id');
    t.string('host', 255).notNullable();
    t.string('hypervisor_hostname', 255).notNullable().unique();
    t.string('hypervisor_type', 64).notNullable();
    t.integer('hypervisor_version').notNullable();
    t.string('host_ip', 64);
    t.integer('vcpus').notNullable();
    t.integer('memory_mb').notNullable();
    t.integer('disk_gb').notNullable();
    t.double('cpu_allocation_ratio').notNullable();
    t.double('ram_allocation_ratio').notNullable();
    t.double('disk_allocation_ratio').notNullable();
    t.integer('reserved_vcpus').notNullable().defaultTo(0);
    t.integer('reserved_memory_mb').notNullable().defaultTo(0);
    t.integer('reserved_disk_gb').notNullable().defaultTo(0);
    t.integer('claimed_vcpus').notNullable().defaultTo(0);
    t.integer('claimed_memory_mb').notNullable().defaultTo(0);
    t.integer('claimed_disk_gb').notNullable().defaultTo(0);
    // the sum of the servers' maxima, for the headroom weigher
    t.integer('ceiling_vcpus').notNullable().defaultTo(0);
    t.integer('ceiling_memory_mb').notNullable().defaultTo(0);
    t.integer('running_vms').notNullable().defaultTo(0);
    t.integer('generation').notNullable().defaultTo(0);
    // HostFacts: cpu model, NUMA cells, capabilities of the driver, free disk
    t.text('facts', 'mediumtext').notNullable();
    // NumaUsage, Resources, TakenDevice[]; null: nothing is taken
    t.text('numa_used', 'mediumtext');
    t.text('resources_used', 'mediumtext');
    t.text('pci_taken', 'mediumtext');
    t.bigInteger('created_at').notNullable();
    t.bigInteger('updated_at');
    // when the row was last written, in microseconds by the database's own clock: see src/db/host-changes.ts
    t.bigInteger('changed_at').notNullable().defaultTo(0);
    t.index(['changed_at', 'generation']);
    t.index(['host']);
  });

  await table(knex, 'aggregates', (t) => {
    t.increments('id');
    t.string('uuid', 36).notNullable().unique();
    t.string('name', 255).notNullable().unique();
    t.bigInteger('created_at').notNullable();
    t.bigInteger('updated_at');
  });

  await table(knex, 'aggregate_hosts', (t) => {
    t.integer('aggregate_id').unsigned().notNullable().references('aggregates.id').onDelete('CASCADE');
    t.string('host', 255).notNullable();
    t.primary(['aggregate_id', 'host']);
    t.index(['host']);
  });

  // the pair `availability_zone` puts the aggregate's hosts into that zone
  await table(knex, 'aggregate_metadata', (t) => {
    t.integer('aggregate_id').unsigned().notNullable().references('aggregates.id').onDelete('CASCADE');
    t.string('key', 255).notNullable();
    t.string('value', 255).notNullable();
    t.primary(['aggregate_id', 'key']);
  });
}

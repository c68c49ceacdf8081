// Why: what is claimed of hosts, by servers where they are and where they go.

import type { Knex } from 'knex';
import { table } from '../statements.ts';

export async function makePlacement(knex: Knex): Promise<void> {
  // What a server holds of a host: one number behind hypervisor statistics, quota, limits and usage.
  await table(knex, 'claims', (t) => {
    t.integer('server_id').unsigned().primary().references('servers.id').onDelete('CASCADE');
    t.integer('host_id').unsigned().notNullable().references('hosts.id');
    t.integer('vcpus').notNullable();
    t.integer('memory_mb').notNullable();
    t.integer('disk_gb').notNullable();
    t.integer('max_vcpus').notNullable();
    t.integer('max_memory_mb').notNullable();
    // NumaTopology; null: the server leaves it to its host
    t.text('numa', 'mediumtext');
    // Resources, TakenDevice[]; null: none
    t.text('resources', 'mediumtext');
    t.text('pci', 'mediumtext');
    t.index(['host_id']);
  });

  await table(knex, 'migrations', (t) => {
    t.increments('id');
    t.string('uuid', 36).notNullable().unique();
    t.string('server_uuid', 36).notNullable();
    t.string('migration_type', 16).notNullable();
    t.string('status', 32).notNullable();
    t.string('source_compute', 255).notNullable();
    t.string('source_node', 255).notNullable();
    t.string('dest_compute', 255);
    t.string('dest_node', 255);
    t.string('dest_host', 64);
    t.integer('old_flavor_id');
    t.integer('new_flavor_id');
    t.string('user_id', 64).notNullable();
    t.string('project_id', 64).notNullable();
    // of a live migration, in bytes
    t.bigInteger('memory_total');
    t.bigInteger('memory_processed');
    t.bigInteger('memory_remaining');
    t.bigInteger('disk_total');
    t.bigInteger('disk_processed');
    t.bigInteger('disk_remaining');
    // abort | force: what somebody asked of a live migration that runs
    t.string('wish', 8);
    // what the server was before a resize, for its revert (Before in src/domain/servers/migrations.ts)
    t.text('before', 'mediumtext');
    t.bigInteger('created_at').notNullable();
    t.bigInteger('updated_at').notNullable();
    t.index(['server_uuid', 'status']);
    t.index(['created_at', 'id']);
    t.index(['status', 'updated_at']);
    t.index(['source_compute']);
    t.index(['dest_compute']);
  });

  // What a moving server claims where it is not: of the host that it goes to, later of the one that it came from.
  await table(knex, 'held_claims', (t) => {
    t.integer('migration_id').unsigned().primary().references('migrations.id').onDelete('CASCADE');
    t.integer('server_id').unsigned().notNullable().references('servers.id').onDelete('CASCADE');
    t.integer('host_id').unsigned().notNullable().references('hosts.id');
    t.integer('vcpus').notNullable();
    t.integer('memory_mb').notNullable();
    t.integer('disk_gb').notNullable();
    t.integer('max_vcpus').notNullable();
    t.integer('max_memory_mb').notNullable();
    // NumaTopology; null: the server leaves it to its host
    t.text('numa', 'mediumtext');
    // Resources, TakenDevice[]; null: none
    t.text('resources', 'mediumtext');
    t.text('pci', 'mediumtext');
    t.index(['server_id']);
    t.index(['host_id']);
  });

  // Hosts that could not be asked to remove what a server had there.
  await table(knex, 'remnants', (t) => {
    t.string('server_uuid', 36).notNullable();
    t.string('host', 255).notNullable();
    t.bigInteger('created_at').notNullable();
    t.primary(['server_uuid', 'host']);
  });
}

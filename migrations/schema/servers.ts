// Why: a server's row and what hangs on it.

import type { Knex } from 'knex';
import { table } from '../statements.ts';

export async function makeServers(knex: Knex): Promise<void> {
  await table(knex, 'servers', (t) => {
    t.increments('id');
    t.string('uuid', 36).notNullable().unique();
    t.string('project_id', 64).notNullable();
    t.string('user_id', 64).notNullable();
    t.string('display_name', 255).notNullable();
    t.string('display_description', 255);
    t.string('hostname', 255).notNullable();
    t.string('reservation_id', 64).notNullable();
    t.integer('launch_index').notNullable().defaultTo(0);
    t.string('vm_state', 32).notNullable();
    t.string('task_state', 32);
    t.integer('power_state').notNullable().defaultTo(0);
    t.integer('progress').notNullable().defaultTo(0);
    t.string('image_ref', 64).notNullable().defaultTo('');
    // ImageFacts as they were when the server was created: later changes of the image do not reach it
    t.text('image', 'mediumtext').notNullable();
    t.string('flavorid', 255).notNullable();
    // FlavorSnapshot: the only source of the server's minimum and maximum (never the metadata)
    t.text('flavor', 'mediumtext').notNullable();
    t.integer('vcpus').notNullable(); // of the flavor: the maximum
    t.integer('memory_mb').notNullable();
    t.integer('root_gb').notNullable();
    t.integer('ephemeral_gb').notNullable();
    t.string('host', 255);
    t.string('node', 255);
    t.string('availability_zone', 255);
    t.string('requested_zone', 255);
    t.string('key_name', 255);
    t.text('key_data', 'mediumtext');
    t.text('user_data', 'mediumtext');
    t.boolean('config_drive').notNullable().defaultTo(false);
    t.boolean('auto_disk_config').notNullable().defaultTo(true);
    t.string('access_ip_v4', 39);
    t.string('access_ip_v6', 39);
    t.string('root_device_name', 255);
    // of the image, here because lists filter and sort by them
    t.string('kernel_id', 64);
    t.string('ramdisk_id', 64);
    t.string('locked_by', 16);
    t.string('locked_reason', 255);
    t.text('scheduler_hints', 'mediumtext').notNullable();
    // everything else that was asked for at creation and that only the sagas read (BuildRequest)
    t.text('build', 'mediumtext').notNullable();

    // live adjustment, see src/domain/adjustment/adjust.ts
    t.integer('current_vcpus').notNullable();
    t.integer('current_memory_mb').notNullable();
    t.integer('target_vcpus').notNullable();
    t.integer('target_memory_mb').notNullable();
    t.integer('boot_vcpus').notNullable(); // the size at the next power cycle
    t.integer('boot_memory_mb').notNullable();
    t.integer('guest_online_vcpus'); // as the guest says; null when it cannot be asked
    t.integer('guest_available_mb');
    t.string('adjust_status', 16).notNullable().defaultTo('idle');
    t.boolean('adjust_persist').notNullable().defaultTo(true);
    t.string('adjust_request_id', 64);
    t.text('adjust_message');
    t.bigInteger('adjust_updated_at');

    // whether the flavor's minimum differs from its maximum
    t.boolean('elastic').notNullable().defaultTo(false);
    // what the quota let in for the task that runs, and the server does not claim yet; null: nothing
    t.integer('promised_vcpus');
    t.integer('promised_memory_mb');

    t.bigInteger('created_at').notNullable();
    t.bigInteger('updated_at');
    t.bigInteger('launched_at');
    t.bigInteger('terminated_at');
    t.bigInteger('deleted_at');
    t.boolean('deleted').notNullable().defaultTo(false);
    t.index(['project_id', 'deleted', 'created_at', 'id']);
    t.index(['deleted', 'created_at', 'id']);
    t.index(['host', 'deleted']);
    t.index(['updated_at']);
    t.index(['deleted', 'deleted_at']);
    t.index(['reservation_id']);
    // what is under way on each host, for the scheduler and for hypervisors
    t.index(['task_state', 'host']);
    // pages of usage go by project and uuid, deleted servers among them
    t.index(['project_id', 'uuid']);
    t.index(['project_id', 'elastic', 'deleted', 'created_at', 'id'], 'servers_elastic_of_project');
    t.index(['elastic', 'deleted', 'created_at', 'id'], 'servers_elastic');
  });

  await table(knex, 'server_metadata', (t) => {
    t.integer('server_id').unsigned().notNullable().references('servers.id').onDelete('CASCADE');
    t.string('key', 255).notNullable();
    t.string('value', 255).notNullable();
    t.primary(['server_id', 'key']);
  });

  await table(knex, 'server_tags', (t) => {
    t.integer('server_id').unsigned().notNullable().references('servers.id').onDelete('CASCADE');
    t.string('tag', 80).notNullable();
    t.primary(['server_id', 'tag']);
  });

  // What Nova calls the network info cache: one row per port, in the order of the request.
  await table(knex, 'server_nics', (t) => {
    t.integer('server_id').unsigned().notNullable().references('servers.id').onDelete('CASCADE');
    t.string('port_id', 36).notNullable();
    t.integer('position').notNullable();
    t.boolean('preexisting').notNullable(); // the caller's own port: unbound, not deleted, with the server
    t.text('nic', 'mediumtext').notNullable(); // NicSpec without its network
    t.text('network', 'mediumtext').notNullable(); // NetworkFacts: the same text for every port of a network, parsed once
    // the fixed addresses between blanks, for the list filters `ip` and `ip6`
    t.string('addresses_v4', 1024).notNullable();
    t.string('addresses_v6', 2048).notNullable();
    t.primary(['server_id', 'port_id']);
  });

  await table(knex, 'server_faults', (t) => {
    t.increments('id');
    t.integer('server_id').unsigned().notNullable().references('servers.id').onDelete('CASCADE');
    t.integer('code').notNullable();
    t.text('message').notNullable();
    t.text('details', 'mediumtext');
    t.bigInteger('created_at').notNullable();
    t.index(['server_id', 'id']);
  });

  // The administrator's password, encrypted for the owner of the server's key.
  await table(knex, 'server_passwords', (t) => {
    t.integer('server_id').unsigned().primary().references('servers.id').onDelete('CASCADE');
    t.string('password', 1020).notNullable();
  });

  // A span of time in which a server had one size; `ended_at` is null for the present one, which deleted servers lack.
  await table(knex, 'server_sizes', (t) => {
    t.increments('id');
    t.integer('server_id').unsigned().notNullable().references('servers.id').onDelete('CASCADE');
    t.string('project_id', 64).notNullable();
    t.string('user_id', 64).notNullable();
    t.integer('vcpus').notNullable();
    t.integer('memory_mb').notNullable();
    t.integer('disk_gb').notNullable();
    // counted in addition to what the server has, and not billed
    t.integer('extra_vcpus').notNullable().defaultTo(0);
    t.integer('extra_memory_mb').notNullable().defaultTo(0);
    t.boolean('billed').notNullable().defaultTo(false);
    // whether quota counts it: a soft-deleted server still costs, but no longer counts
    t.boolean('counted').notNullable();
    t.bigInteger('started_at').notNullable();
    t.bigInteger('ended_at');
    t.index(['server_id', 'ended_at']);
  });

  await table(knex, 'server_groups', (t) => {
    t.increments('id');
    t.string('uuid', 36).notNullable().unique();
    t.string('project_id', 64).notNullable();
    t.string('user_id', 64).notNullable();
    t.string('name', 255).notNullable();
    t.string('policy', 32).notNullable();
    // the only rule there is; null: none was given
    t.integer('max_server_per_host');
    t.bigInteger('created_at').notNullable();
    t.index(['project_id', 'id']);
  });

  // a server joins at most one group, when it is created
  await table(knex, 'server_group_members', (t) => {
    t.integer('server_id').unsigned().primary().references('servers.id').onDelete('CASCADE');
    t.integer('group_id').unsigned().notNullable().references('server_groups.id').onDelete('CASCADE');
    t.index(['group_id', 'server_id']);
  });

  await table(knex, 'shelved_servers', (t) => {
    t.integer('server_id').unsigned().notNullable().primary().references('servers.id');
    t.string('image_id', 36).notNullable();
    t.bigInteger('shelved_at').notNullable();
    t.index(['shelved_at']);
  });

  await table(knex, 'console_auth_tokens', (t) => {
    t.increments('id');
    t.string('token_hash', 64).notNullable().unique(); // SHA-256
    t.integer('server_id').unsigned().notNullable().references('servers.id').onDelete('CASCADE');
    t.string('server_host', 255).notNullable(); // once the server is elsewhere, the token is void
    t.string('console_type', 32).notNullable();
    t.string('host', 255).notNullable();
    t.integer('port').notNullable();
    t.integer('tls_port');
    t.string('internal_access_path', 255);
    t.bigInteger('expires_at').notNullable();
    t.index(['expires_at']);
  });
}

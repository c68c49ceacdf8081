// Why: the compute service's own tables. Times are milliseconds since the epoch (BIGINT), JSON is text that src/db/codec.ts
// reads, names compare byte by byte on both engines.

import type { Migration } from '../src/db/migrate.ts';
import { table } from './statements.ts';

export const core: Migration = {
  name: '0001_core',
  async up(knex) {
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
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at');
    });

    await table(knex, 'flavors', (t) => {
      t.increments('id');
      t.string('flavorid', 255).notNullable().unique();
      t.string('name', 255).notNullable().unique();
      t.integer('vcpus').notNullable();
      t.integer('memory_mb').notNullable();
      t.integer('root_gb').notNullable();
      t.integer('ephemeral_gb').notNullable();
      t.integer('swap_mb').notNullable();
      t.double('rxtx_factor').notNullable();
      t.boolean('is_public').notNullable();
      t.boolean('disabled').notNullable().defaultTo(false);
      // 65,535 characters, each of up to three bytes
      t.text('description', 'mediumtext');
      // extra specs are few, always wanted with the flavor, and never searched: a JSON object of strings
      t.text('extra_specs', 'mediumtext').notNullable();
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at');
    });
    await table(knex, 'flavor_projects', (t) => {
      t.integer('flavor_id').unsigned().notNullable().references('flavors.id').onDelete('CASCADE');
      t.string('project_id', 64).notNullable();
      t.primary(['flavor_id', 'project_id']);
    });

    await table(knex, 'key_pairs', (t) => {
      t.increments('id');
      t.string('user_id', 64).notNullable();
      t.string('name', 255).notNullable();
      t.string('type', 16).notNullable();
      t.string('fingerprint', 255).notNullable();
      t.text('public_key', 'mediumtext').notNullable();
      t.bigInteger('created_at').notNullable();
      t.unique(['user_id', 'name']);
    });

    // project_id '' with user_id '': the class defaults; with user_id: that user's own limit
    await table(knex, 'quota_limits', (t) => {
      t.string('scope', 16).notNullable(); // class | project | user
      t.string('scope_id', 64).notNullable(); // class name or project id
      t.string('user_id', 64).notNullable().defaultTo('');
      t.string('resource', 64).notNullable();
      t.integer('hard_limit').notNullable();
      t.primary(['scope', 'scope_id', 'user_id', 'resource']);
    });

    // Whoever is about to use more of a project's quota moves its row on first: the check and the use are one.
    await table(knex, 'quota_projects', (t) => {
      t.string('project_id', 64).primary();
      t.integer('generation').notNullable();
    });

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

    // What a server holds of a host: one number behind hypervisor statistics, quota, limits and usage.
    await table(knex, 'claims', (t) => {
      t.integer('server_id').unsigned().primary().references('servers.id').onDelete('CASCADE');
      t.integer('host_id').unsigned().notNullable().references('hosts.id');
      t.integer('vcpus').notNullable();
      t.integer('memory_mb').notNullable();
      t.integer('disk_gb').notNullable();
      t.integer('max_vcpus').notNullable();
      t.integer('max_memory_mb').notNullable();
      t.index(['host_id']);
    });

    // An action is a saga and an event is a step of it: the user's history and the recovery's log are the same rows.
    await table(knex, 'instance_actions', (t) => {
      t.increments('id');
      t.string('server_uuid', 36).notNullable();
      t.string('action', 64).notNullable();
      t.string('request_id', 64).notNullable();
      t.string('project_id', 64).notNullable();
      t.string('user_id', 64).notNullable();
      t.bigInteger('start_time').notNullable();
      t.bigInteger('updated_at').notNullable();
      t.bigInteger('finish_time');
      t.string('message', 255); // Nova's: `Error` when a step failed
      t.string('state', 16).notNullable(); // queued | running | undoing | done
      t.text('input', 'mediumtext').notNullable(); // the saga's absolute targets; wiped of secrets when done
      t.string('lease_owner', 128);
      // nobody but the owner may run it before this moment; without an owner: not yet (a pause between attempts)
      t.bigInteger('lease_until');
      // times the present step was begun; back to 0 with each step that is done
      t.integer('attempts').notNullable().defaultTo(0);
      // a delete overtakes it: end it at the next step, the delete cleans up
      t.boolean('cancel').notNullable().defaultTo(false);
      t.index(['server_uuid', 'request_id']);
      t.index(['state', 'lease_until']);
    });
    await table(knex, 'instance_action_events', (t) => {
      t.increments('id');
      t.integer('action_id').unsigned().notNullable().references('instance_actions.id').onDelete('CASCADE');
      t.string('event', 255).notNullable();
      t.bigInteger('start_time').notNullable();
      t.bigInteger('finish_time');
      t.string('result', 32); // Success | Error
      t.text('traceback', 'mediumtext');
      t.text('details');
      t.string('host', 255);
      t.text('output', 'mediumtext'); // what the step returned, for the steps after it
      t.string('undo', 16); // done once the step's undo ran
      t.index(['action_id', 'id']);
    });
  },
};

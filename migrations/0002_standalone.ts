// Why: the tables of the built-in identity, image and network services. They exist everywhere (one schema, one version) and
// stay empty where the real neighbours are used.

import type { Migration } from '../src/db/migrate.ts';
import { table } from './statements.ts';

export const standalone: Migration = {
  name: '0002_standalone',
  async up(knex) {
    // `extra` in these tables: what a client stored beside the named properties, as Keystone lets it (JSON object)
    await table(knex, 'identity_domains', (t) => {
      t.string('id', 64).primary();
      t.string('name', 64).notNullable().unique();
      t.text('description').notNullable();
      t.boolean('enabled').notNullable();
      t.text('extra', 'mediumtext').notNullable();
    });
    await table(knex, 'identity_projects', (t) => {
      t.string('id', 64).primary();
      t.string('domain_id', 64).notNullable().references('identity_domains.id');
      t.string('name', 64).notNullable();
      t.text('description').notNullable();
      t.boolean('enabled').notNullable();
      t.text('tags', 'mediumtext').notNullable(); // JSON list
      t.text('extra', 'mediumtext').notNullable();
      t.unique(['domain_id', 'name']);
    });
    await table(knex, 'identity_users', (t) => {
      t.string('id', 64).primary();
      t.string('domain_id', 64).notNullable().references('identity_domains.id');
      t.string('name', 255).notNullable();
      t.string('default_project_id', 64);
      t.boolean('enabled').notNullable();
      t.string('password_hash', 255); // scrypt, as text with its parameters
      // tokens issued before this moment are no longer good (password change, disabling)
      t.bigInteger('tokens_valid_from').notNullable();
      t.text('extra', 'mediumtext').notNullable();
      t.unique(['domain_id', 'name']);
    });
    await table(knex, 'identity_roles', (t) => {
      t.string('id', 64).primary();
      t.string('name', 255).notNullable().unique();
      t.text('description');
      t.text('extra', 'mediumtext').notNullable();
    });
    await table(knex, 'identity_implied_roles', (t) => {
      t.string('prior_role_id', 64).notNullable().references('identity_roles.id').onDelete('CASCADE');
      t.string('implied_role_id', 64).notNullable().references('identity_roles.id').onDelete('CASCADE');
      t.primary(['prior_role_id', 'implied_role_id']);
    });
    // target: a project, a domain, or the system (target_id 'all')
    await table(knex, 'identity_assignments', (t) => {
      t.string('user_id', 64).notNullable().references('identity_users.id').onDelete('CASCADE');
      t.string('target_type', 16).notNullable();
      t.string('target_id', 64).notNullable();
      t.string('role_id', 64).notNullable().references('identity_roles.id').onDelete('CASCADE');
      t.primary(['user_id', 'target_type', 'target_id', 'role_id']);
    });
    await table(knex, 'identity_application_credentials', (t) => {
      t.string('id', 64).primary();
      t.string('user_id', 64).notNullable().references('identity_users.id').onDelete('CASCADE');
      t.string('project_id', 64).notNullable();
      t.string('name', 255).notNullable();
      t.text('description');
      t.string('secret_hash', 255).notNullable();
      t.text('roles', 'mediumtext').notNullable(); // JSON list of role ids
      t.boolean('unrestricted').notNullable();
      t.bigInteger('expires_at');
      t.unique(['user_id', 'name']);
    });
    // revoked tokens by their audit id, until they would have expired anyway
    await table(knex, 'identity_revocations', (t) => {
      t.string('audit_id', 64).primary();
      t.bigInteger('expires_at').notNullable();
      t.index(['expires_at']);
    });

    await table(knex, 'images', (t) => {
      t.string('id', 36).primary();
      t.string('name', 255);
      t.string('status', 16).notNullable();
      t.string('visibility', 16).notNullable();
      t.string('owner', 64);
      t.string('disk_format', 16);
      t.string('container_format', 16);
      t.integer('min_disk').notNullable();
      t.integer('min_ram').notNullable();
      t.bigInteger('size');
      t.bigInteger('virtual_size');
      t.string('checksum', 32);
      t.string('os_hash_algo', 16);
      t.string('os_hash_value', 128);
      t.boolean('protected').notNullable();
      t.boolean('os_hidden').notNullable();
      t.text('properties', 'mediumtext').notNullable(); // JSON object of strings
      t.text('tags').notNullable(); // JSON list
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at').notNullable();
      t.index(['name']);
      t.index(['created_at', 'id']);
      t.index(['owner']);
    });
    // the projects that a shared image is shared with
    await table(knex, 'image_members', (t) => {
      t.string('image_id', 36).notNullable().references('images.id').onDelete('CASCADE');
      t.string('member', 64).notNullable();
      t.string('status', 16).notNullable();
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at').notNullable();
      t.primary(['image_id', 'member']);
      t.index(['member']);
    });

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
  },
};

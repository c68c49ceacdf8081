// Why: the built-in identity service has groups, access rules of application credentials, and services, endpoints and regions that an
// administrator adds to those of the configuration.

import type { Migration } from '../src/db/upgrade.ts';
import { change, table } from './statements.ts';

export const identityMore: Migration = {
  name: '0059_identity_more',
  async up(knex) {
    await table(knex, 'identity_access_rules', (t) => {
      t.string('id', 64).primary();
      t.string('user_id', 64).notNullable().references('identity_users.id').onDelete('CASCADE');
      t.string('service', 64).notNullable();
      t.string('method', 16).notNullable();
      t.string('path', 128).notNullable();
      t.unique(['user_id', 'service', 'method', 'path'], { indexName: 'identity_access_rules_once' });
    });
    await change(knex, 'identity_application_credentials', (t) => {
      t.text('access_rules'); // JSON list of ids; null: it may ask for everything
    });

    await table(knex, 'identity_groups', (t) => {
      t.string('id', 64).primary();
      t.string('domain_id', 64).notNullable().references('identity_domains.id');
      t.string('name', 64).notNullable();
      t.text('description').notNullable();
      t.text('extra', 'mediumtext').notNullable();
      t.unique(['domain_id', 'name']);
    });
    await table(knex, 'identity_group_members', (t) => {
      t.string('group_id', 64).notNullable().references('identity_groups.id').onDelete('CASCADE');
      t.string('user_id', 64).notNullable().references('identity_users.id').onDelete('CASCADE');
      t.primary(['group_id', 'user_id']);
      t.index(['user_id']);
    });
    // as identity_assignments, of a group
    await table(knex, 'identity_group_assignments', (t) => {
      t.string('group_id', 64).notNullable().references('identity_groups.id').onDelete('CASCADE');
      t.string('target_type', 16).notNullable();
      t.string('target_id', 64).notNullable();
      t.string('role_id', 64).notNullable().references('identity_roles.id').onDelete('CASCADE');
      t.primary(['group_id', 'target_type', 'target_id', 'role_id']);
    });

    await table(knex, 'identity_regions', (t) => {
      t.string('id', 255).primary();
      t.text('description').notNullable();
      t.string('parent_region_id', 255);
      t.text('extra', 'mediumtext').notNullable();
    });
    await table(knex, 'identity_services', (t) => {
      t.string('id', 64).primary();
      t.string('type', 255).notNullable();
      t.boolean('enabled').notNullable();
      t.text('extra', 'mediumtext').notNullable(); // JSON; name and description among it
    });
    await table(knex, 'identity_endpoints', (t) => {
      t.string('id', 64).primary();
      t.string('service_id', 64).notNullable(); // one of identity_services, or of the configuration
      t.string('region_id', 255); // likewise
      t.string('interface', 8).notNullable();
      t.text('url').notNullable();
      t.boolean('enabled').notNullable();
      t.text('extra', 'mediumtext').notNullable();
      t.index(['service_id']);
    });
  },
};

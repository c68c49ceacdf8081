// Why: the built-in identity service. `extra` is what a client stored beside the named properties, as Keystone lets it (JSON object).

import type { Knex } from 'knex';
import { table } from '../statements.ts';

export async function makeIdentity(knex: Knex): Promise<void> {
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
}

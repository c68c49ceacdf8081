// Why: what servers are made of and by, and how much of it a project may have.

import type { Knex } from 'knex';
import { table } from '../statements.ts';

export async function makeFlavors(knex: Knex): Promise<void> {
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
    t.string('scope_id', 255).notNullable(); // class name or project id
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

  await table(knex, 'quota_usages', (t) => {
    t.string('project_id', 64).notNullable();
    t.string('user_id', 64).notNullable();
    t.bigInteger('instances').notNullable();
    t.bigInteger('cores').notNullable();
    t.bigInteger('ram').notNullable();
    t.primary(['project_id', 'user_id']);
  });
}

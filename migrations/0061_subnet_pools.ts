// Why: a subnet's range may be taken of a pool instead of being named.

import type { Migration } from '../src/db/upgrade.ts';
import { change, table } from './statements.ts';

export const subnetPools: Migration = {
  name: '0061_subnet_pools',
  async up(knex) {
    await table(knex, 'subnetpools', (t) => {
      t.string('id', 36).primary();
      t.string('project_id', 64).notNullable();
      t.string('name', 255).notNullable();
      t.string('description', 255).notNullable();
      t.integer('ip_version').notNullable();
      t.text('prefixes').notNullable(); // JSON list of ranges
      t.integer('min_prefixlen').notNullable();
      t.integer('default_prefixlen').notNullable();
      t.integer('max_prefixlen').notNullable();
      t.bigInteger('default_quota'); // addresses, or /64 of IPv6, that one project has of it; null: no limit
      t.boolean('shared').notNullable();
      t.boolean('is_default').notNullable();
      t.text('tags').notNullable();
      t.integer('revision').notNullable().defaultTo(1);
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at').notNullable();
      t.index(['project_id']);
    });
    await change(knex, 'subnets', (t) => {
      t.string('subnetpool_id', 36); // subnetpools.id; null: its range was named
      t.index(['subnetpool_id'], 'subnets_subnetpool_index');
    });
  },
};

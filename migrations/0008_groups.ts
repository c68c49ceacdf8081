// Why: groups of servers (kept together or apart) and groups of hosts (aggregates, which make zones), with what belongs to them.

import type { Migration } from '../src/db/migrate.ts';
import { change, table } from './statements.ts';

export const groups: Migration = {
  name: '0008_groups',
  async up(knex) {
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

    // what is under way on each host, for the scheduler and for hypervisors
    await change(knex, 'servers', (t) => t.index(['task_state', 'host']));
  },
};

// Why: what every server counted for and since when, for usage over time; and the sum of what counts now by project and user,
// so that a quota is checked without counting servers.

import type { Migration } from '../src/db/migrate.ts';
import { change, table } from './statements.ts';

export const serverSizes: Migration = {
  name: '0009_server_sizes',
  async up(knex) {
    // A span of time in which a server had one size; `ended_at` is null for the present one, which deleted servers lack.
    await table(knex, 'server_sizes', (t) => {
      t.increments('id');
      t.integer('server_id').unsigned().notNullable().references('servers.id').onDelete('CASCADE');
      t.string('project_id', 64).notNullable();
      t.string('user_id', 64).notNullable();
      t.integer('vcpus').notNullable();
      t.integer('memory_mb').notNullable();
      t.integer('disk_gb').notNullable();
      // whether quota counts it: a soft-deleted server still costs, but no longer counts
      t.boolean('counted').notNullable();
      t.bigInteger('started_at').notNullable();
      t.bigInteger('ended_at');
      t.index(['server_id', 'ended_at']);
    });
    await table(knex, 'quota_usages', (t) => {
      t.string('project_id', 64).notNullable();
      t.string('user_id', 64).notNullable();
      t.bigInteger('instances').notNullable();
      t.bigInteger('cores').notNullable();
      t.bigInteger('ram').notNullable();
      t.primary(['project_id', 'user_id']);
    });
    // a class may have a name as long as Nova's; SQLite counts no characters
    if (knex.client.config.client === 'mysql2') {
      await change(knex, 'quota_limits', (t) => t.string('scope_id', 255).notNullable().alter());
    }
    // pages of usage go by project and uuid, deleted servers among them
    await change(knex, 'servers', (t) => t.index(['project_id', 'uuid']));

    // servers that are there already begin their history now, with what they count for
    // what an upgrade that was ended here had written
    await knex('server_sizes').delete();
    await knex('quota_usages').delete();
    const waits = `servers.vm_state in ('building', 'shelved_offloaded')`;
    await knex.raw(`
      insert into server_sizes
        (server_id, project_id, user_id, vcpus, memory_mb, disk_gb, counted, started_at, ended_at)
      select servers.id, servers.project_id, servers.user_id,
        coalesce(claims.vcpus, case when ${waits} then servers.boot_vcpus else 0 end),
        coalesce(claims.memory_mb, case when ${waits} then servers.boot_memory_mb else 0 end),
        servers.root_gb + servers.ephemeral_gb,
        case when servers.vm_state = 'soft-delete' then 0 else 1 end,
        coalesce(servers.launched_at, servers.created_at), null
      from servers left join claims on claims.server_id = servers.id
      where servers.deleted = 0`);
    await knex.raw(`
      insert into quota_usages (project_id, user_id, instances, cores, ram)
      select project_id, user_id, count(*), sum(vcpus), sum(memory_mb)
      from server_sizes where counted = 1 group by project_id, user_id`);
  },
};

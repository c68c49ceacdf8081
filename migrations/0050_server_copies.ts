// Why: snapshots and backups of servers, and when the next backup of one is due.

import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

export const serverCopies: Migration = {
  name: '0050_server_copies',
  async up(knex) {
    await table(knex, 'server_copies', (t) => {
      t.string('id', 36).primary();
      t.string('server_uuid', 36).notNullable(); // servers.uuid, of a server that may be gone
      t.string('project_id', 64).notNullable();
      t.string('user_id', 64).notNullable();
      t.string('kind', 16).notNullable();
      t.string('parent_id', 36);
      t.string('chain_id', 36).notNullable();
      t.integer('position').notNullable();
      t.string('name', 255).notNullable();
      t.string('description', 255);
      t.text('tags').notNullable(); // JSON list
      t.string('status', 16).notNullable();
      t.text('reason');
      t.integer('quiesced').notNullable();
      t.string('live', 8); // JSON
      t.bigInteger('virtual_bytes');
      t.bigInteger('bytes');
      t.string('sha256', 64);
      t.string('image_ref', 36).notNullable();
      t.text('image'); // JSON: ImageFacts
      t.integer('root_gb').notNullable();
      t.integer('scheduled').notNullable();
      t.string('job', 16);
      t.bigInteger('job_due_at');
      t.bigInteger('verified_at');
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at').notNullable();
      t.index(['server_uuid', 'kind']);
      t.index(['project_id', 'kind']);
      t.index(['chain_id']);
      t.index(['status']);
      t.index(['job_due_at']);
    });
    await table(knex, 'backup_schedules', (t) => {
      t.string('server_uuid', 36).primary(); // servers.uuid
      t.string('project_id', 64).notNullable();
      t.string('user_id', 64).notNullable();
      t.string('cron', 128).notNullable();
      t.integer('keep').notNullable();
      t.integer('incrementals').notNullable();
      t.integer('quiesce').notNullable();
      t.integer('enabled').notNullable();
      t.bigInteger('next_at');
      t.bigInteger('last_at');
      t.text('last_problem');
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at').notNullable();
      t.index(['next_at']);
    });
    await knex('named_locks').insert({ name: 'reconcile.backupSchedules' }).onConflict('name').ignore();
  },
};

// Why: servers that adjust themselves have a policy that says how, a memory of what was seen of them, and a list of what was decided.

import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

export const adjustPolicies: Migration = {
  name: '0055_adjust_policies',
  async up(knex) {
    await table(knex, 'adjust_policies', (t) => {
      t.increments('id');
      t.string('uuid', 36).notNullable().unique();
      t.string('project_id', 64).notNullable();
      t.string('user_id', 64).notNullable();
      t.string('name', 255).notNullable();
      t.string('subject_kind', 16).notNullable(); // server, server_group or flavor
      t.string('subject_id', 255).notNullable();
      t.boolean('enabled').notNullable();
      t.boolean('dry_run').notNullable();
      t.text('pressure'); // JSON: PressureRules; null: it does not look
      t.text('schedules').notNullable(); // JSON: SizeSchedule[]
      t.bigInteger('next_at'); // when the next schedule is due; null: none
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at').notNullable();
      t.index(['enabled', 'subject_id']);
      t.index(['next_at']);
      t.index(['project_id', 'id']);
    });
    await table(knex, 'adjust_states', (t) => {
      t.integer('server_id').unsigned().primary().references('servers.id').onDelete('CASCADE');
      t.text('state').notNullable(); // JSON: AutoscaleState
    });
    await table(knex, 'adjust_decisions', (t) => {
      t.increments('id');
      t.integer('policy_id').unsigned().notNullable().references('adjust_policies.id').onDelete('CASCADE');
      t.string('server_uuid', 36).notNullable();
      t.bigInteger('decided_at').notNullable();
      t.string('kind', 16).notNullable(); // grow, shrink, schedule
      t.string('outcome', 16).notNullable(); // done, dry_run, refused
      t.integer('from_vcpus').notNullable();
      t.integer('from_memory_mb').notNullable();
      t.integer('to_vcpus').notNullable();
      t.integer('to_memory_mb').notNullable();
      t.text('reason').notNullable();
      t.text('measures'); // JSON: Pressure; null: by a schedule
      t.string('request_id', 64); // of the adjustment
      t.index(['policy_id', 'id']);
      t.index(['decided_at']);
      t.index(['server_uuid']);
    });
    for (const name of ['reconcile.adjustSchedules', 'reconcile.adjustDecisions']) {
      await knex('named_locks').insert({ name }).onConflict('name').ignore();
    }
  },
};

// Why: what is held has a price from the moment that it is held, and hours are recorded from that: a span of time knows its rate and how
// far it is recorded, in one row, so that nothing is recorded twice or left out.

import type { Migration } from '../src/db/upgrade.ts';
import { change, table } from './statements.ts';

export const metering: Migration = {
  name: '0049_metering',
  async up(knex) {
    await change(knex, 'server_sizes', (t) => {
      t.bigInteger('rate').notNullable().defaultTo(0); // millionths of the currency for 1,024 hours
      t.bigInteger('metered_until').notNullable().defaultTo(0);
      t.boolean('settled').notNullable().defaultTo(true); // nothing is to be recorded of it any more
      t.index(['settled', 'metered_until'], 'server_sizes_metered');
    });
    // what else is paid for by the hour; `kind` says of which table the subject is
    await table(knex, 'priced_spans', (t) => {
      t.increments('id');
      t.string('kind', 16).notNullable();
      t.string('subject_id', 36).notNullable();
      t.string('project_id', 64).notNullable();
      t.string('user_id', 64).notNullable();
      t.integer('gb').notNullable();
      t.bigInteger('rate').notNullable();
      t.bigInteger('started_at').notNullable();
      t.bigInteger('ended_at');
      t.bigInteger('metered_until').notNullable();
      t.boolean('settled').notNullable();
      t.index(['kind', 'subject_id', 'ended_at']);
      t.index(['settled', 'metered_until']);
    });
    await table(knex, 'usage_records', (t) => {
      t.string('project_id', 64).notNullable();
      t.bigInteger('hour').notNullable(); // its first millisecond
      t.string('kind', 16).notNullable();
      t.string('subject_id', 36).notNullable();
      t.string('user_id', 64).notNullable();
      t.bigInteger('held_ms').notNullable();
      t.bigInteger('vcpu_ms').notNullable();
      t.bigInteger('memory_mb_ms').notNullable();
      t.bigInteger('gb_ms').notNullable();
      t.bigInteger('amount').notNullable(); // millionths of the currency
      t.bigInteger('fraction').notNullable(); // and what remains of one: usage-records.ts
      t.primary(['project_id', 'hour', 'kind', 'subject_id']);
      t.index(['subject_id', 'hour']);
    });
    // millionths for an hour of a GiB, or of one
    await table(knex, 'prices', (t) => {
      t.string('kind', 16).primary();
      t.bigInteger('price').notNullable();
    });
    await knex('named_locks').insert({ name: 'reconcile.metering' }).onConflict('name').ignore();
  },
};

// Why: what an operator's Placement was told is remembered, so that only what changed is told, and only what is ours is taken back.

import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

export const placementMirror: Migration = {
  name: '0064_placement_mirror',
  async up(knex) {
    // one row
    await table(knex, 'placement_mirror', (t) => {
      t.integer('id').primary();
      t.bigInteger('since_us').notNullable().defaultTo(0); // hosts marked before it were told
      t.integer('after_host').unsigned().notNullable().defaultTo(0); // the last one that was compared in this round
      t.bigInteger('round_at').notNullable().defaultTo(0); // when the next round of comparisons goes on
    });
    await table(knex, 'placement_providers', (t) => {
      t.string('uuid', 36).primary(); // the host's, which may be gone
      t.string('name', 255).notNullable();
      t.bigInteger('mark_us').notNullable().defaultTo(0); // of the host, as it was told
      t.integer('generation').notNullable().defaultTo(0); // likewise
      t.text('told', 'mediumtext'); // JSON MirroredProvider; null: not known whether that was done
      t.bigInteger('due_at'); // when it is looked at again without a change; null: not at all
      t.integer('failures').notNullable().defaultTo(0);
      t.text('problem'); // why Placement does not say what it should; null: it does
      t.bigInteger('problem_since');
      t.index(['due_at']);
    });
    await table(knex, 'placement_consumers', (t) => {
      t.string('consumer', 36).primary(); // of a server, or of a migration
      t.string('provider', 36).notNullable();
      t.string('digest', 64); // of what was told; null: not known whether that was done
      t.index(['provider']);
    });
    await knex('placement_mirror').insert({ id: 1 }).onConflict('id').ignore();
    await knex('named_locks').insert({ name: 'reconcile.placementMirror' }).onConflict('name').ignore();
  },
};

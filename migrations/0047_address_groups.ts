// Why: rules speak of lists of addresses that have a name.

import type { Migration } from '../src/db/upgrade.ts';
import { change, table } from './statements.ts';

export const addressGroups: Migration = {
  name: '0047_address_groups',
  async up(knex) {
    await table(knex, 'address_groups', (t) => {
      t.string('id', 36).primary();
      t.string('project_id', 64).notNullable();
      t.string('name', 255).notNullable();
      t.string('description', 255).notNullable();
      t.text('addresses').notNullable(); // JSON list of ranges
      t.text('tags').notNullable();
      t.integer('revision').notNullable().defaultTo(1);
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at').notNullable();
      t.index(['project_id']);
    });
    await change(knex, 'security_group_rules', (t) => {
      t.string('remote_address_group_id', 36); // address_groups.id
      t.index(['remote_address_group_id'], 'security_group_rules_address_group_index');
    });
  },
};

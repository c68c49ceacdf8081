// Why: how much a port may send and be sent is said by policies, which networks and ports name.

import type { Migration } from '../src/db/upgrade.ts';
import { change, table } from './statements.ts';

export const qos: Migration = {
  name: '0045_qos',
  async up(knex) {
    await table(knex, 'qos_policies', (t) => {
      t.string('id', 36).primary();
      t.string('project_id', 64).notNullable();
      t.string('name', 255).notNullable();
      t.string('description', 255).notNullable();
      t.boolean('shared').notNullable();
      t.text('tags').notNullable();
      t.integer('revision').notNullable().defaultTo(1);
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at').notNullable();
      t.index(['project_id']);
    });
    await table(knex, 'qos_bandwidth_limits', (t) => {
      t.string('id', 36).primary();
      t.string('project_id', 64).notNullable(); // whose the policy is
      t.string('qos_policy_id', 36).notNullable().references('qos_policies.id');
      t.string('direction', 8).notNullable();
      t.integer('max_kbps').notNullable();
      t.integer('max_burst_kbps').notNullable(); // kbit; 0: as OVN sees fit
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at').notNullable();
      t.unique(['qos_policy_id', 'direction'], { indexName: 'qos_bandwidth_limits_direction_unique' });
    });
    for (const name of ['networks', 'ports']) {
      await change(knex, name, (t) => {
        t.string('qos_policy_id', 36); // qos_policies.id
        t.index(['qos_policy_id'], `${name}_qos_policy_index`);
      });
    }
  },
};

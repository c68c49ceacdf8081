// Why: a network may be shared with one project, and be the way outside of one; who may use it is a row each.

import type { Migration } from '../src/db/upgrade.ts';
import { newUuid } from '../src/base/ids.ts';
import { table } from './statements.ts';

export const networkRbac: Migration = {
  name: '0060_network_rbac',
  async up(knex) {
    await table(knex, 'network_rbac', (t) => {
      t.string('id', 36).primary();
      t.string('project_id', 64).notNullable(); // whose the network is
      t.string('object_id', 36).notNullable().references('networks.id').onDelete('CASCADE');
      t.string('action', 32).notNullable(); // access_as_shared, access_as_external
      t.string('target_project', 64).notNullable(); // '*': every project, which networks.shared and networks.external say too
      t.bigInteger('created_at').notNullable();
      t.unique(['object_id', 'action', 'target_project'], { indexName: 'network_rbac_once' });
      t.index(['target_project', 'action']);
    });
    const keys = ['object_id', 'action', 'target_project'];
    for (const [column, action] of [
      ['shared', 'access_as_shared'],
      ['external', 'access_as_external'],
    ] as const) {
      const networks: { id: string; project_id: string; created_at: number }[] = await knex('networks').where(
        column,
        1,
      );
      for (const { id, project_id, created_at } of networks) {
        const row = { id: newUuid(), project_id, object_id: id, action, target_project: '*', created_at };
        await knex('network_rbac').insert(row).onConflict(keys).ignore();
      }
    }
  },
};

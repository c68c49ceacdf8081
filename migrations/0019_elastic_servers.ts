// Why: the list of elastic servers must not read every server of a project to find the few whose size may change.

import { sameSize } from '../src/domain/adjustment/size.ts';
import { type FlavorSnapshot, maximumOf, minimumOf } from '../src/domain/machines/flavor.ts';
import type { Migration } from '../src/db/migrate.ts';
import { change } from './statements.ts';

export const elasticServers: Migration = {
  name: '0019_elastic_servers',
  async up(knex) {
    await change(knex, 'servers', (t) => {
      t.boolean('elastic').notNullable().defaultTo(false);
      t.index(['project_id', 'elastic', 'deleted', 'created_at', 'id'], 'servers_elastic_of_project');
      t.index(['elastic', 'deleted', 'created_at', 'id'], 'servers_elastic');
    });
    // few flavors, however many servers
    const rows: { flavor: string }[] = await knex('servers').distinct('flavor');
    for (const { flavor } of rows) {
      const snapshot = JSON.parse(flavor) as FlavorSnapshot;
      if (sameSize(minimumOf(snapshot), maximumOf(snapshot))) continue;
      await knex('servers').where({ flavor }).update({ elastic: 1 });
    }
  },
};

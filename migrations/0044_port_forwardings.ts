// Why: a floating address may lead to several ports, each by a port of its own.

import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

export const portForwardings: Migration = {
  name: '0044_port_forwardings',
  async up(knex) {
    await table(knex, 'port_forwardings', (t) => {
      t.string('id', 36).primary();
      t.string('project_id', 64).notNullable(); // whose the floating address is
      t.string('floatingip_id', 36).notNullable().references('floating_ips.id');
      t.string('protocol', 8).notNullable();
      t.integer('external_port').notNullable();
      t.string('internal_port_id', 36).notNullable().references('ports.id');
      t.string('internal_ip_address', 45).notNullable();
      t.integer('internal_port').notNullable();
      t.string('description', 255).notNullable();
      t.text('tags').notNullable();
      t.integer('revision').notNullable().defaultTo(1);
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at').notNullable();
      t.unique(['floatingip_id', 'protocol', 'external_port'], { indexName: 'port_forwardings_outside_unique' });
      t.unique(['internal_port_id', 'internal_ip_address', 'protocol', 'internal_port'], {
        indexName: 'port_forwardings_inside_unique',
      });
    });
  },
};

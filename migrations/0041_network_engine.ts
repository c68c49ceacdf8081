// Why: what OVN has to be told of is written with what was changed, so that it is told however often somebody dies in between; and
// networks get routers.

import type { Migration } from '../src/db/upgrade.ts';
import { change, table } from './statements.ts';

export const networkEngine: Migration = {
  name: '0041_network_engine',
  async up(knex) {
    await table(knex, 'network_units', (t) => {
      t.string('unit', 64).primary(); // what becomes rows of OVN together: port/<id>, network/<id>, …
      t.bigInteger('revision').notNullable(); // grows with every change
      t.boolean('dirty').notNullable(); // OVN was not told of this revision yet
      t.bigInteger('changed_at').notNullable();
      t.index(['dirty']);
    });
    await table(knex, 'routers', (t) => {
      t.string('id', 36).primary();
      t.string('project_id', 64).notNullable();
      t.string('name', 255).notNullable();
      t.string('description', 255).notNullable();
      t.boolean('admin_state_up').notNullable();
      t.string('gateway_network_id', 36).references('networks.id'); // null: it leads nowhere
      t.string('gateway_port_id', 36).references('ports.id');
      t.boolean('enable_snat').notNullable();
      t.text('routes').notNullable(); // JSON [{destination, nexthop}]
      t.text('tags').notNullable();
      t.integer('revision').notNullable().defaultTo(1);
      t.bigInteger('created_at').notNullable();
      t.bigInteger('updated_at').notNullable();
      t.index(['project_id']);
      t.index(['gateway_network_id']);
    });
    await table(knex, 'router_interfaces', (t) => {
      t.string('port_id', 36).primary().references('ports.id');
      t.string('router_id', 36).notNullable().references('routers.id');
      t.index(['router_id']);
    });
    await change(knex, 'floating_ips', (t) => {
      t.string('router_id', 36).notNullable().defaultTo(''); // by which it leads to its port, where there are routers
      t.index(['router_id']);
    });
  },
};

// Why: what hosts are in OVN, asked for apart from the rest of what they tell; and what a network is made of, and on which wire it is.

import type { Migration } from '../src/db/upgrade.ts';
import { change } from './statements.ts';

export const ovnHosts: Migration = {
  name: '0058_ovn_hosts',
  async up(knex) {
    await change(knex, 'hosts', (t) => {
      t.text('chassis'); // JSON {name, wires}; null: it is none
    });
    await change(knex, 'networks', (t) => {
      t.string('network_type', 16); // flat, vlan, geneve; null: what the engine makes of it
      t.string('physical_network', 64);
      t.integer('segmentation_id').unsigned();
    });
    await knex('named_locks').insert({ name: 'segments' }).onConflict('name').ignore();
  },
};

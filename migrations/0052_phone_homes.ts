// Why: what a guest told at the end of its first boot is shown until it tells it anew.

import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

export const phoneHomes: Migration = {
  name: '0052_phone_homes',
  async up(knex) {
    await table(knex, 'phone_homes', (t) => {
      t.integer('server_id').unsigned().notNullable().primary(); // servers.id
      t.bigInteger('at').notNullable();
      t.text('told').notNullable(); // JSON: PhoneHome
    });
  },
};

// Why: how many consoles one user holds open is bounded, so a token says for whom it was made.

import type { Migration } from '../src/db/migrate.ts';

export const consoleUsers: Migration = {
  name: '0031_console_users',
  async up(knex) {
    await knex.schema.alterTable('console_auth_tokens', (t) => t.string('user_id', 255).notNullable().defaultTo(''));
  },
};

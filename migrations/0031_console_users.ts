// Why: how many consoles one user holds open is bounded, so a token says for whom it was made.

import type { Migration } from '../src/db/upgrade.ts';
import { change } from './statements.ts';

export const consoleUsers: Migration = {
  name: '0031_console_users',
  async up(knex) {
    await change(knex, 'console_auth_tokens', (t) => t.string('user_id', 255).notNullable().defaultTo(''));
  },
};

// Why: a console's address carries a token, and whoever brings it is let through to the guest: what it stands for is kept here
// until it expires, and of the token itself only a hash.

import type { Migration } from '../src/db/migrate.ts';
import { table } from './statements.ts';

export const consoleAuthTokens: Migration = {
  name: '0016_console_auth_tokens',
  async up(knex) {
    await table(knex, 'console_auth_tokens', (t) => {
      t.increments('id');
      t.string('token_hash', 64).notNullable().unique(); // SHA-256
      t.integer('server_id').unsigned().notNullable().references('servers.id').onDelete('CASCADE');
      t.string('server_host', 255).notNullable(); // once the server is elsewhere, the token is void
      t.string('console_type', 32).notNullable();
      t.string('host', 255).notNullable();
      t.integer('port').notNullable();
      t.integer('tls_port');
      t.string('internal_access_path', 255);
      t.bigInteger('expires_at').notNullable();
      t.index(['expires_at']);
    });
  },
};

// Why: rows of deleted servers are removed for good: whose turn that is, and what has to be found for it.

import type { Migration } from '../src/db/upgrade.ts';
import { change } from './statements.ts';

export const purge: Migration = {
  name: '0035_purge',
  async up(knex) {
    // work that one process at a time does, now and then: nobody begins it before this moment
    await change(knex, 'named_locks', (t) => void t.bigInteger('not_before').notNullable().defaultTo(0));
    await knex('named_locks').insert({ name: 'purge' }).onConflict('name').ignore();
    await change(knex, 'console_auth_tokens', (t) => t.index(['server_id']));
    await change(knex, 'notifications', (t) => t.index(['created_at']));
  },
};

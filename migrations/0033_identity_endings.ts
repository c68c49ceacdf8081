// Why: what ended tokens may be undone: a project is enabled again, a role is given back. The tokens stay ended.

import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

export const identityEndings: Migration = {
  name: '0033_identity_endings',
  async up(knex) {
    // tokens issued before `valid_from` are no longer good: of one user on a target, or ('' for the user) of everybody
    await table(knex, 'identity_endings', (t) => {
      t.string('user_id', 64).notNullable();
      t.string('target_type', 16).notNullable();
      t.string('target_id', 64).notNullable();
      t.bigInteger('valid_from').notNullable();
      t.primary(['user_id', 'target_type', 'target_id']);
    });
  },
};

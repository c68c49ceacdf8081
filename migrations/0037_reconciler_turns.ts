// Why: a reconciler is run by one worker of a deployment at a time, and a turn is a row.

import type { Migration } from '../src/db/upgrade.ts';

const reconcilers = ['reclaim', 'staleClaims', 'stuckServers', 'unconfirmedResizes', 'shelvedServers', 'remnants'];

export const reconcilerTurns: Migration = {
  name: '0037_reconciler_turns',
  async up(knex) {
    await knex('named_locks')
      .insert(reconcilers.map((name) => ({ name: `reconcile.${name}` })))
      .onConflict('name')
      .ignore();
  },
};

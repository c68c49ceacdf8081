// Why: hosts that fell silent are looked for by one worker at a time, whose turn is a row as the other reconcilers'.

import type { Migration } from '../src/db/upgrade.ts';

export const evacuationTurn: Migration = {
  name: '0042_evacuation_turn',
  async up(knex) {
    await knex('named_locks').insert({ name: 'reconcile.evacuations' }).onConflict('name').ignore();
  },
};

// Why: which devices of its host a server has is a part of its claim, and what is taken of a host's is a sum as the others.

import type { Migration } from '../src/db/migrate.ts';
import { change } from './statements.ts';

export const pci: Migration = {
  name: '0028_pci',
  async up(knex) {
    for (const table of ['claims', 'held_claims']) {
      // TakenDevice[]; null: none
      await change(knex, table, (t) => t.text('pci', 'mediumtext'));
    }
    // TakenDevice[]; null: none
    await change(knex, 'hosts', (t) => t.text('pci_taken', 'mediumtext'));
  },
};

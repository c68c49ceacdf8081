// Why: who looks for hosts that stopped reporting, or for what was reported since, shall find those and not read all.

import type { Migration } from '../src/db/upgrade.ts';
import { change } from './statements.ts';

export const beats: Migration = {
  name: '0039_beats',
  async up(knex) {
    await change(knex, 'services', (t) => {
      t.index(['last_seen_at']);
      t.index(['forced_down']);
    });
  },
};

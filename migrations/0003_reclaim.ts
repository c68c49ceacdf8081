// Why: servers that were deleted softly are looked for again and again, until their time is over.

import type { Migration } from '../src/db/migrate.ts';
import { change } from './statements.ts';

export const reclaim: Migration = {
  name: '0003_reclaim',
  async up(knex) {
    await change(knex, 'servers', (t) => {
      t.index(['deleted', 'deleted_at']);
    });
  },
};

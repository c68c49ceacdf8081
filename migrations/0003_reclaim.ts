// Why: servers that were deleted softly are looked for again and again, until their time is over.

import type { Migration } from '../src/db/migrate.ts';

export const reclaim: Migration = {
  name: '0003_reclaim',
  async up(knex) {
    await knex.schema.alterTable('servers', (t) => {
      t.index(['deleted', 'deleted_at']);
    });
  },
};

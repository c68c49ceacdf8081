// Why: a server is billed from its first launch on. Resizes, rebuilds and unshelving move `launched_at`, so that the row alone
// would forget what came before; the history keeps it.

import type { Migration } from '../src/db/migrate.ts';
import { change } from './statements.ts';

export const billedSizes: Migration = {
  name: '0021_billed_sizes',
  async up(knex) {
    await change(knex, 'server_sizes', (t) => {
      t.boolean('billed').notNullable().defaultTo(false);
    });
    const launched = knex('servers').select('id').whereNotNull('launched_at');
    await knex('server_sizes').whereIn('server_id', launched).update({ billed: 1 });
  },
};

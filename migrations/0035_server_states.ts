// Why: servers are counted by state each time that somebody looks at the metrics: from an index, not from the rows.

import type { Migration } from '../src/db/upgrade.ts';
import { change } from './statements.ts';

export const serverStates: Migration = {
  name: '0035_server_states',
  async up(knex) {
    await change(knex, 'servers', (t) => t.index(['deleted', 'vm_state', 'task_state']));
  },
};

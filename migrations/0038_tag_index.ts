// Why: whoever looks for servers with a tag shall find them, and not read the tags of all.

import type { Migration } from '../src/db/upgrade.ts';
import { change } from './statements.ts';

export const tagIndex: Migration = {
  name: '0038_tag_index',
  async up(knex) {
    await change(knex, 'server_tags', (t) => t.index(['tag', 'server_id']));
  },
};

// Why: a notification is part of what it tells of, so it is written in the same transaction and sent afterwards.

import type { Migration } from '../src/db/migrate.ts';
import { table } from './statements.ts';

export const notifications: Migration = {
  name: '0010_notifications',
  async up(knex) {
    await table(knex, 'notifications', (t) => {
      t.bigIncrements('id');
      t.text('message', 'mediumtext').notNullable(); // JSON of a Notification
      t.bigInteger('created_at').notNullable();
    });
  },
};

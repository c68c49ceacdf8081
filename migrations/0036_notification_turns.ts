// Why: the processes of a deployment take turns at sending notifications, and a turn is a row.

import type { Migration } from '../src/db/upgrade.ts';

export const notificationTurns: Migration = {
  name: '0036_notification_turns',
  async up(knex) {
    await knex('named_locks').insert({ name: 'notifications' }).onConflict('name').ignore();
  },
};

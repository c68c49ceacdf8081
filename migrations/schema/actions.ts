// Why: what was asked of servers, how far it has come, and what listeners are still to be told.

import type { Knex } from 'knex';
import { table } from '../statements.ts';

export async function makeActions(knex: Knex): Promise<void> {
  // An action is a saga and an event is a step of it: the user's history and the recovery's log are the same rows.
  await table(knex, 'instance_actions', (t) => {
    t.increments('id');
    t.string('server_uuid', 36).notNullable();
    t.string('action', 64).notNullable();
    t.string('request_id', 64).notNullable();
    t.string('project_id', 64).notNullable();
    t.string('user_id', 64).notNullable();
    t.bigInteger('start_time').notNullable();
    t.bigInteger('updated_at').notNullable();
    t.bigInteger('finish_time');
    t.string('message', 255); // Nova's: `Error` when a step failed
    t.string('state', 16).notNullable(); // queued | running | undoing | done
    t.text('input', 'mediumtext').notNullable(); // the saga's absolute targets; wiped of secrets when done
    t.string('lease_owner', 128); // a worker, or `maker`: who makes what the action needs elsewhere, before it begins
    // nobody but the owner may run it before this moment; without an owner: not yet (a pause between attempts)
    t.bigInteger('lease_until');
    // times the present step was begun; back to 0 with each step that is done
    t.integer('attempts').notNullable().defaultTo(0);
    // a delete overtakes it: end it at the next step, the delete cleans up
    t.boolean('cancel').notNullable().defaultTo(false);
    t.index(['server_uuid', 'request_id']);
    t.index(['state', 'lease_until']);
  });

  await table(knex, 'instance_action_events', (t) => {
    t.increments('id');
    t.integer('action_id').unsigned().notNullable().references('instance_actions.id').onDelete('CASCADE');
    t.string('event', 255).notNullable();
    t.bigInteger('start_time').notNullable();
    t.bigInteger('finish_time');
    t.string('result', 32); // Success | Error
    t.text('traceback', 'mediumtext');
    t.text('details');
    t.string('host', 255);
    t.text('output', 'mediumtext'); // what the step returned, for the steps after it
    t.string('undo', 16); // done once the step's undo ran
    t.index(['action_id', 'id']);
  });

  await table(knex, 'notifications', (t) => {
    t.bigIncrements('id');
    t.text('message', 'mediumtext').notNullable(); // JSON of a Notification
    t.bigInteger('created_at').notNullable();
  });
}

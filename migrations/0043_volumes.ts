// Why: the built-in volume service: volumes, their snapshots, types and attachments, and the work on their files that is under way.

import type { Knex } from 'knex';
import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

const times = (t: Knex.CreateTableBuilder): void => {
  t.bigInteger('created_at').notNullable();
  t.bigInteger('updated_at').notNullable();
};

async function makeTypes(knex: Knex): Promise<void> {
  await table(knex, 'volume_types', (t) => {
    t.string('id', 36).primary();
    t.string('name', 255).notNullable().unique();
    t.string('description', 255);
    t.boolean('is_public').notNullable();
    t.string('qos_id', 36); // qos_specs.id
    t.text('extra_specs').notNullable(); // JSON object of strings
    times(t);
  });
  // the projects that a type which is not public is for
  await table(knex, 'volume_type_projects', (t) => {
    t.string('type_id', 36).notNullable().references('volume_types.id').onDelete('CASCADE');
    t.string('project_id', 64).notNullable();
    t.primary(['type_id', 'project_id']);
  });
  await table(knex, 'qos_specs', (t) => {
    t.string('id', 36).primary();
    t.string('name', 255).notNullable().unique();
    t.string('consumer', 16).notNullable();
    t.text('specs').notNullable(); // JSON object of strings
    times(t);
  });
}

async function makeVolumes(knex: Knex): Promise<void> {
  await table(knex, 'volumes', (t) => {
    t.string('id', 36).primary();
    t.string('project_id', 64).notNullable();
    t.string('user_id', 64).notNullable();
    t.string('name', 255);
    t.string('description', 255);
    t.integer('size_gb').notNullable();
    t.string('status', 32).notNullable();
    t.string('previous_status', 32); // what it goes back to where something under way fails
    t.string('zone', 255).notNullable();
    t.string('type_id', 36).notNullable();
    t.boolean('bootable').notNullable();
    t.boolean('readonly').notNullable();
    t.string('snapshot_id', 36); // what it was made from
    t.string('source_volume_id', 36);
    t.text('metadata').notNullable(); // JSON object of strings
    t.text('image_metadata', 'mediumtext'); // JSON object of strings; null: of no image
    times(t);
    t.index(['project_id', 'created_at', 'id']);
    t.index(['created_at', 'id']);
    t.index(['type_id']);
  });
  await table(knex, 'volume_snapshots', (t) => {
    t.string('id', 36).primary();
    t.string('volume_id', 36).notNullable();
    t.string('project_id', 64).notNullable();
    t.string('user_id', 64).notNullable();
    t.string('name', 255);
    t.string('description', 255);
    t.integer('size_gb').notNullable();
    t.string('status', 32).notNullable();
    t.string('type_id', 36).notNullable();
    t.boolean('bootable').notNullable(); // as its volume was
    t.text('metadata').notNullable();
    t.text('image_metadata', 'mediumtext');
    times(t);
    t.index(['project_id', 'created_at', 'id']);
    t.index(['created_at', 'id']);
    t.index(['volume_id']);
  });
  await table(knex, 'volume_attachments', (t) => {
    t.string('id', 36).primary();
    t.string('volume_id', 36).notNullable().references('volumes.id');
    t.string('project_id', 64).notNullable();
    t.string('server_uuid', 36); // null: of no server
    t.string('host', 255); // null: not connected yet
    t.string('device', 255); // null: not known yet
    t.string('mode', 8).notNullable(); // rw, ro
    t.string('status', 16).notNullable(); // reserved, attaching, attached
    t.text('connector'); // JSON, as it was given
    t.bigInteger('attached_at');
    times(t);
    t.index(['volume_id']);
    t.index(['server_uuid']);
    t.index(['project_id', 'created_at', 'id']);
  });
}

async function makeWork(knex: Knex): Promise<void> {
  // what is to be done to files; a row goes when it is done
  await table(knex, 'volume_jobs', (t) => {
    t.increments('id');
    t.string('kind', 32).notNullable();
    t.string('volume_id', 36).notNullable();
    t.string('snapshot_id', 36);
    t.string('source_id', 36); // the volume or snapshot that is read meanwhile
    t.text('args').notNullable(); // JSON
    t.integer('attempts').notNullable();
    t.bigInteger('lease_until').notNullable(); // until then it is somebody's; 0: nobody's
    t.string('request_id', 64).notNullable();
    t.bigInteger('created_at').notNullable();
    t.index(['lease_until', 'id']);
    t.index(['volume_id']);
    t.index(['source_id']);
  });
  // why something asked for was not done, for who asked
  await table(knex, 'volume_messages', (t) => {
    t.string('id', 36).primary();
    t.string('project_id', 64).notNullable();
    t.string('request_id', 64).notNullable();
    t.string('resource_type', 32).notNullable();
    t.string('resource_id', 36).notNullable();
    t.string('event_id', 64).notNullable();
    t.text('message').notNullable();
    t.bigInteger('created_at').notNullable();
    t.bigInteger('expires_at').notNullable();
    t.index(['project_id', 'created_at', 'id']);
    t.index(['expires_at']);
  });
  await table(knex, 'volume_transfers', (t) => {
    t.string('id', 36).primary();
    t.string('volume_id', 36).notNullable().unique();
    t.string('project_id', 64).notNullable();
    t.string('name', 255);
    t.string('salt', 64).notNullable();
    t.string('key_hash', 128).notNullable();
    t.boolean('no_snapshots').notNullable();
    t.bigInteger('created_at').notNullable();
    t.index(['project_id']);
  });
  await table(knex, 'volume_quotas', (t) => {
    t.string('project_id', 64).notNullable();
    t.string('resource', 255).notNullable();
    t.integer('most').notNullable(); // -1: no limit
    t.primary(['project_id', 'resource']);
  });
}

/** Which servers have which, as compute keeps it. */
async function makeServerVolumes(knex: Knex): Promise<void> {
  await table(knex, 'server_volumes', (t) => {
    t.integer('server_id').unsigned().notNullable().references('servers.id').onDelete('CASCADE');
    t.string('volume_id', 36).notNullable();
    t.string('attachment_id', 36); // null: it is being attached
    t.string('device', 255).notNullable();
    t.string('tag', 60);
    t.boolean('delete_on_termination').notNullable();
    t.integer('boot_index'); // null: nothing boots from it
    t.text('disk'); // JSON VolumeDisk; null: no host reaches it yet
    t.bigInteger('created_at').notNullable();
    t.primary(['server_id', 'volume_id']);
    t.index(['volume_id']);
  });
}

export const volumes: Migration = {
  name: '0043_volumes',
  async up(knex) {
    await makeTypes(knex);
    await makeVolumes(knex);
    await makeWork(knex);
    await makeServerVolumes(knex);
  },
};

// Why: the built-in image service.

import type { Knex } from 'knex';
import { table } from '../statements.ts';

export async function makeImages(knex: Knex): Promise<void> {
  await table(knex, 'images', (t) => {
    t.string('id', 36).primary();
    t.string('name', 255);
    t.string('status', 16).notNullable();
    t.string('visibility', 16).notNullable();
    t.string('owner', 64);
    t.string('disk_format', 16);
    t.string('container_format', 16);
    t.integer('min_disk').notNullable();
    t.integer('min_ram').notNullable();
    t.bigInteger('size');
    t.bigInteger('virtual_size');
    t.string('checksum', 32);
    t.string('os_hash_algo', 16);
    t.string('os_hash_value', 128);
    t.boolean('protected').notNullable();
    t.boolean('os_hidden').notNullable();
    t.text('properties', 'mediumtext').notNullable(); // JSON object of strings
    t.text('tags').notNullable(); // JSON list
    t.bigInteger('created_at').notNullable();
    t.bigInteger('updated_at').notNullable();
    t.index(['name']);
    t.index(['created_at', 'id']);
    t.index(['owner']);
  });

  // the projects that a shared image is shared with
  await table(knex, 'image_members', (t) => {
    t.string('image_id', 36).notNullable().references('images.id').onDelete('CASCADE');
    t.string('member', 64).notNullable();
    t.string('status', 16).notNullable();
    t.bigInteger('created_at').notNullable();
    t.bigInteger('updated_at').notNullable();
    t.primary(['image_id', 'member']);
    t.index(['member']);
  });
}

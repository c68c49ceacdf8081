// Why: what was taken over from a Nova can be given back until somebody says that it stays; each such thing is a row.

import type { Migration } from '../src/db/upgrade.ts';
import { table } from './statements.ts';

export const novaImports: Migration = {
  name: '0062_nova_imports',
  async up(knex) {
    await table(knex, 'nova_imports', (t) => {
      t.increments('id');
      t.string('kind', 16).notNullable(); // flavor, keypair, quota, quota_class, aggregate, server_group, server
      t.string('name', 512).notNullable(); // as Nova knows it: of a server its uuid. It outlives the server, whose end Nova is still to be told
      t.string('state', 16).notNullable(); // adopted; leaving: it is gone here, and not yet Nova's again
      t.string('host', 255); // of a server
      t.text('facts', 'mediumtext').notNullable(); // JSON: what is needed to give it back
      t.bigInteger('created_at').notNullable();
      t.unique(['kind', 'name'], { indexName: 'nova_imports_once' });
    });
  },
};

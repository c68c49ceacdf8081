// Why: one way to a migrated database on either engine, gone after the test.

import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { migrations } from '../../migrations/index.ts';
import { type Database, type EngineName, openDatabase } from '../../src/db/engine.ts';
import { upgradeSchema } from '../../src/db/migrate.ts';
import { freshMariadb } from './mariadb.ts';
import { scratchDir } from './scratch.ts';

export const engines: readonly EngineName[] = ['sqlite', 'mysql'];

export interface TestStore {
  readonly database: Database;
  close(): Promise<void>;
}

/** A fresh database without any table. */
export async function emptyDatabase(engine: EngineName): Promise<TestStore> {
  if (engine === 'mysql') {
    const { url, drop } = await freshMariadb();
    const database = openDatabase(url);
    return {
      database,
      async close() {
        await database.close();
        await drop();
      },
    };
  }
  const directory = mkdtempSync(join(scratchDir(), 'xloud-db-'));
  const database = openDatabase(`sqlite://${join(directory, 'test.db')}`);
  return {
    database,
    async close() {
      await database.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A fresh database with the whole schema. */
export async function freshDatabase(engine: EngineName): Promise<TestStore> {
  const store = await emptyDatabase(engine);
  await upgradeSchema(store.database, migrations);
  return store;
}

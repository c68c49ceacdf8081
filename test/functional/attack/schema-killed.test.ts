// The schema is made and upgraded by a process that may be ended at any statement: the next start goes on, whatever the engine.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { migrations } from '../../../migrations/index.ts';
import { type Database, type EngineName, openDatabase } from '../../../src/db/engine.ts';
import { schemaState, upgradeSchema } from '../../../src/db/upgrade.ts';
import { emptyDatabase, engines, freshDatabase } from '../../support/database.ts';
import { freshMariadb } from '../../support/mariadb.ts';
import { oldServer } from '../../support/rows.ts';
import { scratchDir } from '../../support/scratch.ts';

const urlOf = async (engine: EngineName, directory: string) =>
  engine === 'mysql'
    ? freshMariadb()
    : { url: `sqlite://${join(directory, 'killed.db')}`, drop: async () => rmSync(join(directory, 'killed.db')) };

const CHILD = new URL('../../support/upgrade-child.ts', import.meta.url).pathname;

const upgradeInChild = (url: string, at: number): Promise<NodeJS.Signals | null> =>
  new Promise((resolve, reject) => {
    execFile(process.execPath, [CHILD, url, String(at)], (error, _stdout, stderr) => {
      if (error === null || error.signal) resolve((error?.signal ?? null) as NodeJS.Signals | null);
      else reject(new Error(stderr));
    });
  });

class Killed extends Error {}

/** Everything that the schema is, as text. */
async function shapeOf({ engine, read }: Database): Promise<readonly unknown[]> {
  if (engine === 'sqlite') return read('sqlite_master').select('type', 'name', 'sql').orderBy(['type', 'name']);
  const of = (what: string, columns: string) =>
    read.raw(
      `select ${columns} from information_schema.${what} where table_schema = database() and table_name <> 'schema_migrations_lock' order by ${columns}`,
    );
  return Promise.all([
    of('columns', 'table_name, column_name, column_type, is_nullable, column_default, collation_name'),
    of('statistics', 'table_name, index_name, seq_in_index, column_name, non_unique'),
    of('key_column_usage', 'table_name, constraint_name, column_name, referenced_table_name, referenced_column_name'),
  ]).then((answers) => answers.map(([rows]) => rows as unknown));
}

/** Upgrades, ended right after the n-th statement that did something. */
async function upgradeUntil(database: Database, at: number): Promise<'killed' | 'done'> {
  let left = at;
  const count = (): void => {
    left -= 1;
    if (left === 0) throw new Killed();
  };
  database.write.client.on('query-response', count);
  try {
    await upgradeSchema(database, migrations);
    return 'done';
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    return 'killed';
  } finally {
    database.write.client.removeListener('query-response', count);
  }
}

/** Upgrades, ended after each statement that brings it further. Returns how often. */
async function upgradeWithKills(database: Database): Promise<number> {
  let ends = 0;
  let before = '';
  for (let at = 1; (await upgradeUntil(database, at)) === 'killed'; ends += 1) {
    const now = JSON.stringify([await shapeOf(database), await schemaState(database, migrations)]);
    at = now === before ? at + 1 : Math.max(1, at - 2);
    before = now;
  }
  return ends;
}

for (const engine of engines) {
  describe(`a schema whose making is ended on ${engine}`, () => {
    let whole: readonly unknown[];
    before(async () => {
      const store = await freshDatabase(engine);
      whole = await shapeOf(store.database);
      await store.close();
    });

    it('is the same after it was ended at every statement in turn', async (t) => {
      const store = await emptyDatabase(engine);
      t.after(() => store.close());
      const { database } = store;
      const ends = await upgradeWithKills(database);
      assert.ok(ends > (engine === 'mysql' ? 100 : 20), `only ${ends} ends`);
      assert.deepEqual((await schemaState(database, migrations)).pending, []);
      assert.deepEqual(await shapeOf(database), whole);
    });

    it('keeps what servers there were', async (t) => {
      const store = await emptyDatabase(engine);
      t.after(() => store.close());
      const { database } = store;
      await upgradeSchema(database, migrations.slice(0, 1));
      for (const uuid of ['a', 'b']) await database.write('servers').insert(oldServer(uuid, 'building'));
      await upgradeWithKills(database);
      assert.deepEqual(await shapeOf(database), whole);
      assert.deepEqual(await database.read('servers').pluck('uuid').orderBy('uuid'), ['a', 'b']);
    });

    it('is the same after processes were killed in it', async (t) => {
      const directory = mkdtempSync(join(scratchDir(), 'xloud-killed-'));
      const { url, drop } = await urlOf(engine, directory);
      t.after(async () => {
        await drop();
        rmSync(directory, { recursive: true, force: true });
      });
      for (const at of [3, 9, 40, 20, 60, 30]) assert.equal(await upgradeInChild(url, at), 'SIGKILL');
      const database = openDatabase(url);
      t.after(() => database.close());
      await upgradeSchema(database, migrations);
      assert.deepEqual(await shapeOf(database), whole);
    });
  });
}

describe('the lock of a schema on mysql', () => {
  it('names who holds it, and ends with its connection', async (t) => {
    const { url, drop } = await freshMariadb();
    const [holder, database] = [openDatabase(url, 1), openDatabase(url)];
    t.after(async () => {
      await database.close();
      await drop();
    });
    await holder.write.raw(`select get_lock(concat('xloud.schema.', sha1(database())), 0)`);
    const message = /by another process \(connection \d+ of root from /;
    await assert.rejects(upgradeSchema(database, migrations, 10), { kind: 'conflict', message });
    await holder.close();
    await upgradeSchema(database, migrations);
    assert.deepEqual((await schemaState(database, migrations)).pending, []);
  });
});

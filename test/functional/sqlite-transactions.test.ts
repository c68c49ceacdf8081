// A command and the service write the same SQLite file: a transaction that reads first must not fail because the other one wrote
// meanwhile.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { tx } from '../../src/db/tx.ts';
import { freshDatabase, type TestStore } from '../support/database.ts';

describe('a transaction on SQLite', () => {
  let store: TestStore;
  let other: Sqlite.Database;
  before(async () => {
    store = await freshDatabase('sqlite');
    const [{ file }] = (await store.database.read.raw('pragma database_list')) as [{ file: string }];
    other = new Sqlite(file, { timeout: 0 });
  });
  after(async () => {
    other.close();
    await store.close();
  });
  const write = (): void => void other.exec("insert into named_locks (name) values ('other')");

  it('is the only writer from its beginning, also where it reads first', async () => {
    let begun = 0;
    await tx(store.database, async (t) => {
      begun += 1;
      await t('servers').first('id');
      assert.throws(write, { code: 'SQLITE_BUSY' });
      await t('named_locks').insert({ name: 'ours' });
    });
    assert.equal(begun, 1);
    write();
  });
});

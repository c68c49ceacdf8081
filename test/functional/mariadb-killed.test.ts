// What kills a database to see what its users do must have it back: a MariaDB of one's own keeps what was committed.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openDatabase, readRows } from '../../src/db/engine.ts';
import { startMariadb } from '../support/mariadb.ts';

describe('a MariaDB of one’s own', () => {
  it('has what was committed when it was killed and started again', async (t) => {
    const mariadb = await startMariadb();
    t.after(() => mariadb.stop());
    const before = openDatabase(mariadb.url, 1);
    await before.write.schema.createTable('notes', (table) => table.integer('id').primary());
    for (let id = 1; id <= 20; id += 1) await before.write('notes').insert({ id });
    mariadb.signal('SIGKILL');
    await before.close();
    await mariadb.start();
    const after = openDatabase(mariadb.url, 1);
    t.after(() => after.close());
    const [row] = await readRows(after.read, 'select count(*) as count from notes');
    assert.equal(Number(row?.['count']), 20);
  });
});

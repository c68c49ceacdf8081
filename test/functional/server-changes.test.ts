// What the dashboard is told of changed servers, on both database engines: all that anybody wrote, deletions among it, and nothing asked of a
// database where it tells that nobody wrote.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { serverChanges } from '../../src/db/server-changes.ts';
import { insertServer, updateServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import { engines } from '../support/database.ts';
import { newServer } from '../support/rows.ts';
import { makeWorld, type World } from '../support/world.ts';

for (const engine of engines) {
  describe(`servers that changed, on ${engine}`, () => {
    let world: World;
    before(async () => {
      world = await makeWorld({ engine });
    });
    after(() => world.close());

    it('are found since a moment, with their project, also when they are deleted', async () => {
      const find = serverChanges(world.database.read);
      const server = newServer({ projectId: 'p1', createdAt: 1_000 });
      const id = await tx(world.database, (t) => insertServer(t, server));
      const found = await find(1_000);
      assert.deepEqual(found, [{ id: server.uuid, projectId: 'p1', atMs: 1_000 }]);
      // SQLite tells that nobody has written since; MySQL has no such counter, and is asked again
      assert.deepEqual(await find(1_000), engine === 'sqlite' ? null : found);
      await tx(world.database, (t) => updateServer(t, id, { deleted: true, deletedAt: 2_000, taskState: null }, 2_000));
      assert.deepEqual(await find(1_500), [{ id: server.uuid, projectId: 'p1', atMs: 2_000 }]);
      await tx(world.database, (t) => updateServer(t, id, { displayName: 'other' }, 3_000));
      assert.deepEqual(await find(3_001), []);
    });
  });
}

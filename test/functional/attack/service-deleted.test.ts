// A host is forgotten only when nothing is claimed on it, though somebody claims there at the same moment.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findClaim } from '../../../src/db/claims.ts';
import { type Database, readRows } from '../../../src/db/engine.ts';
import { findHost } from '../../../src/db/hosts.ts';
import { engines } from '../../support/database.ts';
import { eventually } from '../../support/serve.ts';
import { adminOp, makeWorld, type World } from '../../support/world.ts';

/** InnoDB makes this table anew only where nobody has read it for 100 ms: whoever looks more often sees the same for ever. */
const EVERY_MS = 250;

/** Until a transaction of this database waits for a row. SQLite's have no rows to wait for: one writes after the other. */
async function rowAwaited({ engine, read }: Database): Promise<void> {
  if (engine === 'sqlite') return;
  await eventually(
    'a transaction that waits',
    10_000,
    async () => {
      const [row] = await readRows(
        read,
        `select count(*) as count from information_schema.innodb_trx join information_schema.processlist on id = trx_mysql_thread_id
       where db = database() and trx_state = 'LOCK WAIT'`,
      );
      return Number(row?.['count']) > 0 ? true : null;
    },
    EVERY_MS,
  );
}

for (const engine of engines) {
  describe(`a service that is deleted on ${engine}`, () => {
    let world: World;
    before(async () => {
      world = await makeWorld({ engine, hosts: [{ name: 'host-1' }, { name: 'host-2' }] });
    });
    after(() => world.close());

    it('stays while a server is being placed on its host', async () => {
      const [server] = await world.create({ forcedHost: 'host-1' });
      assert.ok(server);
      const { database, ops } = world;
      const claim = await findClaim(database.read, server.id);
      // as a placement that is not committed yet: the row of the host is held, the server is not there for others
      await database.write('servers').where({ id: server.id }).update({ host: null });
      const placing = Promise.withResolvers<void>();
      const held = Promise.withResolvers<void>();
      const placement = database.write.transaction(async (trx) => {
        await trx('hosts').where({ id: claim?.hostId }).increment('generation', 1);
        await trx('servers').where({ id: server.id }).update({ host: 'host-1' });
        held.resolve();
        await placing.promise;
      });
      await held.promise;
      const deleting = ops.deleteService(adminOp(), { host: 'host-1', binary: 'nova-compute' });
      deleting.catch(() => undefined);
      // committed sooner, the placement would be seen by a deletion that does not wait for it as well
      try {
        await rowAwaited(database);
      } finally {
        placing.resolve();
        await placement;
      }
      await assert.rejects(deleting, { kind: 'conflict', message: /hosting instances/ });
      assert.notEqual(await findHost(database.read, { host: 'host-1' }), null);
    });
  });
}

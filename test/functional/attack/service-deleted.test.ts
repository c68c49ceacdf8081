// A host is forgotten only when nothing is claimed on it, though somebody claims there at the same moment.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findClaim } from '../../../src/db/claims.ts';
import { findHost } from '../../../src/db/hosts.ts';
import { engines } from '../../support/database.ts';
import { writerAwaited } from '../../support/waiting.ts';
import { adminOp, makeWorld, type World } from '../../support/world.ts';

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
        await writerAwaited(database);
      } finally {
        placing.resolve();
        await placement;
      }
      await assert.rejects(deleting, { kind: 'conflict', message: /hosting instances/ });
      assert.notEqual(await findHost(database.read, { host: 'host-1' }), null);
    });
  });
}

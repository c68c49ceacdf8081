// What reconcilers take up comes in pages: nothing that cannot be done now may keep the rest from its turn for ever.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { internal } from '../../src/base/errors.ts';
import { newUuid } from '../../src/base/ids.ts';
import type { Bus } from '../../src/bus/bus.ts';
import { unconfirmedSince } from '../../src/db/migrations.ts';
import { addRemnant, listRemnants } from '../../src/db/remnants.ts';
import { updateServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import { power } from '../../src/domain/servers/servers.ts';
import { upSince } from '../../src/ops/placement/host-up.ts';
import { reconcileHost } from '../../src/ops/reconcile/guests.ts';
import { reconcileAll } from '../../src/ops/reconcile/index.ts';
import { remnants } from '../../src/ops/reconcile/remnants.ts';
import { unconfirmedResizes } from '../../src/ops/reconcile/unconfirmed-resizes.ts';
import { engines } from '../support/database.ts';
import { adminOp, makeWorld, type World } from '../support/world.ts';

/** So many rows at a time that the first would keep the second from its turn. */
const ONE = 1;

for (const engine of engines) {
  describe(`turns of what waits on ${engine}`, () => {
    let world: World;
    let isBroken = true;
    before(async () => {
      world = await makeWorld({
        engine,
        config: { resizeConfirmMs: 1 },
        hosts: [
          { name: 'host-1' },
          { name: 'host-2' },
          {
            name: 'host-3',
            wrap: (driver) => ({
              ...driver,
              destroy: async (args) => {
                if (isBroken) throw internal('This host removes nothing.');
                return driver.destroy(args);
              },
            }),
          },
        ],
      });
    });
    after(() => world.close());

    const forceDown = (host: string, forcedDown: boolean) =>
      world.ops.setServiceStatus(adminOp(), { host, binary: 'nova-compute' }, { forcedDown });

    it('resizes that cannot be confirmed now do not stand before those that can', async () => {
      const moved: { uuid: string; from: string }[] = [];
      for (let count = 0; count < 3; count += 1) {
        const [server] = await world.create();
        assert.ok(server?.host);
        await world.ops.migrateServer(adminOp(), server, null);
        await world.settled();
        moved.push({ uuid: server.uuid, from: server.host });
      }
      const [first, second, third] = moved as [(typeof moved)[0], (typeof moved)[0], (typeof moved)[0]];
      const { read } = world.database;
      // the three began on hosts of their own, or all on one: the rows say so
      const place = (uuid: string, host: string) =>
        world.database.write('migrations').where({ server_uuid: uuid }).update({ source_compute: host });
      await place(first.uuid, 'host-1');
      const next = async () => {
        const [move] = await unconfirmedSince(read, Date.now(), upSince(world.deps), ONE);
        return move;
      };
      await place(second.uuid, 'host-2');
      await place(third.uuid, 'host-3');
      assert.equal((await next())?.serverUuid, first.uuid);
      await forceDown('host-1', true);
      assert.equal((await next())?.serverUuid, second.uuid, 'its old host is away');
      const { id } = await world.server(second.uuid);
      await tx(world.database, (t) => updateServer(t, id, { taskState: 'resize_reverting' }, Date.now()));
      assert.equal((await next())?.serverUuid, third.uuid, 'it has a task');
      await tx(world.database, (t) => updateServer(t, id, { taskState: null, vmState: 'active' }, Date.now()));
      assert.deepEqual([(await next())?.serverUuid, (await next())?.awaited], [second.uuid, false]);
      await tx(world.database, (t) => updateServer(t, id, { vmState: 'resized' }, Date.now()));

      await forceDown('host-1', false);
      for (const { uuid, from } of moved) await place(uuid, from);
      const away = first.from;
      await forceDown(away, true);
      await reconcileAll(world.deps, { unconfirmedResizes });
      await world.settled();
      for (const { uuid, from } of moved) {
        assert.equal((await world.server(uuid)).vmState, from === away ? 'resized' : 'active');
      }
      await forceDown(away, false);
      await reconcileAll(world.deps, { unconfirmedResizes });
      await world.settled();
      for (const { uuid } of moved) assert.equal((await world.server(uuid)).vmState, 'active');
      assert.deepEqual(await world.leftovers(), []);
    });

    it('a guest that its host does not remove does not stand before the others of the host', async () => {
      const gone: string[] = [];
      for (let count = 0; count < 2; count += 1) {
        const [server] = await world.create();
        assert.ok(server);
        await world.ops.deleteServer(adminOp(), server);
        await world.settled();
        gone.push(server.uuid);
      }
      const asked: string[] = [];
      const call = async (_host: string, method: string, { uuid }: { uuid: string }) => {
        if (method === 'destroy') asked.push(uuid);
        throw internal('This host removes nothing.');
      };
      const deps = { ...world.deps, bus: { ...world.deps.bus, call } as unknown as Bus };
      const size = { vcpus: 1, memoryMb: 256 };
      const guests = gone.map((uuid) => {
        return { uuid, powerState: power.running, size, onlineVcpus: null, availableMb: null, maximum: size };
      });
      await reconcileHost(deps, 'host-1', guests);
      assert.deepEqual(asked, gone);
    });

    it('what a host does not remove, or cannot be asked to, does not stand before what another does', async () => {
      const { read } = world.database;
      const left = (host: string, at: number) => {
        const serverUuid = newUuid();
        return tx(world.database, (t) => addRemnant(t, { serverUuid, host }, at));
      };
      const reachable = async (limit = 10) =>
        (await listRemnants(read, upSince(world.deps), limit)).map(({ host }) => host);
      const all = async () => (await listRemnants(read, null, 10)).map(({ host }) => host);
      await left('host-1', 1);
      await left('host-3', 2);
      await left('gone', 3);
      await forceDown('host-1', true);
      assert.deepEqual(await reachable(ONE), ['host-3']);
      await reconcileAll(world.deps, { remnants });
      assert.deepEqual(await all(), ['host-1', 'host-3'], 'a host that is no more has nothing left');
      await left('host-2', 4);
      // the one that failed was put behind those that had no turn yet
      assert.deepEqual(await reachable(ONE), ['host-2']);
      await forceDown('host-1', false);
      isBroken = false;
      await reconcileAll(world.deps, { remnants });
      assert.deepEqual(await all(), []);
    });
  });
}

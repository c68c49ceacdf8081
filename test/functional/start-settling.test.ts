// Why: a server is ACTIVE before its balloon is down at its size. What the adjustment resource says and what is claimed in
// between, and for ever where no balloon comes, is told here end to end.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findClaim } from '../../src/db/claims.ts';
import { findHost } from '../../src/db/hosts.ts';
import { findAction } from '../../src/db/instance-actions.ts';
import type { Server } from '../../src/domain/servers/servers.ts';
import { engines } from '../support/database.ts';
import { makeOp, makeWorld, type World } from '../support/world.ts';
import { requestOf } from '../support/request-of.ts';

const HOST = 'host-1';
/** Longer than any test takes: the driver is loaded, and the time to settle is over, when a test says so. */
const SETTLE_MS = 3_600_000;
const LATE = 'balloon-slow:999999';

for (const engine of engines) {
  describe(`a start settles, on ${engine}`, { concurrency: 1 }, () => {
    let world: World;
    before(async () => {
      const hosts = [{ name: HOST, inventory: { vcpus: 16, memoryMb: 6_000, diskGb: 1_000 } }];
      world = await makeWorld({ engine, hosts, config: { startSettleMs: SETTLE_MS } });
    });
    after(() => world.close());

    const started = async (words: string): Promise<Server> => {
      const [server] = await world.create({ metadata: { xloud_fake: words } });
      assert.ok(server);
      return server;
    };

    const claimedMb = async (server: Server): Promise<number | undefined> =>
      (await findClaim(world.database.read, server.id))?.memoryMb;

    /** Waits until the row says so; the host reports all the while, as it does by itself. */
    async function until(uuid: string, what: (server: Server) => boolean): Promise<Server> {
      const giveUpAt = Date.now() + 60_000;
      for (;;) {
        await world.agents.get(HOST)?.reportNow();
        const server = await world.server(uuid);
        if (what(server)) return server;
        assert.ok(Date.now() < giveUpAt, `still ${server.adjustStatus}: ${server.adjustMessage}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    const settled = (uuid: string): Promise<Server> => until(uuid, ({ adjustStatus }) => adjustStatus !== 'adjusting');
    /** The guest's driver is loaded now. */
    const loaded = (uuid: string): Promise<Server> => {
      const store = world.drivers.get(HOST)?.store;
      const guest = store?.get(uuid) ?? assert.fail();
      store?.put({ ...guest, memoryDriverAtMs: 0 });
      return settled(uuid);
    };
    /** The time to settle is over. */
    const waitedFor = ({ uuid }: Server): Promise<unknown> =>
      world.database
        .write('servers')
        .where({ uuid })
        .update({ adjust_updated_at: Date.now() - SETTLE_MS });

    it('is ACTIVE at once, adjusting, and idle when the balloon is down', async () => {
      const server = await started(LATE);
      assert.deepEqual([server.vmState, server.taskState, server.adjustStatus], ['active', null, 'adjusting']);
      assert.deepEqual([server.currentMemoryMb, server.targetMemoryMb, await claimedMb(server)], [4096, 256, 256]);
      assert.match(server.adjustMessage ?? '', /balloon driver: 4096 MiB until it is loaded, 256 MiB then/);
      const end = await loaded(server.uuid);
      assert.deepEqual([end.adjustStatus, end.currentMemoryMb, end.adjustMessage], ['idle', 256, null]);
      assert.equal(await claimedMb(server), 256);
      await world.ops.deleteServer(makeOp(), server);
      await world.settled();
    });

    it('settles after a stop and start, and after a reboot of either kind', async () => {
      const server = await started(LATE);
      await loaded(server.uuid);
      await world.ops.requestAction(makeOp(), server, requestOf('os-stop'));
      await world.settled();
      assert.equal((await world.server(server.uuid)).adjustStatus, 'idle');
      await world.ops.requestAction(makeOp(), server, requestOf('os-start'));
      await world.settled();
      assert.equal((await world.server(server.uuid)).adjustStatus, 'adjusting');
      assert.equal((await loaded(server.uuid)).adjustStatus, 'idle');
      for (const type of ['SOFT', 'HARD'] as const) {
        await world.ops.rebootServer(makeOp(), server, type);
        await world.settled();
        const again = await world.server(server.uuid);
        assert.deepEqual(
          [again.vmState, again.adjustStatus, again.currentMemoryMb],
          ['active', 'adjusting', 4096],
          type,
        );
        assert.equal(await claimedMb(server), 256);
        const end = await loaded(server.uuid);
        assert.deepEqual([end.adjustStatus, end.currentMemoryMb], ['idle', 256], type);
      }
      await world.ops.deleteServer(makeOp(), server);
      await world.settled();
    });

    it('tells the truth of guests without the driver, though the host has no room for it', async () => {
      const servers = [await started('no-balloon'), await started('no-balloon')];
      for (const server of servers) {
        await waitedFor(server);
        const end = await settled(server.uuid);
        assert.deepEqual([end.vmState, end.adjustStatus, end.currentMemoryMb], ['active', 'partial', 4096]);
        assert.equal(
          end.adjustMessage,
          'memory: 4096 MiB of 256 MiB reached: the guest seems to have no balloon driver',
        );
        assert.equal(await claimedMb(server), 4096);
      }
      const host = await findHost(world.database.read, { host: HOST });
      assert.equal(host?.claimed.memoryMb, 2 * 4096, 'more than its 6000 MiB');
      assert.deepEqual(await world.leftovers(), []);
      // what it has can be asked for, which is the end of being partial
      const [server] = servers as [Server];
      await world.ops.adjustServer(makeOp(), server, { vcpus: 2, memoryMb: null, persist: true });
      await world.settled();
      const more = await world.server(server.uuid);
      assert.deepEqual([more.adjustStatus, more.currentVcpus, more.currentMemoryMb], ['idle', 2, 4096]);
      for (const { uuid } of servers) await world.ops.deleteServer(makeOp(), { uuid });
      await world.settled();
    });

    it('takes what is asked meanwhile in place of its own size, and waits as long as the start would', async () => {
      // real time: the host waits for the driver, however late it is asked
      const server = await started('balloon-slow:300');
      const op = makeOp();
      const { server: asked } = await world.ops.adjustServer(op, server, { vcpus: 3, memoryMb: 512, persist: true });
      assert.deepEqual([asked.taskState, asked.targetMemoryMb, await claimedMb(server)], ['adjusting', 512, 512]);
      await world.settled();
      const end = await world.server(server.uuid);
      assert.deepEqual([end.adjustStatus, end.currentVcpus, end.currentMemoryMb], ['idle', 3, 512]);
      assert.deepEqual([end.bootVcpus, end.bootMemoryMb, await claimedMb(server)], [3, 512, 512]);
      const action = await findAction(world.database.read, server.uuid, op.requestId);
      assert.deepEqual([action?.state, action?.message], ['done', null]);
      await world.ops.deleteServer(makeOp(), server);
      await world.settled();
    });

    it('ends both, with the truth, when no balloon comes for what was asked meanwhile', async () => {
      const server = await started('no-balloon');
      await waitedFor(server);
      const op = makeOp();
      await world.ops.adjustServer(op, server, { vcpus: null, memoryMb: 512, persist: true });
      await world.settled();
      const end = await world.server(server.uuid);
      assert.deepEqual([end.vmState, end.adjustStatus, end.currentMemoryMb], ['active', 'error', 4096]);
      assert.match(end.adjustMessage ?? '', /memory: 4096 MiB of 512 MiB reached/);
      assert.equal(await claimedMb(server), 4096);
      const action = await findAction(world.database.read, server.uuid, op.requestId);
      assert.equal(action?.message, 'Error');
      await world.ops.deleteServer(makeOp(), server);
      await world.settled();
    });

    it('survives a guest that reboots by itself', async () => {
      const server = await started('');
      assert.equal(server.adjustStatus, 'idle');
      const driver = world.drivers.get(HOST);
      assert.ok(driver);
      driver.behave(server.uuid, LATE);
      await driver.reboot({ spec: driver.store.get(server.uuid)?.spec ?? assert.fail(), type: 'SOFT', timeoutMs: 0 });
      const again = await until(server.uuid, ({ adjustStatus }) => adjustStatus === 'adjusting');
      assert.deepEqual([again.currentMemoryMb, await claimedMb(server)], [4096, 256]);
      const end = await loaded(server.uuid);
      assert.deepEqual([end.adjustStatus, end.currentMemoryMb], ['idle', 256]);
      await world.ops.deleteServer(makeOp(), server);
      await world.settled();
      assert.deepEqual(await world.leftovers(), []);
    });
  });
}

// A server has one guest. A host that refuses to end its own keeps the server from starting elsewhere, and nothing of what failed
// holds a claim for good: whatever the state, there is a way out.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { conflict } from '../../../src/base/errors.ts';
import { findHeldClaim } from '../../../src/db/claims.ts';
import { unfinishedMoves } from '../../../src/db/migrations.ts';
import { reconcileAll } from '../../../src/ops/reconcile/index.ts';
import { remnants } from '../../../src/ops/reconcile/remnants.ts';
import type { FakeDriver } from '../../../src/virt/fake.ts';
import { engines } from '../../support/database.ts';
import { type Servers, startServers } from '../../support/servers.ts';
import { addRemnant } from '../../../src/db/remnants.ts';
import { tx } from '../../../src/db/tx.ts';
import { power } from '../../../src/domain/servers/servers.ts';
import { testConfig } from '../../support/world.ts';

const HOUR_MS = 3_600_000;
const HOSTS = ['host-1', 'host-2'];

for (const engine of engines) {
  describe(`hosts that refuse on ${engine}`, () => {
    let servers: Servers;
    let refuse: (host: string) => boolean = () => false;
    const stubborn =
      (host: string) =>
      (driver: FakeDriver): FakeDriver => {
        const refusing =
          <A extends readonly unknown[], R>(verb: (...words: A) => Promise<R>) =>
          async (...words: A): Promise<R> => {
            if (refuse(host)) throw conflict('The device is busy.');
            return verb(...words);
          };
        return {
          ...driver,
          destroy: refusing(driver.destroy),
          dropDisk: refusing((driver as Required<FakeDriver>).dropDisk),
        };
      };
    before(async () => {
      servers = await startServers({ engine, hosts: HOSTS.map((name) => ({ name, wrap: stubborn(name) })) });
    });
    after(() => servers.close());

    const act = async (id: string, body: object) => {
      const answer = await servers.request('POST', `/servers/${id}/action`, { as: 'admin', body });
      assert.equal(answer.status, 202, answer.text);
    };
    const remove = async (id: string) => assert.equal((await servers.request('DELETE', `/servers/${id}`)).status, 204);
    const guestsOf = (id: string): string[] =>
      HOSTS.filter((name) => servers.world.drivers.get(name)?.store.get(id) !== undefined);
    const homeOf = async (id: string) => (await servers.world.server(id)).host as string;
    const isClean = async (id: string) => {
      const { world } = servers;
      await reconcileAll(world.deps, { remnants });
      assert.deepEqual(await world.leftovers(), []);
      assert.deepEqual(await unfinishedMoves(world.database.read, await world.server(id)), []);
    };
    /** A server whose deletion overtook its cold migration in the last step and failed: its guest runs where it went. */
    async function halfMoved(): Promise<{ id: string; home: string; away: string }> {
      const { world } = servers;
      const id = await servers.create();
      const home = await homeOf(id);
      const away = HOSTS.find((name) => name !== home) as string;
      refuse = (host) => host === away;
      await world.gated(['receiveDisk'], async (gate) => {
        await act(id, { migrate: null });
        await gate.reached('receiveDisk');
        await remove(id);
        gate.pass('receiveDisk');
      });
      await world.settled();
      assert.equal((await world.server(id)).vmState, 'error');
      assert.deepEqual(guestsOf(id), [away]);
      return { id, home, away };
    }

    for (const [name, body] of [
      ['a rebuild', () => ({ rebuild: { imageRef: servers.imageId } })],
      ['a hard reboot', () => ({ reboot: { type: 'HARD' } })],
    ] as const) {
      it(`${name} starts no second guest beside one that cannot be ended`, async () => {
        const { id, away } = await halfMoved();
        await act(id, body());
        await servers.world.settled();
        assert.deepEqual(guestsOf(id), [away]);
        assert.equal((await servers.world.server(id)).vmState, 'error');
        refuse = () => false;
        await remove(id);
        await servers.world.settled();
        assert.deepEqual(guestsOf(id), []);
        await isClean(id);
      });
    }

    it('a rebuild ends the other guest first, where that can be', async () => {
      const { id, home } = await halfMoved();
      refuse = () => false;
      await act(id, { rebuild: { imageRef: servers.imageId } });
      await servers.world.settled();
      assert.deepEqual(guestsOf(id), [home]);
      assert.equal((await servers.world.server(id)).vmState, 'active');
      await isClean(id);
      await remove(id);
      await servers.world.settled();
    });

    /** A resized server whose old host refused to forget it, so that its deletion failed. */
    async function resized(): Promise<{ id: string; move: number }> {
      const { world } = servers;
      const id = await servers.create();
      await act(id, { migrate: null });
      await world.settled();
      const [move] = await unfinishedMoves(world.database.read, await world.server(id));
      assert.equal(move?.status, 'finished');
      return { id, move: move.id };
    }

    it('a hard reboot after a failed deletion of a resized server leaves no move and no claim', async () => {
      const { world } = servers;
      const { id, move } = await resized();
      const home = await homeOf(id);
      refuse = (host) => host !== home;
      await remove(id);
      await world.settled();
      assert.equal((await world.server(id)).vmState, 'error');
      refuse = () => false;
      await act(id, { reboot: { type: 'HARD' } });
      await world.settled();
      assert.equal((await world.server(id)).vmState, 'active');
      assert.equal(await findHeldClaim(world.database.read, move), null);
      assert.deepEqual(guestsOf(id), [home]);
      await isClean(id);
    });

    it('a state that is set by hand ends a resize that waits', async () => {
      const { world } = servers;
      const { id, move } = await resized();
      await act(id, { 'os-resetState': { state: 'active' } });
      assert.equal(await findHeldClaim(world.database.read, move), null);
      await isClean(id);
    });
  });

  describe(`a server that comes back on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      const config = { ...testConfig, reclaimMs: HOUR_MS, shelvedOffloadMs: HOUR_MS };
      servers = await startServers({ engine, config, hosts: HOSTS.map((name) => ({ name })) });
    });
    after(() => servers.close());

    /** Something of it runs on the other host, which could not be asked to end it. */
    async function leaveElsewhere(id: string): Promise<void> {
      const { database, drivers } = servers.world;
      const { host } = await servers.world.server(id);
      const away = HOSTS.find((name) => name !== host) as string;
      const guest = drivers.get(host ?? '')?.store.get(id);
      assert.ok(guest);
      drivers.get(away)?.store.put({ ...guest, powerState: power.running });
      await tx(database, (t) => addRemnant(t, { serverUuid: id, host: away }, Date.now()));
    }

    for (const [name, leave, back] of [
      ['from a soft deletion', (id: string) => servers.request('DELETE', `/servers/${id}`), { restore: null }],
      ['from the shelf', (id: string) => servers.act(id, { shelve: null }), { unshelve: null }],
    ] as const) {
      it(`${name} ends what runs of it elsewhere before it starts`, async () => {
        const { world } = servers;
        const id = await servers.create();
        await leave(id);
        await world.settled();
        await leaveElsewhere(id);
        const answer = await servers.request('POST', `/servers/${id}/action`, { as: 'admin', body: back });
        assert.equal(answer.status, 202, answer.text);
        await world.settled();
        const { vmState, host } = await world.server(id);
        assert.equal(vmState, 'active');
        const running = HOSTS.filter((one) => world.drivers.get(one)?.store.get(id) !== undefined);
        assert.deepEqual(running, [host]);
      });
    }
  });
}

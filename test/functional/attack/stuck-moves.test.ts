// A move that could not be taken back may have the server's only guest, or its only disks, where its row does not say. Nothing that
// is asked afterwards may destroy them unlooked, and there is a way out that keeps them.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../src/base/clock.ts';
import { internal } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import { unfinishedMoves } from '../../../src/db/migrations.ts';
import { addRemnant } from '../../../src/db/remnants.ts';
import { tx } from '../../../src/db/tx.ts';
import { reconcileAll } from '../../../src/ops/reconcile/index.ts';
import { remnants } from '../../../src/ops/reconcile/remnants.ts';
import type { FakeDriver } from '../../../src/virt/fake.ts';
import { engines } from '../../support/database.ts';
import { type Servers, startServers } from '../../support/servers.ts';
import { adminOp } from '../../support/world.ts';

const HOSTS = ['host-1', 'host-2'];
const LIVE = { 'os-migrateLive': { host: null, block_migration: 'auto' } };
const RESET = { 'os-resetState': { state: 'active' } };
const HARD = { reboot: { type: 'HARD' } };
type Moving = Required<FakeDriver>;
const broken = () => internal('The network service is broken.');

for (const engine of engines) {
  describe(`moves that are stuck on ${engine}`, () => {
    let servers: Servers;
    let aheadMs = 0;
    /** Whether hosts neither end live migrations nor give them up. */
    let holds = false;
    const stubborn = (driver: FakeDriver): FakeDriver => ({
      ...driver,
      async steerLive(args) {
        return holds ? null : (driver as Moving).steerLive(args);
      },
      async liveProgress(args) {
        const none = { total: null, processed: null, remaining: null };
        return holds ? { state: 'running', memory: none, disk: none } : (driver as Moving).liveProgress(args);
      },
    });
    before(async () => {
      servers = await startServers({
        engine,
        hosts: HOSTS.map((name) => ({ name, wrap: stubborn })),
        clock: { ...systemClock, now: () => Date.now() + aheadMs },
        config: { hostDownMs: 100 * limits.liveMigrationMs, reclaimMs: 100 * limits.liveMigrationMs },
      });
    });
    after(() => servers.close());
    beforeEach(() => {
      holds = false;
    });

    const act = async (id: string, body: object) => {
      const answer = await servers.act(id, body, { as: 'admin', version: '2.30' });
      assert.equal(answer.status, 202, answer.text);
    };
    const settled = () => servers.world.settled();
    const reconciled = () => reconcileAll(servers.world.deps, { remnants });
    const storeOf = (host: string) => (servers.world.drivers.get(host) as FakeDriver).store;
    const guestsOf = (id: string): string[] => HOSTS.filter((name) => storeOf(name).get(id) !== undefined);
    const asideOf = (id: string): string[] => HOSTS.filter((name) => storeOf(name).aside.get(id) !== undefined);
    const isClean = async (id: string) => {
      const { world } = servers;
      await reconciled();
      assert.deepEqual(await unfinishedMoves(world.database.read, await world.server(id)), []);
      assert.deepEqual(await world.leftovers(), []);
    };
    const isOn = async (id: string, host: string) => {
      const server = await servers.world.server(id);
      assert.deepEqual([server.host, server.vmState, server.taskState], [host, 'active', null]);
      assert.deepEqual([guestsOf(id), asideOf(id)], [[host], []]);
      assert.equal(storeOf(host).get(id)?.powerState, 1);
      await isClean(id);
    };
    const remove = async (id: string) => {
      await act(id, { forceDelete: null });
      await settled();
      assert.equal((await servers.world.server(id)).deleted, true);
      assert.deepEqual([guestsOf(id), asideOf(id)], [[], []]);
      await isClean(id);
    };
    const open = async (id: string) =>
      (await servers.world.database.read('instance_actions').where({ server_uuid: id }).whereNot('state', 'done'))
        .length;
    const begin = async () => {
      const id = await servers.create();
      const home = (await servers.world.server(id)).host as string;
      return { id, home, away: HOSTS.find((name) => name !== home) as string };
    };
    /** The network service failed a move, and its undoing, too. */
    const stuck = async (body: object) => {
      const begun = await begin();
      servers.world.networks.failNext('rebind', broken(), broken());
      await act(begun.id, body);
      await settled();
      assert.equal((await servers.world.server(begun.id)).vmState, 'error');
      return begun;
    };
    /** Deleted, to be restored at once. */
    const softly = async (id: string, meanwhile: () => void = () => undefined) => {
      assert.equal((await servers.request('DELETE', `/servers/${id}`)).status, 204);
      meanwhile();
      await settled();
      assert.equal((await servers.world.server(id)).vmState, 'soft-delete');
      await act(id, { restore: null });
      await settled();
    };
    /** A guest that stays where it is and one that is gone are told alike: what hosts report is not waited for. */
    const told = async () => {
      await Promise.all(servers.world.agents.values().map((agent) => agent.reportNow()));
      await settled();
    };

    it('a live migration is given up with the soft deletion that overtook it', async () => {
      const id = await servers.create({ metadata: { xloud_fake: 'live-slow:600000' } });
      holds = true;
      const going = servers.world.asked('liveProgress');
      await act(id, LIVE);
      await going;
      assert.equal((await servers.request('DELETE', `/servers/${id}`)).status, 204);
      // the migration ends, and leaves what it holds to the deletion, which waits for the host
      while ((await open(id)) > 1) await sleep(5);
      await act(id, RESET);
      holds = false;
      await settled();
      const [move] = await unfinishedMoves(servers.world.database.read, await servers.world.server(id));
      assert.equal(move?.status, 'error');
      await remove(id);
    });

    describe('a live migration whose guest has arrived', () => {
      const arrived = async () => {
        const made = await stuck(LIVE);
        assert.deepEqual(guestsOf(made.id), [made.away]);
        await told();
        return made;
      };

      it('keeps its guest when the state is set by hand, and its place there', async () => {
        const { id, away } = await arrived();
        await act(id, RESET);
        await reconciled();
        assert.deepEqual(guestsOf(id), [away]);
        const [move] = await unfinishedMoves(servers.world.database.read, await servers.world.server(id));
        assert.equal(move?.status, 'error');
        await remove(id);
      });

      it('goes on there with a hard reboot', async () => {
        const { id, away } = await arrived();
        await act(id, HARD);
        await settled();
        await isOn(id, away);
        await remove(id);
      });

      it('goes on there with a hard reboot after the state was set by hand', async () => {
        const { id, away } = await arrived();
        await act(id, RESET);
        await reconciled();
        await act(id, HARD);
        await settled();
        await isOn(id, away);
        await remove(id);
      });

      it('does not lose it to a reboot while the network service is broken', async () => {
        const { id, away } = await arrived();
        servers.world.networks.failNext('rebind', broken());
        await act(id, HARD);
        await settled();
        assert.deepEqual(guestsOf(id), [away]);
        assert.equal((await servers.world.server(id)).vmState, 'error');
        await act(id, HARD);
        await settled();
        await isOn(id, away);
        await remove(id);
      });

      it('is built anew at home, and ends there', async () => {
        const { id, home } = await arrived();
        await act(id, { rebuild: { imageRef: servers.imageId } });
        await settled();
        await isOn(id, home);
        await remove(id);
      });

      it('is not built anew beside it when its old host dies', async () => {
        const { world } = servers;
        const { id, home, away } = await arrived();
        const down = (forcedDown: boolean) =>
          world.ops.setServiceStatus(adminOp(), { host: home, binary: 'nova-compute' }, { forcedDown });
        await down(true);
        try {
          assert.equal((await servers.act(id, { evacuate: {} }, { as: 'admin', version: '2.30' })).status, 200);
          await settled();
          assert.deepEqual([guestsOf(id), (await world.server(id)).vmState], [[away], 'error']);
          await act(id, HARD);
          await settled();
        } finally {
          await down(false);
        }
        await isOn(id, away);
        await remove(id);
      });

      it('is kept by a soft deletion', async () => {
        const { id, away } = await arrived();
        await softly(id);
        await isOn(id, away);
        await remove(id);
      });

      it('goes with its server', async () => {
        const { id } = await arrived();
        await remove(id);
      });
    });

    describe('a cold migration whose disks stand aside', () => {
      const aside = async () => {
        const made = await stuck({ migrate: null });
        assert.deepEqual([guestsOf(made.id), asideOf(made.id)], [[], [made.home]]);
        await told();
        return made;
      };

      it('has its guest of them with a hard reboot', async () => {
        const { id, home } = await aside();
        await act(id, HARD);
        await settled();
        await isOn(id, home);
        await remove(id);
      });

      it('has its guest of them after the state was set by hand', async () => {
        const { id, home } = await aside();
        await act(id, RESET);
        await reconciled();
        assert.deepEqual(asideOf(id), [home]);
        await act(id, HARD);
        await settled();
        await isOn(id, home);
        await remove(id);
      });

      it('has its guest of them after a soft deletion', async () => {
        const { id, home } = await aside();
        await softly(id);
        await isOn(id, home);
        await remove(id);
      });

      it('has its guest of them after a soft deletion that overtook it', async () => {
        const { id, home } = await begin();
        await servers.world.gated(['receiveDisk'], async (gate) => {
          await act(id, { migrate: null });
          await gate.reached('receiveDisk');
          await softly(id, () => gate.pass('receiveDisk'));
        });
        await isOn(id, home);
        await remove(id);
      });

      it('keeps them though something was noted as left on its host before', async () => {
        const { world } = servers;
        const { id, home, away } = await begin();
        await tx(world.database, (t) => addRemnant(t, { serverUuid: id, host: home }, 1));
        await world.gated(['receiveDisk'], async (gate) => {
          await act(id, { migrate: null });
          await gate.reached('receiveDisk');
          await reconciled();
          assert.deepEqual(asideOf(id), [home]);
          gate.pass('receiveDisk');
        });
        await settled();
        await servers.act(id, { confirmResize: null }, { as: 'admin' });
        await settled();
        await isOn(id, away);
        await remove(id);
      });

      it('leaves none of them behind when it is built anew', async () => {
        const { id, home } = await aside();
        await act(id, { rebuild: { imageRef: servers.imageId } });
        await settled();
        await isOn(id, home);
        await remove(id);
      });

      it('leaves none of them behind when it is deleted', async () => {
        const { id } = await aside();
        await remove(id);
      });

      it('leaves none of them behind when it is deleted after the state was set by hand', async () => {
        const { id } = await aside();
        await act(id, RESET);
        await reconciled();
        await remove(id);
      });
    });

    describe('a live migration that its host does not give up', () => {
      /** The state is set by hand while it is under way, and it cannot be brought back. */
      const lost = async () => {
        const { world } = servers;
        const id = await servers.create({ metadata: { xloud_fake: 'live-slow:999999' } });
        const home = (await world.server(id)).host as string;
        holds = true;
        await act(id, LIVE);
        const statusOf = async () => (await unfinishedMoves(world.database.read, await world.server(id)))[0]?.status;
        while ((await statusOf()) !== 'running') await systemClock.sleep(5);
        await world.asked('liveProgress');
        await act(id, RESET);
        while ((await open(id)) > 0) {
          aheadMs += limits.liveAbortMs + 1;
          await systemClock.sleep(20);
        }
        assert.equal((await world.server(id)).vmState, 'active');
        return { id, home, away: HOSTS.find((name) => name !== home) as string };
      };

      it('keeps its place on both hosts, and goes on where its guest is', async () => {
        const { id, home, away } = await lost();
        const [move] = await unfinishedMoves(servers.world.database.read, await servers.world.server(id));
        assert.equal(move?.status, 'error');
        // it arrives at last
        holds = false;
        const driver = servers.world.drivers.get(home) as Moving;
        await driver.steerLive({ uuid: id, how: 'force' });
        await driver.liveProgress({ uuid: id });
        assert.deepEqual(guestsOf(id), [away]);
        await reconciled();
        await act(id, HARD);
        await settled();
        await isOn(id, away);
        await remove(id);
      });

      it('starts no second guest while it is under way', async () => {
        const { id, home } = await lost();
        await act(id, HARD);
        // all attempts of its step
        while ((await open(id)) > 0) {
          aheadMs += limits.stepPauseMaxMs;
          await systemClock.sleep(20);
        }
        assert.deepEqual(guestsOf(id), [home]);
        assert.equal(storeOf(home).get(id)?.starts, 1);
        assert.equal((await unfinishedMoves(servers.world.database.read, await servers.world.server(id))).length, 1);
        // once the host gives it up
        holds = false;
        await act(id, HARD);
        await settled();
        await isOn(id, home);
        await remove(id);
      });
    });
  });
}

// An administrator's word overtakes a move, which is then undone. A host that is away for a moment, or a process that ends meanwhile,
// must not leave the server in pieces for good.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { type Fault, internal, unavailable } from '../../../src/base/errors.ts';
import { findClaim } from '../../../src/db/claims.ts';
import { openActions } from '../../../src/db/instance-actions.ts';
import { unfinishedMoves } from '../../../src/db/migrations.ts';
import { remnantHosts } from '../../../src/db/remnants.ts';
import { reconcileAll } from '../../../src/ops/reconcile/index.ts';
import { remnants } from '../../../src/ops/reconcile/remnants.ts';
import type { FakeDriver } from '../../../src/virt/fake.ts';
import { engines } from '../../support/database.ts';
import { secondWorker } from '../../support/saga-cases.ts';
import { type Servers, startServers } from '../../support/servers.ts';
import { adminOp, testConfig } from '../../support/world.ts';

const HOSTS = ['host-1', 'host-2'];
const HOUR_MS = 3_600_000;
const RESET = { 'os-resetState': { state: 'active' } };

for (const engine of engines) {
  describe(`moves that are given up on ${engine}`, () => {
    let servers: Servers;
    /** What hosts answer to `restoreDisk` before they do it. */
    let answers: Fault[] = [];
    const away = (driver: FakeDriver): FakeDriver => ({
      ...driver,
      async restoreDisk(args) {
        const fault = answers.shift();
        if (fault !== undefined) throw fault;
        return (driver as Required<FakeDriver>).restoreDisk(args);
      },
    });
    before(async () => {
      servers = await startServers({ engine, hosts: HOSTS.map((name) => ({ name, wrap: away })) });
    });
    after(() => servers.close());
    afterEach(() => {
      answers = [];
    });

    const act = async (id: string, body: object) => {
      const answer = await servers.act(id, body, { as: 'admin' });
      assert.equal(answer.status, 202, answer.text);
    };
    const guestsOf = (id: string): string[] =>
      HOSTS.filter((name) => servers.world.drivers.get(name)?.store.get(id) !== undefined);
    /** A server whose state was set by hand while its new host made its guest. */
    async function overtaken(then: () => void = () => undefined): Promise<{ id: string; home: string }> {
      const { world } = servers;
      const id = await servers.create();
      const home = (await world.server(id)).host as string;
      await world.gated(['receiveDisk'], async (gate) => {
        await act(id, { migrate: null });
        await gate.reached('receiveDisk');
        then();
        await act(id, RESET);
        gate.pass('receiveDisk');
      });
      return { id, home };
    }
    async function isAtHome(id: string, home: string): Promise<void> {
      const { world } = servers;
      await reconcileAll(world.deps, { remnants });
      const { host, vmState } = await world.server(id);
      assert.deepEqual([host, vmState, guestsOf(id)], [home, 'active', [home]]);
      assert.equal(world.drivers.get(home)?.store.get(id)?.powerState, 1);
      assert.deepEqual(await unfinishedMoves(world.database.read, await world.server(id)), []);
      assert.deepEqual(await world.leftovers(), []);
    }

    it('are undone though a host did not answer at once', async () => {
      const { id, home } = await overtaken(() => {
        answers = [unavailable('Late.', { code: 'bus.timeout' }), unavailable('Nobody.', { code: 'bus.nobody' })];
      });
      await servers.world.settled();
      await isAtHome(id, home);
    });

    describe('where a host refuses for good', () => {
      const isAside = (id: string, home: string): boolean =>
        servers.world.drivers.get(home)?.store.aside.get(id) !== undefined;
      const leftOn = (id: string) => remnantHosts(servers.world.database.read, id);
      /** Its disks stand aside at home, and are all that it has. */
      async function left(): Promise<{ id: string; home: string }> {
        const { world } = servers;
        const made = await overtaken(() => {
          answers = [internal('The disk is broken.')];
        });
        const { id, home } = made;
        await world.settled();
        assert.deepEqual([guestsOf(id), isAside(id, home)], [[], true]);
        assert.ok((await leftOn(id)).includes(home), 'nothing says what stands aside');
        await reconcileAll(world.deps, { remnants });
        assert.ok(isAside(id, home), 'all that the server had is gone');
        assert.deepEqual(await leftOn(id), [home]);
        return made;
      }
      const isClean = async (id: string): Promise<void> => {
        const { world } = servers;
        await reconcileAll(world.deps, { remnants });
        assert.deepEqual([await leftOn(id), await world.leftovers()], [[], []]);
      };

      it('keep on record what stands aside, until it is the guest again', async () => {
        const { id, home } = await left();
        await act(id, { reboot: { type: 'HARD' } });
        await servers.world.settled();
        assert.deepEqual([guestsOf(id), isAside(id, home)], [[home], false]);
        await isClean(id);
      });

      it('keep on record what stands aside, until the server is deleted', async () => {
        const { id, home } = await left();
        assert.equal((await servers.request('DELETE', `/servers/${id}`)).status, 204);
        await servers.world.settled();
        assert.equal(isAside(id, home), false);
        await isClean(id);
      });

      it('keep on record what stands aside, until the server is somewhere else', async () => {
        const { world } = servers;
        const { id, home } = await left();
        const down = (forcedDown: boolean) =>
          world.ops.setServiceStatus(adminOp(), { host: home, binary: 'nova-compute' }, { forcedDown });
        await down(true);
        try {
          assert.equal((await servers.act(id, { evacuate: {} }, { as: 'admin', version: '2.30' })).status, 200);
          await world.settled();
        } finally {
          await down(false);
        }
        assert.deepEqual([guestsOf(id).includes(home), isAside(id, home)], [false, true]);
        await isClean(id);
        assert.equal(isAside(id, home), false);
      });
    });

    it('wait for no host once they are deleted', async () => {
      const { world } = servers;
      const { id } = await overtaken(() => {
        answers = Array.from({ length: 5 }, () => unavailable('Late.', { code: 'bus.timeout' }));
      });
      while (answers.length > 3) await world.deps.clock.sleep(5);
      assert.equal((await servers.request('DELETE', `/servers/${id}`)).status, 204);
      const began = Date.now();
      await world.settled();
      assert.ok(Date.now() - began < 20_000, 'the deletion waited');
      assert.deepEqual(await world.leftovers(), []);
    });

    it('on one host, as a deletion that overtook them is, leave a claim for either size', async () => {
      const kept = await startServers({
        engine,
        config: { ...testConfig, allowResizeToSameHost: true, reclaimMs: HOUR_MS },
      });
      const { world } = kept;
      try {
        await world.flavor({ id: 'larger', vcpus: 4, memoryMb: 2048 });
        const id = await kept.create();
        const server = await world.server(id);
        const claimed = async () => {
          const claim = await findClaim(world.database.read, server.id);
          return [claim?.vcpus, claim?.memoryMb];
        };
        await world.gated(['receiveDisk', 'call inspect'], async (gate) => {
          assert.equal((await kept.act(id, { resize: { flavorRef: 'larger' } })).status, 202);
          await gate.reached('receiveDisk');
          assert.equal((await kept.request('DELETE', `/servers/${id}`)).status, 204);
          gate.pass('receiveDisk');
          // the deletion looks what the resize made of its guest
          await gate.reached('call inspect');
          assert.equal((await kept.act(id, RESET, { as: 'admin' })).status, 202);
          while ((await openActions(world.database.read, id)).length > 0) await world.deps.clock.sleep(5);
          assert.deepEqual(await claimed(), [4, 2048], 'as much as its guest may have');
          gate.pass('call inspect');
        });
        await world.settled();
        const guest = world.drivers.get('host-1')?.store.get(id);
        assert.deepEqual(await claimed(), [guest?.pluggedVcpus, guest?.size.memoryMb]);
        assert.deepEqual(await unfinishedMoves(world.database.read, server), []);
      } finally {
        await kept.close();
      }
    });

    // the last: its worker is gone
    it('are carried on by the next process', async () => {
      const { world } = servers;
      const { id, home } = await world.gated(['restoreDisk'], async (gate) => {
        const made = await overtaken();
        await gate.reached('restoreDisk');
        // as a process ends: whoever asks an agent that closes is told so
        await Promise.all([world.worker().close(), world.restartAgent(made.home)]);
        return made;
      });
      await secondWorker(world);
      await isAtHome(id, home);
      const [{ attempts }] = (await world.database
        .read('instance_actions')
        .select('attempts')
        .where({ server_uuid: id, action: 'migrate' })) as [{ attempts: number }];
      assert.equal(attempts, 1, 'a process that ended counted as an attempt');
    });
  });
}

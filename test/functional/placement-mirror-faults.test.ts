// Placement in a bad hour: whatever it answers, or does not, and wherever a worker ends meanwhile, it comes to say what our books say, and
// nobody waits for it. What others have there is as they left it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { makePlacement, type PlacementService } from '../../src/cloud/placement.ts';
import { claimsOfHost, mirrorLag, updateMirror } from '../../src/db/placement-mirror.ts';
import { listHosts } from '../../src/db/hosts.ts';
import { tx } from '../../src/db/tx.ts';
import { claimedAmounts } from '../../src/domain/placement/placement-mirror.ts';
import { reconcileAll } from '../../src/ops/reconcile/index.ts';
import { makePlacementMirror } from '../../src/ops/reconcile/placement-mirror.ts';
import { makeLog } from '../../src/base/log.ts';
import { engines } from '../support/database.ts';
import { type Mishap, type PlacementDouble, startPlacementDouble } from '../support/placement-double.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';

const SOMEBODY = '5f2504e0-4f89-41d3-9a0c-0305e82c3305';
const TIMEOUT_MS = 300;

for (const engine of engines) {
  describe(`Placement in a bad hour, with ${engine}`, () => {
    let placement: PlacementDouble;
    let service: PlacementService;
    let servers: Servers;
    let outcomes: string[] = [];
    let said: string[] = [];

    before(async () => {
      placement = await startPlacementDouble();
      service = makePlacement({
        endpoint: placement.endpoint,
        serviceToken: async () => 'token',
        timeoutMs: TIMEOUT_MS,
      });
      const quiet = makeLog('silent');
      const log = Object.assign(Object.create(quiet), {
        warn: (_: unknown, text?: string) => void said.push(text ?? String(_)),
        error: (_: unknown, text?: string) => void said.push(text ?? String(_)),
        info: (_: unknown, text?: string) => void said.push(text ?? String(_)),
      }) as typeof quiet;
      servers = await startServers({
        ...{ engine, log, placement: service, hosts: [{ name: 'host-1' }, { name: 'host-2' }] },
        observer: {
          ...{ adjusted() {}, acted() {}, reported() {} },
          reconciled: ({ outcome }) => void outcomes.push(outcome),
        },
      });
      await servers.world.flavor({ id: 'plain-2', vcpus: 2, memoryMb: 1024, rootGb: 2 });
    });
    after(async () => {
      await servers?.close();
      await service?.close();
      await placement?.close();
    });

    /** A turn of one worker, which may be another one each time. */
    const turn = async (placementMirror = makePlacementMirror(), until?: AbortSignal): Promise<string> => {
      outcomes = [];
      await reconcileAll(servers.world.deps, { placementMirror }, until);
      return outcomes[0] as string;
    };
    const lag = () => mirrorLag(servers.world.database.read, Date.now());

    /** What is refused is due at once, as if its pause were over. */
    const retried = () =>
      servers.world.database.write('placement_providers').whereNotNull('due_at').update({ due_at: 0 });

    async function isAsBooks(): Promise<void> {
      const { read } = servers.world.database;
      const wanted: Record<string, unknown> = {};
      for (const host of await listHosts(read)) {
        assert.equal(placement.providers.get(host.uuid)?.name, host.host);
        for (const { consumer, projectId, claim } of await claimsOfHost(read, host.id))
          wanted[consumer] = [projectId, { [host.uuid]: { resources: claimedAmounts(claim, []) } }];
      }
      const has = [...placement.consumers]
        .filter(([consumer]) => consumer !== SOMEBODY)
        .map(([consumer, { project_id, allocations }]) => [consumer, [project_id, allocations]] as const);
      assert.deepEqual(Object.fromEntries(has), wanted);
    }
    const everythingIsWell = async (): Promise<void> => {
      placement.mishap = () => null;
      for (let count = 0; count < 3; count += 1) {
        await retried();
        assert.equal(await turn(), 'success');
      }
      await isAsBooks();
    };
    const resized = async (id: string) => {
      assert.equal((await servers.act(id, { resize: { flavorRef: 'plain-2' } })).status, 202);
      await servers.world.settled();
    };
    const deleted = async (id: string) => {
      assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
      await servers.world.settled();
    };

    it('is told what it was not told while it was away, and that it is away is said once', async () => {
      said = [];
      placement.mishap = () => 'broken';
      const id = await servers.create({ flavorRef: ELASTIC });
      const worker = makePlacementMirror();
      for (let count = 0; count < 3; count += 1) assert.equal(await turn(worker), 'error');
      assert.deepEqual(
        said.filter((text) => /Placement/.test(text)),
        ['Placement cannot be reached now'],
      );
      assert.ok((await lag()).seconds > 0);
      placement.mishap = () => null;
      assert.equal(await turn(worker), 'success');
      assert.deepEqual(said.filter((text) => /Placement/.test(text)).slice(1), ['Placement can be reached again']);
      await isAsBooks();
      assert.equal((await lag()).seconds, 0);
      await deleted(id);
      await everythingIsWell();
    });

    it('is not waited for when it says nothing, and a worker that ends does not wait either', async () => {
      placement.mishap = () => 'mute';
      const id = await servers.create({ flavorRef: ELASTIC });
      const began = performance.now();
      assert.equal(await turn(), 'error');
      assert.ok(performance.now() - began < 10 * TIMEOUT_MS);
      const end = new AbortController();
      const ended = turn(makePlacementMirror(), end.signal);
      end.abort();
      assert.equal(await ended, 'success');
      await everythingIsWell();
      await deleted(id);
      await everythingIsWell();
    });

    it('loses generations to others, a bounded number of times in a row', async () => {
      const id = await servers.create({ flavorRef: ELASTIC });
      let left = 3;
      placement.mishap = (request) => (request.startsWith('PUT /allocations') && (left -= 1) >= 0 ? 'stale' : null);
      assert.equal(await turn(), 'success');
      await isAsBooks();
      placement.mishap = (request) => (request.startsWith('PUT /allocations') ? 'stale' : null);
      await deleted(id);
      placement.asked.length = 0;
      assert.equal(await turn(), 'success');
      assert.equal(placement.asked.filter((one) => one.startsWith('PUT')).length, 5);
      const { refused, seconds } = await lag();
      assert.deepEqual([refused, seconds >= 0], [1, true]);
      placement.asked.length = 0;
      await everythingIsWell();
      assert.equal((await lag()).refused, 0);
    });

    it('comes to say what our books say wherever a worker dies between two requests, or before it heard of one', async () => {
      const kept = await servers.create({ flavorRef: PLAIN });
      await everythingIsWell();
      placement.consumers.set(SOMEBODY, {
        ...{ generation: 1, project_id: 'blazar', user_id: 'blazar', consumer_type: 'LEASE' },
        allocations: { [[...placement.providers.keys()][0] as string]: { resources: { VCPU: 1 } } },
      });
      const theirs = structuredClone(placement.consumers.get(SOMEBODY));
      for (const mishap of ['before', 'after'] as const satisfies readonly Mishap[]) {
        for (let at = 1; ; at += 1) {
          const one = await servers.create({ flavorRef: PLAIN });
          const other = await servers.create({ flavorRef: ELASTIC });
          await turn();
          const third = await servers.create({ flavorRef: ELASTIC });
          await resized(one);
          await deleted(other);
          const end = new AbortController();
          let count = 0;
          placement.mishap = () => {
            count += 1;
            if (count < at) return null;
            end.abort();
            return mishap;
          };
          await turn(makePlacementMirror(), end.signal);
          const isWhole = count < at;
          // what was told and not heard of goes before it is told again
          await deleted(third);
          await everythingIsWell();
          await deleted(one);
          await everythingIsWell();
          if (isWhole) break;
        }
      }
      assert.deepEqual(placement.consumers.get(SOMEBODY), theirs);
      placement.consumers.delete(SOMEBODY);
      await deleted(kept);
      await everythingIsWell();
    });

    it('is told all anew where it has forgotten a host', async () => {
      const id = await servers.create({ flavorRef: PLAIN });
      await everythingIsWell();
      const providers = placement.providers as Map<string, unknown>;
      providers.clear();
      placement.consumers.clear();
      const other = await servers.create({ flavorRef: PLAIN });
      await turn();
      await tx(servers.world.database, (t) => updateMirror(t, { roundAt: 1, afterHost: 0 }));
      await everythingIsWell();
      for (const one of [id, other]) await deleted(one);
      await everythingIsWell();
    });

    it('has a removed host for as long as others have something there', async () => {
      const { read } = servers.world.database;
      const host = (await listHosts(read)).find(({ host: name }) => name === 'host-2');
      assert.ok(host !== undefined);
      placement.consumers.set(SOMEBODY, {
        ...{ generation: 1, project_id: 'blazar', user_id: 'blazar', consumer_type: 'LEASE' },
        allocations: { [host.uuid]: { resources: { VCPU: 1 } } },
      });
      await servers.world.killHost('host-2');
      const { body } = await servers.request('GET', '/os-services?host=host-2', { as: 'admin', version: '2.53' });
      for (const { id } of body.services)
        await servers.request('DELETE', `/os-services/${id}`, { as: 'admin', version: '2.53' });
      assert.equal(await turn(), 'success');
      assert.ok(placement.providers.has(host.uuid));
      assert.equal((await lag()).refused, 1);
      placement.consumers.delete(SOMEBODY);
      await everythingIsWell();
      assert.ok(!placement.providers.has(host.uuid));
      assert.deepEqual(await lag(), { seconds: 0, told: 1, refused: 0 });
    });
  });
}

// What the scheduler knows of hosts is kept, and follows whatever anybody commits: claims, reports, aggregates, services, hosts
// that come and go, transactions that are late.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { limits } from '../../src/base/limits.ts';
import { listCandidates, lockCandidate } from '../../src/db/candidates.ts';
import { releaseClaim, setClaim } from '../../src/db/claims.ts';
import { hostMarks } from '../../src/db/host-changes.ts';
import { findHost } from '../../src/db/hosts.ts';
import { insertServer, updateServer } from '../../src/db/servers.ts';
import { type Tx, tx } from '../../src/db/tx.ts';
import type { Candidate } from '../../src/domain/placement/hosts.ts';
import { handleReport } from '../../src/ops/reconcile/reports.ts';
import { engines } from '../support/database.ts';
import { newServer, reportHost } from '../support/rows.ts';
import { adminOp, makeWorld, type World } from '../support/world.ts';

const names = ['h1', 'h2', 'h3'];
const HOUR_US = 3_600_000_000;

for (const engine of engines) {
  describe(`what is known of hosts on ${engine}`, () => {
    let world: World;
    let serverId = 0;
    const known = (reach: 'changes' | 'all' = 'changes') => listCandidates(world.database.read, reach);
    const named = (hosts: readonly Candidate[], name: string) => hosts.find(({ host }) => host === name);
    const idOf = async (host: string) => (await findHost(world.database.read, { host }))?.id as number;
    /** Each host as one locks it to look again: read anew, by other statements. */
    const truth = (): Promise<Candidate[]> =>
      tx(world.database, async (t) => {
        const found = [];
        for (const { host } of await t('hosts').select('host').orderBy('id')) found.push(await lockCandidate(t, host));
        return found as Candidate[];
      });
    const claim = async (host: string, vcpus: number): Promise<void> => {
      const amounts = {
        vcpus,
        memoryMb: vcpus,
        diskGb: 0,
        numa: null,
        resources: null,
        pci: null,
        maximum: { vcpus, memoryMb: vcpus },
      };
      const hostId = await idOf(host);
      await tx(world.database, (t) => setClaim(t, { serverId, hostId, ...amounts }));
    };
    const release = () => tx(world.database, (t) => releaseClaim(t, serverId, Date.now()));
    const status = (host: string, change: object) =>
      world.ops.setServiceStatus(adminOp(), { host, binary: 'nova-compute' }, change);
    /** Writes a host's row as a transaction that began an hour ago would. */
    const late = (host: string, changes: object) =>
      world.database
        .write('hosts')
        .where({ host })
        .update({
          ...changes,
          generation: world.database.write.raw('generation + 1'),
          changed_at: Date.now() * 1_000 - HOUR_US,
        });

    before(async () => {
      world = await makeWorld({ engine, hosts: names.map((name) => ({ name })), worker: false });
      for (const name of names) await reportHost(world.database, name);
      serverId = await tx(world.database, (t) => insertServer(t, newServer({ host: 'h1' })));
    });
    after(() => world.close());

    it('follows whatever happens to them', async () => {
      const { id } = await world.ops.createAggregate(adminOp(), { name: 'some', zone: null });
      const host = fc.constantFrom(...names);
      const happening = fc.oneof(
        fc.record({ what: fc.constant('claim' as const), host, vcpus: fc.nat({ max: 4 }) }),
        fc.record({ what: fc.constant('release' as const) }),
        fc.record({ what: fc.constant('report' as const), host, memoryMb: fc.integer({ min: 1_024, max: 4_096 }) }),
        fc.record({ what: fc.constant('status' as const), host, disabled: fc.boolean(), forcedDown: fc.boolean() }),
        fc.record({ what: fc.constant('join' as const), host }),
        fc.record({ what: fc.constant('leave' as const), host }),
        fc.record({ what: fc.constant('label' as const), value: fc.constantFrom('a', 'b,c', null) }),
        fc.record({ what: fc.constant('task' as const), taskState: fc.constantFrom('spawning' as const, null) }),
      );
      type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;
      const happen = async (one: Happening): Promise<unknown> => {
        if (one.what === 'claim') return claim(one.host, one.vcpus);
        if (one.what === 'release') return release();
        if (one.what === 'report') return reportHost(world.database, one.host, { memoryMb: one.memoryMb });
        if (one.what === 'status') return status(one.host, { disabled: one.disabled, forcedDown: one.forcedDown });
        if (one.what === 'label') return world.ops.setAggregateMetadata(adminOp(), id, { key: one.value });
        if (one.what === 'task') {
          return tx(world.database, (t) => updateServer(t, serverId, { taskState: one.taskState }, Date.now()));
        }
        const move = one.what === 'join' ? world.ops.addHostToAggregate : world.ops.removeHostFromAggregate;
        // already there, or not there
        return move(adminOp(), id, one.host).catch(() => null);
      };
      await fc.assert(
        fc.asyncProperty(fc.array(happening, { maxLength: 6 }), async (happenings) => {
          for (const one of happenings) await happen(one);
          assert.deepEqual(await known(), await truth());
        }),
        { numRuns: 25 },
      );
      await release();
      await tx(world.database, (t) => t('aggregates').where({ id }).delete());
      for (const name of names) await status(name, { disabled: false, forcedDown: false });
    });

    it('reads again only what changed', async () => {
      const before = await known();
      assert.equal(await known(), before, 'nothing changed, nothing is made anew');
      await claim('h2', 3);
      const after = await known();
      assert.equal(named(after, 'h2')?.claimed.vcpus, 3);
      for (const name of ['h1', 'h3']) assert.equal(named(after, name), named(before, name));
      await release();
    });

    it('learns that a host reported, and reads nothing of it anew', async () => {
      const { database } = world;
      await reportHost(database, 'h2');
      const before = await known();
      const { marks } = await hostMarks(database.read, 0);
      const candidate = named(before, 'h2');
      const later = Date.now() + 1_000;
      await reportHost(database, 'h2', {}, later);
      assert.deepEqual((await hostMarks(database.read, 0)).marks, marks, 'nothing changed');
      assert.equal(named(await known(), 'h2'), candidate);
      assert.equal(candidate?.lastSeenAt, later);
      await handleReport(world.deps, { kind: 'heartbeat', host: 'h2' });
      assert.deepEqual((await hostMarks(database.read, 0)).marks, marks);
      await known();
      assert.ok(candidate.lastSeenAt < later, 'the clock of whoever took it last');
    });

    it('hosts of the same aggregates share what these say of them', async () => {
      const { id } = await world.ops.createAggregate(adminOp(), { name: 'shared', zone: null });
      await world.ops.setAggregateMetadata(adminOp(), id, { shared: 'yes' });
      for (const name of ['h1', 'h3']) await world.ops.addHostToAggregate(adminOp(), id, name);
      const hosts = await known();
      assert.deepEqual(named(hosts, 'h1')?.labels.get('shared'), new Set(['yes']));
      assert.equal(named(hosts, 'h1')?.labels, named(hosts, 'h3')?.labels);
    });

    it('many who ask at once share a look, and each sees what was committed before', async () => {
      await claim('h1', 1);
      const first = known();
      await claim('h1', 2);
      const both = await Promise.all([first, known(), known()]);
      assert.equal(named(both[1], 'h1')?.claimed.vcpus, 2);
      assert.equal(both[1], both[2]);
      await release();
    });

    it('hosts come and go', async () => {
      await reportHost(world.database, 'h4');
      assert.notEqual(named(await known(), 'h4'), undefined);
      await world.ops.deleteService(adminOp(), { host: 'h4', binary: 'nova-compute' });
      assert.equal(named(await known('all'), 'h4'), undefined);
      assert.equal(named(await known(), 'h4'), undefined);
    });

    // SQLite has one writer at a time: there transactions end in their order
    if (engine === 'mysql') {
      it('a change that is committed after others which began later is not lost', async () => {
        const slow = Promise.withResolvers<void>();
        const wrote = Promise.withResolvers<void>();
        const hostId = await idOf('h1');
        const amounts = {
          vcpus: 4,
          memoryMb: 4,
          diskGb: 0,
          numa: null,
          resources: null,
          pci: null,
          maximum: { vcpus: 4, memoryMb: 4 },
        };
        const open = tx(world.database, async (t: Tx) => {
          await setClaim(t, { serverId, hostId, ...amounts });
          wrote.resolve();
          await slow.promise;
        });
        await wrote.promise;
        await reportHost(world.database, 'h2');
        assert.equal(named(await known(), 'h1')?.claimed.vcpus, 0);
        slow.resolve();
        await open;
        assert.equal(named(await known(), 'h1')?.claimed.vcpus, 4);
        await release();
      });
    }

    it('one that took longer than looks overlap is found by a look at all, and by the clock', async (test) => {
      await known();
      await late('h1', { claimed_vcpus: 7 });
      assert.equal(named(await known(), 'h1')?.claimed.vcpus, 0);
      assert.equal(named(await known('all'), 'h1')?.claimed.vcpus, 7);
      await late('h1', { claimed_vcpus: 0 });
      assert.equal(named(await known(), 'h1')?.claimed.vcpus, 7);
      const { hostChangesWholeMs } = limits;
      test.after(() => Object.assign(limits, { hostChangesWholeMs }));
      Object.assign(limits, { hostChangesWholeMs: 0 });
      assert.equal(named(await known(), 'h1')?.claimed.vcpus, 0);
    });

    it('nobody is refused a host of whose room was not heard', async () => {
      await world.startWorker();
      for (const name of ['h2', 'h3']) await status(name, { disabled: true });
      await late('h1', { vcpus: 0 });
      assert.equal(named(await known('all'), 'h1')?.inventory.vcpus, 0);
      await late('h1', { vcpus: 32 });
      assert.equal(named(await known(), 'h1')?.inventory.vcpus, 0, 'the look at changes is behind');
      const [server] = await world.create();
      assert.deepEqual([server?.vmState, server?.host], ['active', 'h1']);
    });

    it('marks are of the database clock', async () => {
      const { atUs, marks } = await hostMarks(world.database.read, 0);
      assert.ok(Math.abs(atUs / 1_000 - Date.now()) < 10_000);
      assert.deepEqual(
        marks.map(({ id }) => id).toSorted((a, b) => a - b),
        marks.map(({ id }) => id),
      );
      assert.deepEqual((await hostMarks(world.database.read, atUs + HOUR_US)).marks, []);
    });
  });
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { planAdjust } from '../../../../src/domain/adjustment/adjust.ts';
import { type AdjustFacts, adjustOutlook, claimRequested } from '../../../../src/domain/adjustment/adjust-plan.ts';
import { fits } from '../../../../src/domain/placement/claims.ts';
import type { Host } from '../../../../src/domain/placement/hosts.ts';
import { defaultQuota, type QuotaAccount, quotaProblem } from '../../../../src/domain/placement/quota-sets.ts';
import { aFlavor, aHost, aServer, NOW_MS } from '../../../support/samples.ts';

const verbs = ['liveMigrate'] as const;

/** A host with so much left of 8 vCPUs and 8192 MiB. */
function hostWith(
  free: { vcpus: number; memoryMb: number },
  can: Partial<Host['inventory']['facts']['capabilities']> = {},
): Host {
  const host = aHost('host1');
  const { facts } = host.inventory;
  return {
    ...host,
    reserved: { vcpus: 0, memoryMb: 0, diskGb: 0 },
    ratios: { cpu: 1, ram: 1, disk: 1 },
    claimed: { vcpus: 8 - free.vcpus, memoryMb: 8192 - free.memoryMb, diskGb: 0 },
    inventory: {
      ...host.inventory,
      vcpus: 8,
      memoryMb: 8192,
      facts: { ...facts, capabilities: { ...facts.capabilities, verbs, ...can } },
    },
  };
}

const account = (cores: number, ram: number): QuotaAccount => ({
  limits: { ...defaultQuota, cores, ram },
  used: { instances: 1, cores: 1, ram: 256 },
});

const facts = (more: Partial<AdjustFacts> = {}): AdjustFacts => ({
  server: aServer({ launchedAt: NOW_MS }),
  claimed: { vcpus: 1, memoryMb: 256 },
  quota: [account(20, 51_200)],
  host: hostWith({ vcpus: 7, memoryMb: 7000 }),
  hostUp: true,
  refused: { adjust: null, liveMigrate: null },
  ...more,
});
const grow = { vcpus: 3, memoryMb: 1024, persist: true };
const codes = ({ reasons }: { readonly reasons: readonly { readonly code: string }[] }) =>
  reasons.map(({ code }) => code);

describe('the outlook of an adjustment', () => {
  it('is live where nothing speaks against it', () => {
    const outlook = adjustOutlook(facts(), grow, []);
    assert.deepEqual([outlook.result, outlook.live.reasons], ['live', []]);
    assert.deepEqual(outlook.grows, { vcpus: 2, memoryMb: 768 });
    assert.deepEqual(outlook.target, { vcpus: 3, memoryMb: 1024 });
    assert.deepEqual(outlook.largest, { vcpus: 4, memoryMb: 1024 });
    assert.deepEqual(codes(outlook.nextBoot), ['state']);
  });

  it('is live after a migration where only another host has room', () => {
    const here = hostWith({ vcpus: 1, memoryMb: 7000 });
    const outlook = adjustOutlook(facts({ host: here }), grow, [hostWith({ vcpus: 8, memoryMb: 8192 })]);
    assert.equal(outlook.result, 'live_after_migration');
    assert.deepEqual(codes(outlook.live), ['room']);
    assert.match(outlook.live.reasons[0]?.message ?? '', /no room for 2 more vCPUs \(1 free\)\.$/);
    assert.equal(outlook.afterMigration.hosts.length, 1);
    assert.deepEqual(outlook.largest, { vcpus: 2, memoryMb: 1024 });
    const stuck = adjustOutlook(facts({ host: hostWith({ vcpus: 1, memoryMb: 0 }, { verbs: [] }) }), grow, []);
    assert.deepEqual([stuck.result, codes(stuck.live)], ['refused', ['room']]);
    assert.deepEqual(codes(stuck.afterMigration), ['driver', 'room']);
    const incapable = hostWith({ vcpus: 8, memoryMb: 8192 }, { liveVcpus: false });
    assert.deepEqual(codes(adjustOutlook(facts({ host: here }), grow, [incapable]).afterMigration), ['room']);
  });

  it('waits for the next boot where the server is off, or its driver cannot do it live', () => {
    const off = adjustOutlook(facts({ server: aServer({ vmState: 'stopped', launchedAt: NOW_MS }) }), grow, []);
    assert.deepEqual([off.result, codes(off.live), codes(off.nextBoot)], ['next_boot', ['state'], []]);
    const stiff = facts({ host: hostWith({ vcpus: 7, memoryMb: 7000 }, { liveVcpus: false }) });
    assert.equal(adjustOutlook(stiff, grow, []).result, 'next_boot');
    assert.equal(adjustOutlook(stiff, { ...grow, vcpus: null }, []).result, 'live', 'memory alone it can');
  });

  it('waits for the next boot where the guest runs as another program started it, and says so', () => {
    const flavor = { ...aServer().flavor, startedElsewhere: true as const };
    const outlook = adjustOutlook(facts({ server: aServer({ launchedAt: NOW_MS, flavor }) }), grow, []);
    assert.deepEqual([outlook.result, codes(outlook.live)], ['next_boot', ['state']]);
    assert.match(outlook.live.reasons[0]?.message ?? '', /runs as Nova started it/);
  });

  it('is refused with every reason', () => {
    const locked = 'Instance 1 is locked';
    const poor = {
      refused: { adjust: locked, liveMigrate: locked },
      host: hostWith({ vcpus: 0, memoryMb: 0 }),
      hostUp: false,
      quota: [account(2, 256)] as const,
    };
    const outlook = adjustOutlook(facts(poor), grow, []);
    assert.equal(outlook.result, 'refused');
    assert.deepEqual(codes(outlook.live), ['state', 'host', 'quota', 'room']);
    assert.deepEqual(codes(outlook.nextBoot), ['state', 'state', 'quota', 'room']);
    assert.deepEqual(outlook.largest, { vcpus: 1, memoryMb: 256 });
    assert.equal(adjustOutlook(facts({ ...poor, host: null }), grow, []).largest, null);
  });

  it('of a size out of bounds says so for every way', () => {
    const outlook = adjustOutlook(facts(), { ...grow, vcpus: 9 }, []);
    assert.deepEqual([outlook.result, outlook.target.vcpus], ['refused', 9]);
    for (const way of [outlook.live, outlook.afterMigration, outlook.nextBoot])
      assert.deepEqual(codes(way), ['bounds']);
    assert.equal(claimRequested(facts(), { ...grow, vcpus: 9 }), null);
    assert.deepEqual(claimRequested(facts(), grow), { vcpus: 3, memoryMb: 1024 });
  });

  it('names as largest what fits, and nothing larger', () => {
    const size = fc.record({ vcpus: fc.nat(8), memoryMb: fc.nat(8192) });
    fc.assert(
      fc.property(size, fc.integer({ min: -1, max: 12 }), fc.integer({ min: -1, max: 9000 }), (free, cores, ram) => {
        const flavor = aFlavor({ vcpus: 6, memoryMb: 4096 });
        const subject = facts({
          server: aServer({ launchedAt: NOW_MS, flavor }),
          host: hostWith(free),
          quota: [account(cores, ram)],
        });
        const { largest } = adjustOutlook(subject, grow, []);
        assert.ok(largest !== null);
        const outcome = (want: { vcpus: number | null; memoryMb: number | null }): boolean => {
          const plan = planAdjust(subject.server, { ...want, persist: true }, subject.claimed);
          if (!plan.ok) return false;
          const more = { instances: 0, cores: plan.grows.vcpus, ram: plan.grows.memoryMb };
          return fits(subject.host as Host, plan.grows) === null && quotaProblem(subject.quota, more) === null;
        };
        assert.ok(outcome({ vcpus: largest.vcpus, memoryMb: null }));
        assert.ok(!outcome({ vcpus: largest.vcpus + 1, memoryMb: null }));
        assert.ok(outcome({ vcpus: null, memoryMb: largest.memoryMb }));
        assert.ok(!outcome({ vcpus: null, memoryMb: largest.memoryMb + 1 }));
      }),
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { planAdjust, settlePower, settleSeen } from '../../../../src/domain/adjustment/adjust.ts';
import { bootSizeOf } from '../../../../src/domain/servers/build-spec.ts';
import {
  elasticProblem,
  type FlavorSnapshot,
  memoryFor,
  memoryWithin,
  minimumOf,
} from '../../../../src/domain/machines/flavors.ts';
import type { GuestView } from '../../../../src/domain/servers/guests.ts';
import { power } from '../../../../src/domain/servers/servers.ts';
import { memoryLaws, memoryMethodOf } from '../../../../src/domain/adjustment/memory-method.ts';
import { aFlavor, aServer } from '../../../support/samples.ts';

const plugging = (memoryMb: number, minimumMb: number): FlavorSnapshot =>
  aFlavor({
    memoryMb,
    extraSpecs: { minimum_cpu: '1', minimum_memory: String(minimumMb), 'xloud:memory_method': 'virtio-mem' },
  });

const { blockMb, spanMb } = memoryLaws['virtio-mem'];

/** A flavor of virtio-mem that is in order, and a size within its bounds as its user knows them. */
const anyCase = fc
  .record({ low: fc.integer({ min: 64, max: 4_000 }), span: fc.integer({ min: spanMb, max: 4_000 }) })
  .map(({ low, span }) => plugging(low + span, low))
  .chain((flavor) =>
    fc
      .integer({ min: minimumOf(flavor).memoryMb, max: flavor.memoryMb })
      .map((wishedMb) => ({ flavor, wishedMb, minimumMb: minimumOf(flavor).memoryMb })),
  );

describe('the extra spec of the memory method', () => {
  it('is the balloon unless it says otherwise', () => {
    assert.equal(memoryMethodOf(aFlavor()), 'balloon');
    assert.equal(memoryMethodOf(aFlavor({ extraSpecs: { 'xloud:memory_method': 'balloon' } })), 'balloon');
    assert.equal(memoryMethodOf(plugging(1024, 256)), 'virtio-mem');
  });

  it('is refused where it names no method, or leaves virtio-mem nothing to plug', () => {
    const problem = (extraSpecs: Record<string, string>) => elasticProblem({ vcpus: 4, memoryMb: 1024, extraSpecs });
    const key = 'xloud:memory_method';
    assert.equal(problem({ [key]: 'balloon' }), null);
    assert.equal(problem({ [key]: 'virtio-mem', minimum_memory: '896' }), null);
    for (const word of ['', 'Balloon', 'virtio_mem', 'constructor']) {
      assert.equal(
        problem({ [key]: word }),
        `Validation failed; extra spec 'xloud:memory_method': '${word}' is not one of: balloon, virtio-mem.`,
      );
    }
    const narrow =
      "Validation failed; extra spec 'xloud:memory_method': virtio-mem needs a 'minimum_memory' at least 128 MiB " +
      "below the flavor's ram of 1024.";
    assert.equal(problem({ [key]: 'virtio-mem' }), narrow);
    assert.equal(problem({ [key]: 'virtio-mem', minimum_memory: '897' }), narrow);
    // a minimum that is wrong in itself is told first
    assert.match(problem({ [key]: 'virtio-mem', minimum_memory: 'x' }) ?? '', /not a valid integer value/);
  });
});

describe('the sizes of virtio-mem', () => {
  it('are a minimum that leaves whole spans, and whole blocks above it', () => {
    fc.assert(
      fc.property(anyCase, ({ flavor, wishedMb, minimumMb }) => {
        const asked = Number(flavor.extraSpecs['minimum_memory']);
        assert.equal((flavor.memoryMb - minimumMb) % spanMb, 0);
        assert.ok(minimumMb >= asked && minimumMb < asked + spanMb && minimumMb < flavor.memoryMb);
        const given = memoryFor(flavor, wishedMb);
        assert.equal((given - minimumMb) % blockMb, 0);
        assert.ok(given >= wishedMb && given < wishedMb + blockMb, 'never less than was asked, and no block too much');
        assert.ok(given <= flavor.memoryMb);
        assert.equal(memoryFor(flavor, given), given, 'once is enough');
      }),
    );
  });

  it('never take more room than there is where the largest is told', () => {
    fc.assert(
      fc.property(anyCase, fc.nat(10_000), ({ flavor, minimumMb }, more) => {
        const within = memoryWithin(flavor, minimumMb + more);
        assert.ok(within <= minimumMb + more && within >= minimumMb && within <= flavor.memoryMb);
        assert.equal(memoryFor(flavor, within), within, 'it can be asked for as it is');
      }),
    );
  });

  it('are those of plans, boots and claims', () => {
    fc.assert(
      fc.property(anyCase, fc.boolean(), ({ flavor, wishedMb, minimumMb }, live) => {
        const server = aServer({ flavor, vmState: live ? 'active' : 'stopped', bootMemoryMb: minimumMb });
        const claimed = { vcpus: 1, memoryMb: minimumMb };
        const plan = planAdjust(server, { vcpus: null, memoryMb: wishedMb, persist: true }, claimed);
        assert.ok(plan.ok);
        const given = memoryFor(flavor, wishedMb);
        assert.deepEqual([plan.target.memoryMb, plan.boot.memoryMb, plan.claim.memoryMb], [given, given, given]);
        assert.equal(plan.grows.memoryMb, given - minimumMb);
        assert.equal(bootSizeOf({ ...server, bootMemoryMb: wishedMb }).memoryMb, given);
      }),
    );
  });

  it('leave memory as it is where only vCPUs are asked for, even between two blocks', () => {
    const server = aServer({ flavor: plugging(1024, 256), currentMemoryMb: 301 });
    const plan = planAdjust(server, { vcpus: 2, memoryMb: null, persist: false }, { vcpus: 1, memoryMb: 301 });
    assert.ok(plan.ok && plan.target.memoryMb === 301);
  });

  it('are those of the balloon one by one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1024 }), (wishedMb) => {
        const flavor = aFlavor({ extraSpecs: { minimum_memory: '1' } });
        assert.deepEqual([memoryFor(flavor, wishedMb), memoryWithin(flavor, wishedMb)], [wishedMb, wishedMb]);
      }),
    );
  });
});

describe('the start of a server of virtio-mem', () => {
  const server = aServer({ flavor: plugging(1024, 256), bootMemoryMb: 768, targetMemoryMb: 768 });
  const seen = (memoryMb: number): GuestView => ({
    ...{ uuid: 'u', powerState: power.running, size: { vcpus: 1, memoryMb }, onlineVcpus: 1, availableMb: null },
    maximum: { vcpus: 4, memoryMb: 1024 },
  });

  it('waits for the guest to take what it is to have, which stays claimed', () => {
    const begun = settlePower(server, seen(256), true);
    assert.equal(begun.server.adjustStatus, 'adjusting');
    assert.equal(
      begun.server.adjustMessage,
      "Waiting for the guest's virtio-mem device driver: 256 MiB until it is loaded, 768 MiB then.",
    );
    assert.deepEqual([begun.server.currentMemoryMb, begun.claimed.memoryMb], [256, 768]);
    const waiting = { ...server, ...begun.server };
    assert.equal(settleSeen(waiting, seen(512), false).server.adjustStatus, 'adjusting');
    const done = settleSeen(waiting, seen(768), false);
    assert.deepEqual([done.server.adjustStatus, done.server.adjustMessage], ['idle', null]);
  });

  it('is over at once at the minimum, which the guest has from the beginning', () => {
    const small = { ...server, bootMemoryMb: 256 };
    assert.equal(settlePower(small, seen(256), true).server.adjustStatus, 'idle');
  });

  it('ends partial where no driver comes, and is mended when one comes late', () => {
    const waiting = { ...server, adjustStatus: 'adjusting' as const };
    const missed = settleSeen(waiting, seen(256), true);
    assert.equal(missed.success, false);
    assert.equal(
      missed.server.adjustMessage,
      'memory: 256 MiB of 768 MiB reached: the guest has no virtio-mem device driver, or takes no more',
    );
    assert.equal(missed.claimed.memoryMb, 768, 'the device still offers it');
    assert.equal(settleSeen({ ...waiting, ...missed.server }, seen(768), false).server.adjustStatus, 'idle');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { capacityOf, claimOf, fits, freeOf, withClaim } from '../../../../src/domain/placement/claims.ts';
import type { Host } from '../../../../src/domain/placement/hosts.ts';
import { aHost } from '../../../support/samples.ts';

const amount = fc.integer({ min: 0, max: 500 });
const size = fc.record({ vcpus: amount, memoryMb: amount });
const amounts = fc.record({ vcpus: amount, memoryMb: amount, diskGb: amount });
const ratio = fc.constantFrom(0.5, 1, 1.5, 4, 16);

const anyHost: fc.Arbitrary<Host> = fc
  .record({
    total: fc.record({
      vcpus: fc.integer({ min: 1, max: 500 }),
      memoryMb: fc.integer({ min: 1, max: 500 }),
      diskGb: amount,
    }),
    reserved: fc.record({
      vcpus: fc.integer({ min: 0, max: 2 }),
      memoryMb: fc.integer({ min: 0, max: 50 }),
      diskGb: amount,
    }),
    claimed: amounts,
    cpu: ratio,
    ram: ratio,
    disk: ratio,
  })
  .map(({ total, reserved, claimed, cpu, ram, disk }) => {
    const host = aHost('h1');
    return {
      ...host,
      inventory: { ...host.inventory, ...total },
      reserved: {
        vcpus: Math.min(reserved.vcpus, total.vcpus),
        memoryMb: Math.min(reserved.memoryMb, total.memoryMb),
        diskGb: Math.min(reserved.diskGb, total.diskGb),
      },
      claimed,
      ratios: { cpu, ram, disk },
    };
  });

describe('claims', () => {
  it('cover minimum, what is held and the next boot, and not more', () => {
    fc.assert(
      fc.property(size, size, size, (minimum, held, boot) => {
        const claim = claimOf(minimum, held, boot);
        for (const part of ['vcpus', 'memoryMb'] as const) {
          assert.equal(claim[part], Math.max(minimum[part], held[part], boot[part]));
        }
      }),
    );
  });

  it('count capacity as (total - reserved) * ratio', () => {
    const host = {
      ...aHost('h1'),
      ratios: { cpu: 1.5, ram: 1, disk: 0.5 },
      reserved: { vcpus: 1, memoryMb: 512, diskGb: 1 },
    };
    assert.deepEqual(capacityOf(host), { vcpus: 22, memoryMb: 32_256, diskGb: 49 });
  });

  it('fit exactly while the sum stays within the capacity', () => {
    fc.assert(
      fc.property(anyHost, amounts, (host, delta) => {
        const capacity = capacityOf(host);
        const legal = (['vcpus', 'memoryMb', 'diskGb'] as const).every(
          (part) => delta[part] === 0 || host.claimed[part] + delta[part] <= capacity[part],
        );
        const noRoom = fits(host, delta);
        assert.equal(noRoom === null, legal);
        if (noRoom !== null) assert.deepEqual(noRoom.free, freeOf(host));
        else {
          const after = freeOf(withClaim(host, delta));
          for (const part of ['vcpus', 'memoryMb', 'diskGb'] as const) {
            assert.equal(after[part], Math.max(0, freeOf(host)[part] - delta[part]));
          }
        }
      }),
    );
  });

  it('always let go, even on a host that is claimed beyond its capacity', () => {
    fc.assert(
      fc.property(anyHost, size, (host, back) => {
        assert.equal(fits(host, { vcpus: -back.vcpus, memoryMb: -back.memoryMb }), null);
      }),
    );
  });

  it('name what was asked and what is free', () => {
    const host = { ...aHost('h1'), claimed: { vcpus: 15, memoryMb: 32_000, diskGb: 0 } };
    assert.equal(
      fits(host, { vcpus: 2, memoryMb: 1024 })?.text,
      'The host has no room for 2 more vCPUs (1 free) and 1024 MiB more memory (768 MiB free)',
    );
  });
});

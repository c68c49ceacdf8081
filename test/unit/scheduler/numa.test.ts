// Hosts whose CPUs are partly dedicated: each kind of vCPU is counted against its own.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Candidate } from '../../../src/domain/placement/hosts.ts';
import type { NumaTopology } from '../../../src/domain/numa/numa.ts';
import { withTopology } from '../../../src/domain/numa/numa.ts';
import type { NumaRequest } from '../../../src/domain/numa/numa-request.ts';
import { explain } from '../../../src/scheduler/explain.ts';
import { weigherNames } from '../../../src/scheduler/index.ts';
import { select, selectMany } from '../../../src/scheduler/select.ts';
import { fakeInventory } from '../../../src/virt/fake/inventory.ts';
import { readDivision } from '../../../src/virt/host-cells.ts';
import { aHost, aPlacement, NOW_MS } from '../../support/samples.ts';

const options = { nowMs: NOW_MS };

/** Eight CPUs: 0 to 3 are shared, 4 to 7 dedicated. */
function divided(name: string, more: Partial<Candidate> = {}): Candidate {
  const division = readDivision({ cpu_dedicated_set: '4-7', cpu_shared_set: '0-3', reserved_huge_pages: '' });
  const size = { vcpus: 8, memoryMb: 32_768, diskGb: 100 };
  return aHost(name, { inventory: fakeInventory(name, size, { memoryMb: 0, diskGb: 0 }, [], { division }), ...more });
}

const pinned = (vcpus: number): NumaRequest => ({
  cells: [{ dedicated: Array.from({ length: vcpus }, (_, index) => index), shared: [], memoryMb: 256 }],
  ...{ pinned: true, threads: null, emulatorThreads: null, pages: null },
});

const asking = (vcpus: number, numa: NumaRequest | null, count = 1) =>
  aPlacement({ minimum: { vcpus, memoryMb: 256 }, maximum: { vcpus, memoryMb: 256 }, numa, count });

const why = (host: Candidate, spec = aPlacement()) =>
  explain([host], spec, options).flatMap(({ refusals }) =>
    refusals.map(({ filter, reason }) => `${filter}: ${reason}`),
  );

describe('a host with dedicated CPUs', () => {
  it('has room for shared vCPUs on its shared CPUs only, and for pinned ones on the others', () => {
    const host = divided('h1');
    assert.deepEqual(why(host, asking(4, null)), []);
    assert.deepEqual(why(host, asking(5, null)), [
      'GrowthCeilingFilter: can never give 5 vCPUs (4 at most)',
      'ResourceFilter: The host has no room for 5 more vCPUs (4 free)',
    ]);
    assert.deepEqual(why(host, asking(4, pinned(4))), []);
    assert.deepEqual(why(host, asking(5, pinned(5))), [
      'NUMATopologyFilter: takes NUMA node 0 of the server nowhere (node 0: 4 dedicated CPUs are free, not 5)',
    ]);
  });

  it('is as empty for shared vCPUs whatever is pinned, and the other way round', () => {
    const topology: NumaTopology = {
      cells: [
        {
          hostNode: 0,
          vcpus: [0, 1, 2],
          memoryMb: 256,
          pinning: { 0: 4, 1: 5, 2: 6 },
          floating: [],
          pageSizeKib: null,
          huge: false,
        },
      ],
      ...{ emulatorThreads: null, emulatorCpus: [] },
    };
    const numaUsed = withTopology(null, topology, 1);
    const ceiling = { vcpus: 3, memoryMb: 256 };
    const taken = divided('h1', { claimed: { vcpus: 3, memoryMb: 256, diskGb: 0 }, ceiling, numaUsed });
    assert.deepEqual(why(taken, asking(4, null)), []);
    assert.equal(why(taken, asking(2, pinned(2))).length, 1);
    // neither the free CPUs nor the room to grow is less than on a host without pinned servers
    const multipliers = {
      ...Object.fromEntries(weigherNames.map((name) => [name, 0])),
      ...{ CPUWeigher: 1, HeadroomWeigher: 1 },
    };
    const busy = divided('h2', {
      claimed: { vcpus: 1, memoryMb: 256, diskGb: 0 },
      ceiling: { vcpus: 1, memoryMb: 256 },
    });
    const { hosts } = select([busy, taken], asking(1, null), { ...options, multipliers });
    assert.deepEqual(
      hosts.map(({ host }) => host),
      ['h1', 'h2'],
    );
  });

  it('takes as many of one request as it has CPUs for', () => {
    const hosts = [divided('h1'), divided('h2')];
    assert.equal(selectMany(hosts, asking(2, pinned(2), 4), options).hosts?.length, 4);
    const { hosts: none, refused } = selectMany(hosts, asking(2, pinned(2), 5), options);
    assert.equal(none, null);
    assert.deepEqual(new Set(refused.map(({ filter }) => filter)), new Set(['NUMATopologyFilter']));
  });

  it('without shared CPUs takes pinned servers, and no others', () => {
    const division = readDivision({ cpu_dedicated_set: '0-7', cpu_shared_set: '', reserved_huge_pages: '' });
    const inventory = fakeInventory('h1', { vcpus: 8, memoryMb: 32_768 }, { memoryMb: 0, diskGb: 0 }, [], { division });
    const host = aHost('h1', { inventory });
    assert.deepEqual(why(host, asking(8, pinned(8))), []);
    assert.equal(why(host, asking(1, null)).length, 2);
    assert.equal(
      explain([host], asking(1, pinned(1)), options)[0]?.weights.find(({ weigher }) => weigher === 'HeadroomWeigher')
        ?.raw,
      0,
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { explain } from '../../../src/scheduler/explain.ts';
import { type SelectOptions, select } from '../../../src/scheduler/select.ts';
import { aHost, aPlacement, NOW_MS } from '../../support/samples.ts';

const options: SelectOptions = { nowMs: NOW_MS };

/** Hosts of three zones in all states, some full. */
const clouds = fc
  .array(
    fc.record({
      zone: fc.constantFrom('nova', 'east', 'west'),
      disabled: fc.boolean(),
      vcpus: fc.nat({ max: 16 }),
      memoryMb: fc.nat({ max: 32_768 }),
      share: fc.constantFrom(0, 1, 3),
    }),
    { maxLength: 12 },
  )
  .map((hosts) =>
    hosts.map(({ zone, disabled, vcpus, memoryMb, share }, index) =>
      aHost(`h${index}`, {
        ...{ zone, disabled },
        claimed: { vcpus, memoryMb, diskGb: 0 },
        ceiling: { vcpus: vcpus * share, memoryMb: memoryMb * share },
      }),
    ),
  );

describe('an explanation', () => {
  it('gives every reason against a host, not only the first', () => {
    const host = aHost('h1', {
      ...{ disabled: true, disabledReason: 'disk broken' },
      claimed: { vcpus: 16, memoryMb: 0, diskGb: 0 },
    });
    const maximum = { vcpus: 17, memoryMb: 1024 };
    assert.deepEqual(explain([host], aPlacement({ zone: 'az2', maximum }), options), [
      {
        host,
        refusals: [
          { filter: 'ComputeFilter', reason: 'disabled: disk broken' },
          { filter: 'AvailabilityZoneFilter', reason: 'is in zone nova, not az2' },
          { filter: 'GrowthCeilingFilter', reason: 'can never give 17 vCPUs (16 at most)' },
          { filter: 'ResourceFilter', reason: 'The host has no room for 1 more vCPUs (0 free)' },
        ],
        score: null,
        weights: [],
      },
    ]);
  });

  it('tells what each weigher adds', () => {
    const hosts = [aHost('h1', { claimed: { vcpus: 8, memoryMb: 16_384, diskGb: 0 } }), aHost('h2')];
    const [best, second] = explain(hosts, aPlacement(), { ...options, multipliers: { RAMWeigher: 3, CPUWeigher: 0 } });
    const shown = (one: typeof best) =>
      one?.weights.filter(({ weigher }) => weigher === 'RAMWeigher' || weigher === 'CPUWeigher');
    assert.deepEqual([best?.host.host, second?.host.host], ['h2', 'h1']);
    // half of the memory is free, on a scale from nothing to the best; vCPUs do not count at all
    assert.deepEqual(shown(best), [{ weigher: 'RAMWeigher', raw: 32_768, points: 3 }]);
    assert.deepEqual(shown(second), [{ weigher: 'RAMWeigher', raw: 16_384, points: 1.5 }]);
  });

  it('says of every host, in their order, what the pass itself decides', () => {
    fc.assert(
      fc.property(clouds, fc.option(fc.constantFrom('nova', 'east')), (hosts, zone) => {
        const spec = aPlacement({ zone });
        const told = explain(hosts, spec, options);
        const { hosts: chosen, refused } = select(hosts, spec, options);
        assert.deepEqual(
          told.filter(({ refusals }) => refusals.length === 0).map(({ host }) => host.host),
          chosen.map(({ host }) => host),
        );
        assert.deepEqual(
          told.flatMap(({ host, refusals: [first] }) => (first === undefined ? [] : [{ host: host.host, ...first }])),
          refused,
        );
        for (const { score, weights } of told) {
          assert.equal(score === null, weights.length === 0);
          assert.equal(
            score ?? 0,
            weights.reduce((sum, { points }) => sum + points, 0),
          );
        }
      }),
    );
  });
});

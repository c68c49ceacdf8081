import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { aFlavor } from '../../../support/samples.ts';
import { countedSize, type SizeSpan, usageIn } from '../../../../src/domain/servers/server-sizes.ts';

const HOUR_MS = 3_600_000;
const boot = { vcpus: 2, memoryMb: 512 };
const claimed = { vcpus: 4, memoryMb: 1024 };
const extra = { vcpus: 0, memoryMb: 0 };
const flavor = aFlavor({});

describe('what a server counts for', () => {
  const of = (more: Partial<Parameters<typeof countedSize>[0]>) =>
    countedSize({
      ...{
        vmState: 'active',
        deleted: false,
        deletedAt: null,
        launchedAt: 1,
        claimed,
        promised: null,
        boot,
        diskGb: 3,
        flavor,
      },
      ...more,
    });

  it('is its claim, and its boot size only while it will get a host', () => {
    assert.deepEqual(of({}), { ...claimed, diskGb: 3, counted: true, billed: true, extra, rate: 0 });
    assert.deepEqual(of({ vmState: 'error' }), { ...claimed, diskGb: 3, counted: true, billed: true, extra, rate: 0 });
    for (const vmState of ['building', 'shelved_offloaded'] as const) {
      const waits = { ...boot, diskGb: 3, counted: true, billed: true, extra, rate: 0 };
      assert.deepEqual(of({ vmState, claimed: null }), waits);
    }
    assert.deepEqual(of({ vmState: 'error', claimed: null }), {
      vcpus: 0,
      memoryMb: 0,
      diskGb: 3,
      counted: true,
      billed: true,
      extra,
      rate: 0,
    });
  });

  it('has in addition what was promised', () => {
    const grown = of({ promised: { vcpus: 6, memoryMb: 512 } });
    assert.deepEqual([grown?.vcpus, grown?.memoryMb, grown?.extra], [4, 1024, { vcpus: 2, memoryMb: 0 }]);
  });

  it('is billed once it was launched', () => {
    assert.deepEqual([of({})?.billed, of({ launchedAt: null })?.billed], [true, false]);
  });

  it('costs what its flavor says for its floor and for what it holds above, and nothing without a claim', () => {
    const priced = aFlavor({
      ...{ vcpus: 8, memoryMb: 4096 },
      extraSpecs: {
        ...{ minimum_cpu: '2', minimum_memory: '512' },
        ...{ 'price:hour': '0.5', 'price:vcpu_hour': '0.000003', 'price:memory_gb_hour': '0.000001' },
      },
    });
    const rate = (more: Partial<Parameters<typeof countedSize>[0]>) => of({ flavor: priced, ...more })?.rate;
    assert.equal(rate({}), 1024 * (500_000 + 2 * 3) + 512);
    assert.equal(rate({ claimed: boot }), 1024 * 500_000);
    assert.equal(rate({ vmState: 'shelved_offloaded', claimed: null }), 0);
    assert.equal(rate({ launchedAt: null }), 0);
    assert.equal(of({})?.rate, 0, 'a flavor without a price');
  });

  it('ends with it, and is not counted while it may be restored', () => {
    assert.equal(of({ deleted: true }), null);
    const hidden = { vmState: 'soft-delete', deletedAt: 1 } as const;
    assert.deepEqual([of(hidden)?.counted, of(hidden)?.vcpus], [false, 4]);
    assert.equal(of({ ...hidden, deletedAt: null })?.counted, true, 'once it is on its way back');
  });
});

/** Spans that follow one another without a gap, the last one open, from moment 0 on. */
const history = fc.array(fc.record({ hours: fc.integer({ min: 0, max: 9 }), vcpus: fc.integer({ min: 0, max: 8 }) }), {
  minLength: 1,
  maxLength: 6,
});

const spansOf = (sizes: readonly { readonly hours: number; readonly vcpus: number }[]): SizeSpan[] => {
  let at = 0;
  return sizes.map(({ hours, vcpus }, index) => {
    const startedAt = at;
    at += hours * HOUR_MS;
    const endedAt = index === sizes.length - 1 ? null : at;
    return { vcpus, memoryMb: vcpus * 100, diskGb: 1, counted: true, billed: true, extra, rate: 0, startedAt, endedAt };
  });
};

const moment = fc.integer({ min: 0, max: 60 }).map((hours) => hours * HOUR_MS);

describe('usage over time', () => {
  it('of a server of one size is that size times the hours from its launch to its end', () => {
    const [span] = spansOf([{ hours: 1, vcpus: 3 }]) as [SizeSpan];
    const spans = [
      { ...span, billed: false, endedAt: 2 * HOUR_MS },
      { ...span, startedAt: 2 * HOUR_MS, endedAt: 6 * HOUR_MS },
    ];
    const usage = usageIn(spans, 0, 10 * HOUR_MS);
    assert.deepEqual(
      [usage.hours, usage.vcpuHours, usage.memoryMbHours, usage.diskGbHours, usage.last?.vcpus],
      [4, 12, 1200, 4, 3],
    );
  });

  it('of a period is the sum of that of its parts, wherever it is cut', () => {
    fc.assert(
      fc.property(history, moment, moment, moment, (sizes, a, b, c) => {
        const [start, cut, stop] = [a, b, c].toSorted((x, y) => x - y) as [number, number, number];
        const spans = spansOf(sizes);
        const whole = usageIn(spans, start, stop);
        const parts = [usageIn(spans, start, cut), usageIn(spans, cut, stop)] as const;
        for (const amount of ['hours', 'vcpuHours', 'memoryMbHours', 'diskGbHours'] as const) {
          assert.ok(Math.abs(whole[amount] - parts[0][amount] - parts[1][amount]) < 1e-6, amount);
        }
        assert.ok(Math.abs(whole.hours - (stop - start) / HOUR_MS) < 1e-6, 'every moment once');
      }),
    );
  });
});

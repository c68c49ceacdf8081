import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  costUntil,
  FRACTIONS,
  type HourShare,
  hourOf,
  type MeteredSpan,
  meteredTo,
  sharesOf,
} from '../../../../src/domain/metering/usage-records.ts';

const HOUR_MS = 3_600_000;
const BEGIN = Date.UTC(2026, 10, 1);

/** What records come to, in parts of a millionth. */
const partsOf = (shares: readonly HourShare[]): bigint =>
  shares.reduce((sum, { amount, fraction }) => sum + BigInt(amount) * BigInt(FRACTIONS) + BigInt(fraction), 0n);

const span = (more: Partial<MeteredSpan>): MeteredSpan => ({
  ...{ vcpus: 2, memoryMb: 512, gb: 10, rate: 1024 * 5_000 },
  ...{ startedAt: BEGIN, endedAt: null, meteredUntil: BEGIN },
  ...more,
});

describe('the shares of hours', () => {
  it('are of whole hours and of the rest, each with what was held', () => {
    const shares = sharesOf(
      span({ startedAt: BEGIN + HOUR_MS / 2, meteredUntil: BEGIN + HOUR_MS / 2 }),
      BEGIN + 2 * HOUR_MS,
    );
    assert.deepEqual(shares, [
      {
        ...{ hour: BEGIN, heldMs: HOUR_MS / 2, vcpuMs: HOUR_MS, memoryMbMs: 256 * HOUR_MS, gbMs: 5 * HOUR_MS },
        ...{ amount: 2_500, fraction: 0 },
      },
      {
        ...{
          hour: BEGIN + HOUR_MS,
          heldMs: HOUR_MS,
          vcpuMs: 2 * HOUR_MS,
          memoryMbMs: 512 * HOUR_MS,
          gbMs: 10 * HOUR_MS,
        },
        ...{ amount: 5_000, fraction: 0 },
      },
    ]);
  });

  it('are none before the span begins', () => {
    assert.deepEqual(sharesOf(span({ startedAt: BEGIN + 5, meteredUntil: BEGIN + 5 }), BEGIN), []);
  });

  it('take back what lies behind an end that became known later', () => {
    const shares = sharesOf(span({ endedAt: BEGIN + HOUR_MS, meteredUntil: BEGIN + 3 * HOUR_MS }), BEGIN + 4 * HOUR_MS);
    assert.deepEqual(
      shares.map(({ hour, heldMs, amount }) => [hour - BEGIN, heldMs, amount]),
      [
        [HOUR_MS, -HOUR_MS, -5_000],
        [2 * HOUR_MS, -HOUR_MS, -5_000],
      ],
    );
  });

  it('come to the integral, whenever and however often they are asked for', () => {
    const plan = fc.record({
      rate: fc.nat({ max: 10 ** 15 }),
      startedAt: fc.nat({ max: 3 * HOUR_MS }),
      lasts: fc.nat({ max: 50 * HOUR_MS }),
      /** Turns before the end is known, which may be ahead of it, and after. */
      before: fc.array(fc.nat({ max: 60 * HOUR_MS }), { maxLength: 6 }),
      after: fc.array(fc.nat({ max: 60 * HOUR_MS }), { maxLength: 6 }),
    });
    fc.assert(
      fc.property(plan, ({ rate, startedAt, lasts, before, after }) => {
        let now = span({ rate, startedAt, meteredUntil: startedAt });
        const shares: HourShare[] = [];
        const turn = (untilMs: number) => {
          if (now.meteredUntil >= untilMs) return;
          shares.push(...sharesOf(now, untilMs));
          now = { ...now, meteredUntil: meteredTo(now, untilMs) };
        };
        for (const untilMs of before) turn(untilMs);
        now = { ...now, endedAt: startedAt + lasts };
        for (const untilMs of [...after, 1_000 * HOUR_MS]) turn(untilMs);
        assert.equal(partsOf(shares), BigInt(rate) * BigInt(lasts));
        assert.ok(shares.every(({ fraction }) => fraction >= 0 && fraction < FRACTIONS));
        assert.ok(shares.every(({ hour }) => hour === hourOf(hour)));
        assert.equal(BigInt(costUntil([now], 1_000 * HOUR_MS)), partsOf(shares) / BigInt(FRACTIONS));
      }),
    );
  });
});

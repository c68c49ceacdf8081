// Why: what is paid for is cut into hours, so that a bill of any period is a sum of records; and it is cut exactly, so that the sum is
// the integral of what was held and nothing is lost between two hours.

import { RATE_PARTS } from './prices.ts';

const HOUR_MS = 3_600_000;

/** Of a millionth: what a rate in millionths for 1,024 hours comes to in one millisecond. */
export const FRACTIONS = RATE_PARTS * HOUR_MS;

/** What was held in a stretch of time, at which rate. */
export interface Held {
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly gb: number;
  readonly rate: number;
}

/** A time at one rate and how far it is paid for; milliseconds. `endedAt` null: it goes on. */
export interface MeteredSpan extends Held {
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly meteredUntil: number;
}

/** What an hour of something adds to its record; negative where too much was recorded. */
export interface HourShare {
  /** Milliseconds since the epoch: its beginning. */
  readonly hour: number;
  /** Milliseconds for which it was held, and each amount multiplied by them. */
  readonly heldMs: number;
  readonly vcpuMs: number;
  readonly memoryMbMs: number;
  readonly gbMs: number;
  /** Millionths of the currency, and what remains in `FRACTIONS` of one (from 0 up to one less than that). */
  readonly amount: number;
  readonly fraction: number;
}

export const hourOf = (ms: number): number => Math.floor(ms / HOUR_MS) * HOUR_MS;

/** What a time at a rate costs. Exact, whatever the size of the numbers: `fraction` is never negative. */
export function costOf(rate: number, ms: number): Pick<HourShare, 'amount' | 'fraction'> {
  const parts = BigInt(rate) * BigInt(ms);
  const one = BigInt(FRACTIONS);
  const fraction = ((parts % one) + one) % one;
  return { amount: Number((parts - fraction) / one), fraction: Number(fraction) };
}

/** Where a span is paid up to once everything before `untilMs` is. */
export const meteredTo = (
  { startedAt, endedAt }: Pick<MeteredSpan, 'startedAt' | 'endedAt'>,
  untilMs: number,
): number => Math.max(startedAt, Math.min(endedAt ?? untilMs, untilMs));

/**
 * What is to be added to the records of hours so that a span is paid for up to `untilMs`: the time since it was metered last; or,
 * where it ended before that (a clock was ahead), less of the hours that it did not reach.
 */
export function sharesOf(span: MeteredSpan, untilMs: number): HourShare[] {
  const target = meteredTo(span, untilMs);
  const sign = target < span.meteredUntil ? -1 : 1;
  const [from, to] = [Math.min(target, span.meteredUntil), Math.max(target, span.meteredUntil)];
  const shares: HourShare[] = [];
  for (let at = from; at < to; ) {
    const hour = hourOf(at);
    const end = Math.min(to, hour + HOUR_MS);
    const ms = sign * (end - at);
    const { vcpus, memoryMb, gb, rate } = span;
    shares.push({
      hour,
      heldMs: ms,
      vcpuMs: vcpus * ms,
      memoryMbMs: memoryMb * ms,
      gbMs: gb * ms,
      ...costOf(rate, ms),
    });
    at = end;
  }
  return shares;
}

/** Millionths that spans cost until a moment, whatever is recorded of them; rounded down once. */
export function costUntil(
  spans: readonly Pick<MeteredSpan, 'rate' | 'startedAt' | 'endedAt'>[],
  untilMs: number,
): number {
  const parts = spans.reduce(
    (sum, { rate, ...span }) => sum + BigInt(rate) * BigInt(meteredTo(span, untilMs) - span.startedAt),
    0n,
  );
  return Number(parts / BigInt(FRACTIONS));
}

// Why: a server is billed, and counted by quota, for what it held when it held it. What that is at a moment, and what it adds
// up to over a period, is decided here.

import type { VmState } from './servers.ts';
import { type Size, sameSize } from '../adjustment/size.ts';
import type { FlavorSnapshot } from '../machines/flavors.ts';
import { rateOf } from '../metering/prices.ts';

/** What a server counts for; GiB of disk as its flavor says (root and ephemeral). */
export interface CountedSize extends Size {
  readonly diskGb: number;
  /** Whether quota counts it. */
  readonly counted: boolean;
  /** Whether somebody is billed for it: from the first launch on. */
  readonly billed: boolean;
  /** What quota counts in addition, because it was promised; nobody is billed for it. */
  readonly extra: Size;
  /** What it costs, by the prices of its flavor, in the unit of `rateOf`; nothing without a claim. */
  readonly rate: number;
}

/** A span of time in which a server had one size. Milliseconds; `endedAt` null: it still has it. */
export interface SizeSpan extends CountedSize {
  readonly startedAt: number;
  readonly endedAt: number | null;
}

export const sameCount = (a: CountedSize, b: CountedSize): boolean =>
  sameSize(a, b) &&
  sameSize(a.extra, b.extra) &&
  a.diskGb === b.diskGb &&
  a.counted === b.counted &&
  a.billed === b.billed &&
  a.rate === b.rate;

/** States in which a server without a claim will have one again, of its boot size, without asking the quota. */
const waitsForHost: readonly VmState[] = ['building', 'shelved_offloaded'];

/**
 * What a server counts for now: what is claimed for it; where it has no host but will get one, what it will boot with; an
 * ERROR that never found a host holds nothing but its place among the instances. Null once it is deleted. A soft-deleted one
 * still holds its host's room, but Nova's quota no longer counts it, unless it is on its way back.
 */
export function countedSize(server: {
  readonly vmState: VmState;
  readonly deleted: boolean;
  /** When it was deleted softly; null: it was not, or it is being restored. */
  readonly deletedAt: number | null;
  readonly launchedAt: number | null;
  readonly claimed: Size | null;
  /** What the quota let in for the task under way; null: nothing. */
  readonly promised: Size | null;
  readonly boot: Size;
  readonly diskGb: number;
  readonly flavor: FlavorSnapshot;
}): CountedSize | null {
  if (server.deleted) return null;
  const nothing = { vcpus: 0, memoryMb: 0 };
  const size = server.claimed ?? (waitsForHost.includes(server.vmState) ? server.boot : nothing);
  const promised = server.promised ?? nothing;
  return {
    vcpus: size.vcpus,
    memoryMb: size.memoryMb,
    diskGb: server.diskGb,
    counted: server.vmState !== 'soft-delete' || server.deletedAt === null,
    billed: server.launchedAt !== null,
    rate: server.claimed === null || server.launchedAt === null ? 0 : rateOf(server.flavor, server.claimed),
    extra: {
      vcpus: Math.max(0, promised.vcpus - size.vcpus),
      memoryMb: Math.max(0, promised.memoryMb - size.memoryMb),
    },
  };
}

const HOUR_MS = 3_600_000;

/** What a server used in a period: its time there, and each amount multiplied by the time for which it had it. */
export interface Usage {
  readonly hours: number;
  readonly vcpuHours: number;
  readonly memoryMbHours: number;
  readonly diskGbHours: number;
  /** The last size that it had in the period; null where it had none. */
  readonly last: CountedSize | null;
}

/** A server's use between two moments, by its spans that reach into the period, oldest first. */
export function usageIn(spans: readonly SizeSpan[], startMs: number, stopMs: number): Usage {
  const sum = { hours: 0, vcpuHours: 0, memoryMbHours: 0, diskGbHours: 0 };
  let last: CountedSize | null = null;
  for (const span of spans) {
    if (!span.billed) continue;
    const from = Math.max(startMs, span.startedAt);
    const hours = Math.max(0, Math.min(stopMs, span.endedAt ?? stopMs) - from) / HOUR_MS;
    sum.hours += hours;
    sum.vcpuHours += span.vcpus * hours;
    sum.memoryMbHours += span.memoryMb * hours;
    sum.diskGbHours += span.diskGb * hours;
    last = span;
  }
  return { ...sum, last };
}

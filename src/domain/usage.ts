// Why: a server is billed, and counted by quota, for what it held when it held it. What that is at a moment, and what it adds
// up to over a period, is decided here.

import type { VmState } from './instance.ts';
import { type Size, sameSize } from './size.ts';

/** What a server counts for; GiB of disk as its flavor says (root and ephemeral). */
export interface CountedSize extends Size {
  readonly diskGb: number;
  /** Whether quota counts it. */
  readonly counted: boolean;
}

/** A span of time in which a server had one size. Milliseconds; `endedAt` null: it still has it. */
export interface SizeSpan extends CountedSize {
  readonly startedAt: number;
  readonly endedAt: number | null;
}

export const sameCount = (a: CountedSize, b: CountedSize): boolean =>
  sameSize(a, b) && a.diskGb === b.diskGb && a.counted === b.counted;

/** States in which a server without a claim will have one again, of its boot size, without asking the quota. */
const waitsForHost: readonly VmState[] = ['building', 'shelved_offloaded'];

/**
 * What a server counts for now: what is claimed for it; where it has no host but will get one, what it will boot with; an
 * ERROR that never found a host holds nothing but its place among the instances. Null once it is deleted. A soft-deleted one
 * still holds its host's room, but Nova's quota no longer counts it.
 */
export function countedSize(server: {
  readonly vmState: VmState;
  readonly deleted: boolean;
  readonly claimed: Size | null;
  readonly boot: Size;
  readonly diskGb: number;
}): CountedSize | null {
  if (server.deleted) return null;
  const nothing = { vcpus: 0, memoryMb: 0 };
  const size = server.claimed ?? (waitsForHost.includes(server.vmState) ? server.boot : nothing);
  return {
    vcpus: size.vcpus,
    memoryMb: size.memoryMb,
    diskGb: server.diskGb,
    counted: server.vmState !== 'soft-delete',
  };
}

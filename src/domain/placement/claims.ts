// Why: what a server counts for on its host, and whether a host has room. One arithmetic for the scheduler, for growth and
// for the statistics.

import type { Host } from './hosts.ts';
import { pinnedCount } from '../numa/numa.ts';
import { type Amounts, roomTaken } from './resources.ts';
import { largerOf, type Size } from '../adjustment/size.ts';

/**
 * What a server must have claimed: never below its guaranteed minimum, what its guest may hold right now (`held`; zero for
 * one that is off), or what its next power cycle takes without asking (`boot`).
 */
export function claimOf(minimum: Size, held: Size, boot: Size): Size {
  return largerOf(minimum, largerOf(held, boot));
}

/** What of a host decides how much is left there. */
export type HostRoom = Pick<Host, 'inventory' | 'reserved' | 'ratios' | 'claimed' | 'numaUsed' | 'resourcesUsed'>;

/**
 * All that may be claimed of a host: (total - reserved) * ratio, rounded down, as OpenStack's placement counts. Its vCPUs are those
 * that share CPUs; dedicated ones are given out one by one (`fitNuma`).
 */
export function capacityOf(host: Pick<HostRoom, 'inventory' | 'reserved' | 'ratios'>): Amounts {
  const { inventory, reserved, ratios } = host;
  const shared = inventory.vcpus - (inventory.facts.dedicatedCpus ?? 0);
  return {
    vcpus: Math.max(0, Math.floor((shared - reserved.vcpus) * ratios.cpu)),
    memoryMb: Math.floor((inventory.memoryMb - reserved.memoryMb) * ratios.ram),
    diskGb: Math.floor((inventory.diskGb - reserved.diskGb) * ratios.disk),
  };
}

/** What is left to claim; never below zero, though a host whose inventory shrank may be claimed beyond its capacity. */
export function freeOf(host: HostRoom): Amounts {
  const capacity = capacityOf(host);
  const taken = roomTaken(host.claimed, host.resourcesUsed);
  return {
    vcpus: Math.max(0, capacity.vcpus - (taken.vcpus - pinnedCount(host.numaUsed))),
    memoryMb: Math.max(0, capacity.memoryMb - taken.memoryMb),
    diskGb: Math.max(0, capacity.diskGb - taken.diskGb),
  };
}

export interface NoRoom {
  readonly free: Amounts;
  /** One sentence with what was asked and what is free. */
  readonly text: string;
}

/**
 * Null when `delta` can be claimed in addition. A part that does not grow always fits: giving back must work on a host that
 * is claimed beyond its capacity.
 */
export function fits(host: HostRoom, delta: Size & { readonly diskGb?: number }): NoRoom | null {
  const free = freeOf(host);
  const short: string[] = [];
  if (delta.vcpus > 0 && delta.vcpus > free.vcpus) short.push(`${delta.vcpus} more vCPUs (${free.vcpus} free)`);
  if (delta.memoryMb > 0 && delta.memoryMb > free.memoryMb) {
    short.push(`${delta.memoryMb} MiB more memory (${free.memoryMb} MiB free)`);
  }
  const diskGb = delta.diskGb ?? 0;
  if (diskGb > 0 && diskGb > free.diskGb) short.push(`${diskGb} GiB more disk (${free.diskGb} GiB free)`);
  return short.length === 0 ? null : { free, text: `The host has no room for ${short.join(' and ')}` };
}

/** `host` with `delta` claimed on it in addition: the working copy of a scheduling pass. */
export function withClaim<H extends HostRoom>(host: H, delta: Amounts): H {
  const { claimed } = host;
  return {
    ...host,
    claimed: {
      vcpus: claimed.vcpus + delta.vcpus,
      memoryMb: claimed.memoryMb + delta.memoryMb,
      diskGb: claimed.diskGb + delta.diskGb,
    },
  };
}

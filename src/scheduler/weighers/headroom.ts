// Why: servers that may grow should sit where they can. What counts is what would be left if every server here, the new one
// among them, stood at its maximum: the scarcer of vCPUs and memory, as a share of the host. Below zero: promised more than there is.

import { capacityOf } from '../../domain/claim.ts';
import { pinnedCount } from '../../domain/numa.ts';
import { pinnedOf } from '../../domain/numa-wish.ts';
import type { Weigher } from '../spec.ts';

function share(capacity: number, ceiling: number): number {
  if (capacity > 0) return (capacity - ceiling) / capacity;
  return ceiling > 0 ? Number.MIN_SAFE_INTEGER : 0;
}

export const headroomWeigher: Weigher = ({ maximum, numa }) => {
  // pinned vCPUs do not grow, and take nothing from those that share CPUs
  const vcpus = maximum.vcpus - pinnedOf(numa);
  return (host) => {
    const capacity = capacityOf(host);
    return Math.min(
      share(capacity.vcpus, host.ceiling.vcpus - pinnedCount(host.numaUsed) + vcpus),
      share(capacity.memoryMb, host.ceiling.memoryMb + maximum.memoryMb),
    );
  };
};

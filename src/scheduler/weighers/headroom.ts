// Why: servers that may grow should sit where they can. What counts is what would be left if every server here, the new one
// among them, stood at its maximum: the scarcer of vCPUs and memory, as a share of the host. Below zero: promised more than there is.

import { capacityOf } from '../../domain/placement/claims.ts';
import { pinnedCount } from '../../domain/numa/numa.ts';
import { pinnedOf } from '../../domain/numa/numa-request.ts';
import { roomTaken } from '../../domain/placement/resources.ts';
import type { Weigher } from '../spec.ts';

function share(capacity: number, ceiling: number): number {
  if (capacity > 0) return (capacity - ceiling) / capacity;
  return ceiling > 0 ? Number.MIN_SAFE_INTEGER : 0;
}

export const headroomWeigher: Weigher = ({ maximum, numa, resources }) => {
  // pinned vCPUs do not grow, and take nothing from those that share CPUs
  const own = roomTaken({ ...maximum, vcpus: maximum.vcpus - pinnedOf(numa) }, resources);
  return (host) => {
    const capacity = capacityOf(host);
    const ceiling = roomTaken(host.ceiling, host.resourcesUsed);
    return Math.min(
      share(capacity.vcpus, ceiling.vcpus - pinnedCount(host.numaUsed) + own.vcpus),
      share(capacity.memoryMb, ceiling.memoryMb + own.memoryMb),
    );
  };
};

// Why: servers that may grow should sit where they can. What counts is what would be left if every server here, the new one
// among them, stood at its maximum: the scarcer of vCPUs and memory, as a share of the host. Below zero: promised more than there is.

import { capacityOf } from '../../domain/claim.ts';
import type { Weigher } from '../spec.ts';

const share = (capacity: number, ceiling: number): number =>
  capacity > 0 ? (capacity - ceiling) / capacity : Number.MIN_SAFE_INTEGER;

export const headroomWeigher: Weigher =
  ({ maximum }) =>
  (host) => {
    const capacity = capacityOf(host);
    return Math.min(
      share(capacity.vcpus, host.ceiling.vcpus + maximum.vcpus),
      share(capacity.memoryMb, host.ceiling.memoryMb + maximum.memoryMb),
    );
  };

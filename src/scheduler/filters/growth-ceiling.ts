// Why: a server that could never reach its maximum here, were the host empty, is better placed elsewhere. The ceiling is the
// host's own size times the operator's allocation ratio, so that every growth within it can be claimed at some time.

import { capacityOf } from '../../domain/claim.ts';
import { pinnedOf } from '../../domain/numa-wish.ts';
import type { Filter } from '../spec.ts';

export const growthCeilingFilter: Filter = ({ maximum, numa }) => {
  // what is pinned needs no part of the shared CPUs
  const pinned = pinnedOf(numa);
  return (host) => {
    const capacity = capacityOf(host);
    const vcpus = Math.min(capacity.vcpus + pinned, host.inventory.facts.capabilities.maxVcpus);
    if (maximum.vcpus > vcpus) return `can never give ${maximum.vcpus} vCPUs (${vcpus} at most)`;
    if (maximum.memoryMb > capacity.memoryMb) {
      return `can never give ${maximum.memoryMb} MiB of memory (${capacity.memoryMb} MiB at most)`;
    }
    return null;
  };
};

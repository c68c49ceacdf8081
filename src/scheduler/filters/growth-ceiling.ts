// Why: a server that could never reach its maximum here, were the host empty, is better placed elsewhere. The ceiling is the
// host's own size times the operator's allocation ratio, so that every growth within it can be claimed at some time.

import { capacityOf } from '../../domain/placement/claims.ts';
import { pinnedOf } from '../../domain/numa/numa-request.ts';
import { roomTaken } from '../../domain/placement/resources.ts';
import type { Filter } from '../spec.ts';

export const growthCeilingFilter: Filter = ({ maximum, numa, resources }) => {
  // what is pinned needs no part of the shared CPUs
  const pinned = pinnedOf(numa);
  const { vcpus, memoryMb } = roomTaken(maximum, resources);
  return (host) => {
    const capacity = capacityOf(host);
    const { maxVcpus } = host.inventory.facts.capabilities;
    if (maximum.vcpus > maxVcpus) return `can never give ${maximum.vcpus} vCPUs (${maxVcpus} at most)`;
    if (vcpus > capacity.vcpus + pinned) return `can never give ${vcpus} vCPUs (${capacity.vcpus + pinned} at most)`;
    if (memoryMb > capacity.memoryMb) {
      return `can never give ${memoryMb} MiB of memory (${capacity.memoryMb} MiB at most)`;
    }
    return null;
  };
};

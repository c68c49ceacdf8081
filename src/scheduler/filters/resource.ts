// Why: the minimum must be free to claim, and whatever else the flavor takes of its host; what is pinned needs no part of the shared
// CPUs.

import { fits } from '../../domain/placement/claims.ts';
import { pinnedOf } from '../../domain/numa/numa-request.ts';
import { resourcesProblem, roomTaken, wantsApart } from '../../domain/placement/resources.ts';
import type { Filter } from '../spec.ts';

export const resourceFilter: Filter = ({ minimum, diskGb, numa, resources, flavor }) => {
  if (wantsApart(flavor)) return () => 'gives everything from one place, and the groups of resources shall be apart';
  const delta = roomTaken({ ...minimum, vcpus: minimum.vcpus - pinnedOf(numa), diskGb }, resources);
  return (host) => fits(host, delta)?.text ?? resourcesProblem(host, resources);
};

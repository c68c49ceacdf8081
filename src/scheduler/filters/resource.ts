// Why: the minimum must be free to claim; what is pinned needs no part of the shared CPUs.

import { fits } from '../../domain/claim.ts';
import { pinnedOf } from '../../domain/numa-wish.ts';
import type { Filter } from '../spec.ts';

export const resourceFilter: Filter = ({ minimum, diskGb, numa }) => {
  const delta = { ...minimum, vcpus: minimum.vcpus - pinnedOf(numa), diskGb };
  return (host) => fits(host, delta)?.text ?? null;
};

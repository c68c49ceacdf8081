// Why: the minimum must be free to claim.

import { fits } from '../../domain/claim.ts';
import type { Filter } from '../spec.ts';

export const resourceFilter: Filter = (host, { minimum, diskGb }) => {
  const { vcpus, memoryMb } = minimum;
  return fits(host, { vcpus, memoryMb, diskGb })?.text ?? null;
};

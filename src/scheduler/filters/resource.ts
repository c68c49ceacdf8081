// Why: the minimum must be free to claim.

import { fits } from '../../domain/claim.ts';
import type { Filter } from '../spec.ts';

export const resourceFilter: Filter = ({ minimum, diskGb }) => {
  const delta = { ...minimum, diskGb };
  return (host) => fits(host, delta)?.text ?? null;
};

// Why: a server asked into a zone stays in it.

import type { Filter } from '../spec.ts';

export const availabilityZoneFilter: Filter = ({ zone }) =>
  zone === null ? null : (host) => (zone === host.zone ? null : `is in zone ${host.zone}, not ${zone}`);

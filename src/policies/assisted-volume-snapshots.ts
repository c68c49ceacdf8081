// Why: the block storage service asks for these, for volumes that only a hypervisor can snapshot.

import { rule, SERVICE_OR_ADMIN } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:os-assisted-volume-snapshots:create',
    SERVICE_OR_ADMIN,
    'Let the hypervisor make a snapshot of an attached volume.',
  ),
  rule(
    'os_compute_api:os-assisted-volume-snapshots:delete',
    SERVICE_OR_ADMIN,
    'Let the hypervisor remove a snapshot of an attached volume.',
  ),
] as const;

// Why: zones are named by every user who creates a server; the hosts within them are the administrator's business.

import { ADMIN, ANYBODY, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-availability-zone:list', ANYBODY, 'List the availability zones.'),
  rule(
    'os_compute_api:os-availability-zone:detail',
    ADMIN,
    'List the availability zones with their hosts and services.',
  ),
] as const;

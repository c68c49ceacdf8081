// Why: hosts, their sizes and what runs on them are the administrator's business.

import { ADMIN, rule } from './base.ts';

const replaces = 'os_compute_api:os-hypervisors';

export const rules = [
  rule('os_compute_api:os-hypervisors:list', ADMIN, 'List the hypervisors.', { replaces }),
  rule('os_compute_api:os-hypervisors:list-detail', ADMIN, 'List the hypervisors with all their fields.', { replaces }),
  rule('os_compute_api:os-hypervisors:show', ADMIN, 'Show a hypervisor.', { replaces }),
  rule('os_compute_api:os-hypervisors:statistics', ADMIN, 'Show sums over all hypervisors (up to microversion 2.87).', {
    replaces,
  }),
  rule('os_compute_api:os-hypervisors:uptime', ADMIN, 'Show how long a host has been up (up to microversion 2.87).', {
    replaces,
  }),
  rule(
    'os_compute_api:os-hypervisors:search',
    ADMIN,
    'Find hypervisors by a part of the name (up to microversion 2.52).',
    {
      replaces,
    },
  ),
  rule('os_compute_api:os-hypervisors:servers', ADMIN, 'List the servers on hypervisors (up to microversion 2.52).', {
    replaces,
  }),
] as const;

// Why: what a server takes its owner pays for and may see; how busy a host is tells of others.

import { ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:xloud:metrics:show',
    PROJECT_READER_OR_ADMIN,
    'See what a server takes now, and took over the last day: processors, memory, disks, network.',
  ),
  rule(
    'os_compute_api:xloud:health:show',
    PROJECT_READER_OR_ADMIN,
    'See whether servers run as they should, and why not.',
  ),
  rule('os_compute_api:xloud:health:get_all_tenants', ADMIN, 'See that of the servers of all projects.'),
  rule('os_compute_api:xloud:cluster_stats', ADMIN, 'See sums over all hosts and servers.'),
  rule('os_compute_api:xloud:metrics:get_all_tenants', ADMIN, 'See what the servers of all projects take.'),
  rule(
    'os_compute_api:xloud:metrics:host',
    ADMIN,
    'See how busy a host is, now and over the last day, what is claimed of it, and how far beyond what it has.',
  ),
] as const;

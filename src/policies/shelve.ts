// Why: shelving a server is its project's; how long it keeps its place on a host, and on which one it comes back, is the operator's.

import { ADMIN, PROJECT_MEMBER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-shelve:shelve', PROJECT_MEMBER_OR_ADMIN, 'Shelve a server: it then waits as an image.'),
  rule('os_compute_api:os-shelve:shelve_offload', ADMIN, 'Take a shelved server from its host.'),
  rule('os_compute_api:os-shelve:unshelve', PROJECT_MEMBER_OR_ADMIN, 'Bring a shelved server back.'),
  rule(
    'os_compute_api:os-shelve:unshelve_to_host',
    ADMIN,
    'Name the host on which an offloaded server comes back (from microversion 2.91 on).',
  ),
] as const;

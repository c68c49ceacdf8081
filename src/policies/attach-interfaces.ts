// Why: who may use a server may plug networks into it; which networks and ports, the network service decides.

import { PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

const replaces = 'os_compute_api:os-attach-interfaces';

export const rules = [
  rule('os_compute_api:os-attach-interfaces:list', PROJECT_READER_OR_ADMIN, "List a server's network interfaces.", {
    replaces,
  }),
  rule(
    'os_compute_api:os-attach-interfaces:show',
    PROJECT_READER_OR_ADMIN,
    "Show one of a server's network interfaces. Also asked by whoever plugs one, before it is shown.",
    { replaces },
  ),
  rule(
    'os_compute_api:os-attach-interfaces:create',
    PROJECT_MEMBER_OR_ADMIN,
    'Plug a network interface into a server.',
    { replaces },
  ),
  rule(
    'os_compute_api:os-attach-interfaces:delete',
    PROJECT_MEMBER_OR_ADMIN,
    'Take a network interface from a server.',
    { replaces },
  ),
] as const;

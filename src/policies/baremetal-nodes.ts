// Why: machines of the cloud itself are for its administrators to see.

import { ADMIN, rule } from './base.ts';

const options = { replaces: 'os_compute_api:os-baremetal-nodes' } as const;

export const rules = [
  rule(
    'os_compute_api:os-baremetal-nodes:list',
    ADMIN,
    'List machines of the bare metal service (until 2.35).',
    options,
  ),
  rule(
    'os_compute_api:os-baremetal-nodes:show',
    ADMIN,
    'Show a machine of the bare metal service (until 2.35).',
    options,
  ),
] as const;

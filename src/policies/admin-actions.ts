// Why: what repairs a server by hand is for administrators.

import { ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-admin-actions:reset_state', ADMIN, 'Set the state of a server by hand.'),
  rule('os_compute_api:os-admin-actions:inject_network_info', ADMIN, 'Tell a guest its networks.'),
] as const;

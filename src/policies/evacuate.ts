// Why: whether a host is dead is the operator's call.

import { ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-evacuate', ADMIN, 'Build a server anew on another host when its own is dead.'),
] as const;

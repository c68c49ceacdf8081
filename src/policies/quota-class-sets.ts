// Why: what every project has unless its own quotas are set is the operator's decision.

import { ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-quota-class-sets:show', ADMIN, 'Show the quotas of a class.'),
  rule('os_compute_api:os-quota-class-sets:update', ADMIN, 'Set the quotas of a class.'),
] as const;

// Why: everybody may know the own limits; another project's are the administrator's business.

import { ADMIN, ANYBODY, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:limits', ANYBODY, 'Show the limits of the own project and how much of them is used.'),
  rule('os_compute_api:limits:other_project', ADMIN, 'Show the limits of another project (tenant_id).', {
    replaces: 'os_compute_api:os-used-limits',
  }),
] as const;

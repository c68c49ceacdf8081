// Why: a backup may remove older ones, so whoever may not change a server may not make one.

import { PROJECT_MEMBER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:os-create-backup',
    PROJECT_MEMBER_OR_ADMIN,
    'Make a backup image of a server and let the oldest ones go.',
  ),
] as const;

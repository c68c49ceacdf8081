// Why: who may become root in a guest from outside.

import { PROJECT_MEMBER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-admin-password', PROJECT_MEMBER_OR_ADMIN, 'Set the password of a guest’s administrator.'),
] as const;

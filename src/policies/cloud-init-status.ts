// Why: what cloud-init printed in a guest may hold what its user data hold, so it is shown as the console log is.

import { PROJECT_MEMBER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:xloud:cloud-init:show',
    PROJECT_MEMBER_OR_ADMIN,
    'See what cloud-init came to in a server, and the end of its log.',
  ),
] as const;

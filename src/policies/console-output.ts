// Why: a console shows whatever the guest prints, secrets among it, so reading it is more than looking at a server.

import { PROJECT_MEMBER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-console-output', PROJECT_MEMBER_OR_ADMIN, "Read the output of a server's console."),
] as const;

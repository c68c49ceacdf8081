// Why: diagnostics name devices of the host and cost it work, so they are for administrators.

import { ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-server-diagnostics', ADMIN, "See how much of its devices a server's guest has used."),
] as const;

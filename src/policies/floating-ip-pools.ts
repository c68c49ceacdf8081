// Why: the names of external networks are no secret.

import { ANYBODY, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-floating-ip-pools', ANYBODY, 'List the pools of floating addresses (until 2.35).'),
] as const;

// Why: what the API can do is no secret.

import { ANYBODY, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:extensions', ANYBODY, 'List what the API could do before it had microversions.'),
] as const;

// Why: a project reads its own quotas; the defaults are no secret.

import { ANYBODY, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-quota-sets:show', PROJECT_READER_OR_ADMIN, "Show a project's quotas."),
  rule(
    'os_compute_api:os-quota-sets:detail',
    PROJECT_READER_OR_ADMIN,
    "Show a project's quotas with what is used and reserved.",
  ),
  rule('os_compute_api:os-quota-sets:defaults', ANYBODY, 'Show the quotas that a project has unless its own are set.'),
] as const;

// Why: a project reads its own quotas, an administrator sets them; the defaults are no secret.

import { ADMIN, ANYBODY, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-quota-sets:show', PROJECT_READER_OR_ADMIN, "Show a project's quotas."),
  rule(
    'os_compute_api:os-quota-sets:detail',
    PROJECT_READER_OR_ADMIN,
    "Show a project's quotas with what is used and reserved.",
  ),
  rule('os_compute_api:os-quota-sets:defaults', ANYBODY, 'Show the quotas that a project has unless its own are set.'),
  rule('os_compute_api:os-quota-sets:update', ADMIN, 'Set the quotas of a project or of a user in it.'),
  rule('os_compute_api:os-quota-sets:delete', ADMIN, 'Give a project or a user in it the default quotas again.'),
] as const;

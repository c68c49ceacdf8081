// Why: a server's history is for its users; the steps within, which name hosts and failures, are for administrators.

import { ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

const replaces = 'os_compute_api:os-instance-actions';

export const rules = [
  rule('os_compute_api:os-instance-actions:list', PROJECT_READER_OR_ADMIN, "List a server's actions.", { replaces }),
  rule('os_compute_api:os-instance-actions:show', PROJECT_READER_OR_ADMIN, "Show one of a server's actions.", {
    replaces,
  }),
  rule(
    'os_compute_api:os-instance-actions:events',
    ADMIN,
    'See the events of an action with the traceback of failed ones. From microversion 2.51 on everybody who may show the ' +
      'action sees its events, and this rule adds the traceback.',
  ),
  rule(
    'os_compute_api:os-instance-actions:events:details',
    ADMIN,
    "See the details field of an action's events (from microversion 2.84 on).",
  ),
] as const;

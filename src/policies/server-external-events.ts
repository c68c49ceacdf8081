// Why: news of servers come from the services that they use, not from their users.

import { rule, SERVICE_OR_ADMIN } from './base.ts';

export const rules = [
  rule('os_compute_api:os-server-external-events:create', SERVICE_OR_ADMIN, 'Tell news of servers.'),
] as const;

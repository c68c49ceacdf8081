// Why: where a server is reached is for everybody who may look at it.

import { PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:ips:index', PROJECT_READER_OR_ADMIN, "List a server's addresses, network by network."),
  rule('os_compute_api:ips:show', PROJECT_READER_OR_ADMIN, "List a server's addresses in one network."),
] as const;

// Why: a suspended server's memory lies on its host's disk until it goes on, so its project's members decide on it.

import { PROJECT_MEMBER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-suspend-server:suspend', PROJECT_MEMBER_OR_ADMIN, 'Store a server’s memory on disk.'),
  rule('os_compute_api:os-suspend-server:resume', PROJECT_MEMBER_OR_ADMIN, 'Let a suspended server go on.'),
] as const;

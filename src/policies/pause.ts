// Why: a frozen server holds its memory and answers nobody, so its project's members decide on it.

import { PROJECT_MEMBER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-pause-server:pause', PROJECT_MEMBER_OR_ADMIN, 'Freeze a server in memory.'),
  rule('os_compute_api:os-pause-server:unpause', PROJECT_MEMBER_OR_ADMIN, 'Let a frozen server run again.'),
] as const;

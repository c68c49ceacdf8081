// Why: the audit names every host.

import { ADMIN, rule } from './base.ts';

const REPLACES = { replaces: 'os_compute_api:os-instance-usage-audit-log' };

export const rules = [
  rule('os_compute_api:os-instance-usage-audit-log:list', ADMIN, 'Show the last audit of usage.', REPLACES),
  rule('os_compute_api:os-instance-usage-audit-log:show', ADMIN, 'Show the audit of usage before a moment.', REPLACES),
] as const;

// Why: a project may know what it used; what all used is for administrators.

import { ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-simple-tenant-usage:show', PROJECT_READER_OR_ADMIN, 'Show what a project used over time.'),
  rule('os_compute_api:os-simple-tenant-usage:list', ADMIN, 'Show what all projects used over time.'),
] as const;

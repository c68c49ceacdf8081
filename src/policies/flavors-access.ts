// Why: a flavor that is not public is seen by chosen projects only; these rules say who chooses.

import { ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-flavor-access', ADMIN, 'List the projects that may use a flavor that is not public.'),
  rule('os_compute_api:os-flavor-access:add_tenant_access', ADMIN, 'Let a project use a flavor.'),
  rule('os_compute_api:os-flavor-access:remove_tenant_access', ADMIN, 'No longer let a project use a flavor.'),
] as const;

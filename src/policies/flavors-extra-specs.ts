// Why: extra specs steer the scheduler and the hypervisor, the bounds of live adjustment among them; few may write them.

import { ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:os-flavor-extra-specs:index',
    PROJECT_READER_OR_ADMIN,
    'List the extra specs of a flavor, and see them within the flavor itself (from microversion 2.61 on).',
  ),
  rule('os_compute_api:os-flavor-extra-specs:show', PROJECT_READER_OR_ADMIN, 'Show one extra spec of a flavor.'),
  rule('os_compute_api:os-flavor-extra-specs:create', ADMIN, 'Set extra specs of a flavor.'),
  rule('os_compute_api:os-flavor-extra-specs:update', ADMIN, 'Change one extra spec of a flavor.'),
  rule('os_compute_api:os-flavor-extra-specs:delete', ADMIN, 'Remove one extra spec from a flavor.'),
] as const;

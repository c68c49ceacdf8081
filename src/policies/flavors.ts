// Why: flavors are the cloud's price list. Everybody with a token may read it (no rule); who writes it is said here.

import { ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-flavor-manage:create', ADMIN, 'Create a flavor.'),
  rule(
    'os_compute_api:os-flavor-manage:update',
    ADMIN,
    'Change the description of a flavor (from microversion 2.55 on).',
  ),
  rule('os_compute_api:os-flavor-manage:delete', ADMIN, 'Delete a flavor.'),
] as const;

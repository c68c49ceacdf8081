// Why: a flavor of a size is not one that an administrator thought of: who may have such is a rule of its own.

import { PROJECT_MEMBER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:xloud:sized-flavors:create',
    PROJECT_MEMBER_OR_ADMIN,
    'Have a private flavor of any size within the bounds of the deployment (compute.sized_flavors).',
  ),
] as const;

// Why: a key pair belongs to a user, not to a project, so its target is a user.

import { USER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-keypairs:index', USER_OR_ADMIN, "List a user's key pairs."),
  rule('os_compute_api:os-keypairs:show', USER_OR_ADMIN, "Show one of a user's key pairs."),
  rule('os_compute_api:os-keypairs:create', USER_OR_ADMIN, 'Import a key pair for a user, or have one made.'),
  rule('os_compute_api:os-keypairs:delete', USER_OR_ADMIN, "Delete one of a user's key pairs."),
] as const;

// Why: the password is encrypted for the owner of a key, so that whoever may look at a server may have it.

import { PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

const replaces = 'os_compute_api:os-server-password';

export const rules = [
  rule('os_compute_api:os-server-password:show', PROJECT_READER_OR_ADMIN, "See a server's encrypted password.", {
    replaces,
  }),
  rule('os_compute_api:os-server-password:clear', PROJECT_MEMBER_OR_ADMIN, "Forget a server's encrypted password.", {
    replaces,
  }),
] as const;

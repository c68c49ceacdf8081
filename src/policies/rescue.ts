// Why: a server that no longer boots is entered through another image; its project's members decide on it.

import { PROJECT_MEMBER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-rescue', PROJECT_MEMBER_OR_ADMIN, 'Boot a server from a rescue image.'),
  rule('os_compute_api:os-unrescue', PROJECT_MEMBER_OR_ADMIN, 'Boot a rescued server from its own disk again.', {
    replaces: 'os_compute_api:os-rescue',
  }),
] as const;

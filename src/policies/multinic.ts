// Why: an address of a server is its project's to ask for and to give back.

import { PROJECT_MEMBER_OR_ADMIN, rule } from './base.ts';

const replaces = 'os_compute_api:os-multinic';

export const rules = [
  rule('os_compute_api:os-multinic:add', PROJECT_MEMBER_OR_ADMIN, 'Give a server one more address (until 2.43).', {
    replaces,
  }),
  rule('os_compute_api:os-multinic:remove', PROJECT_MEMBER_OR_ADMIN, 'Take an address from a server (until 2.43).', {
    replaces,
  }),
] as const;

// Why: which profile a server has its owner may see; what it takes of a host beside others is for administrators to say.

import { ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:xloud:profiles:index',
    PROJECT_READER_OR_ADMIN,
    'List the profiles that flavors and servers may have, with what each of their knobs does.',
  ),
  rule(
    'os_compute_api:xloud:profiles:show',
    PROJECT_READER_OR_ADMIN,
    'See the profile of a server, what it says of the guest, and whether the guest has it yet.',
  ),
  rule('os_compute_api:xloud:profiles:apply', ADMIN, 'Give a server another profile, from its next start on.'),
] as const;

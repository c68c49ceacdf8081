// Why: a console is a way into the guest; where it listens is told to the proxies, which are administrators here.

import { ADMIN, PROJECT_MEMBER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-remote-consoles', PROJECT_MEMBER_OR_ADMIN, 'Open a console of a server.'),
  rule(
    'os_compute_api:os-console-auth-tokens',
    ADMIN,
    'See where the console listens that a token opens (from microversion 2.31 on).',
  ),
] as const;

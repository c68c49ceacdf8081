// Why: a lock keeps a server's own project from changing it by mistake; one that an administrator put on is not the project's
// to take off.

import { ADMIN, PROJECT_MEMBER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-lock-server:lock', PROJECT_MEMBER_OR_ADMIN, 'Lock a server.'),
  rule('os_compute_api:os-lock-server:unlock', PROJECT_MEMBER_OR_ADMIN, 'Unlock a server.'),
  rule(
    'os_compute_api:os-lock-server:unlock:unlock_override',
    ADMIN,
    'Unlock a server that somebody of the other kind locked: its project what an administrator locked, an administrator ' +
      'what its project locked. Asked after the rule for unlocking.',
  ),
] as const;

// Why: a port of the cloud's machine is the cloud's, but what it leads to is the project's: its members take one and give it back.

import { PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:xloud:ssh-port:show',
    PROJECT_READER_OR_ADMIN,
    'See by which port of the cloud SSH reaches a server.',
  ),
  rule(
    'os_compute_api:xloud:ssh-port:give',
    PROJECT_MEMBER_OR_ADMIN,
    'Give a server a port of the cloud by which SSH reaches it.',
  ),
  rule('os_compute_api:xloud:ssh-port:drop', PROJECT_MEMBER_OR_ADMIN, 'Take the SSH port back from a server.'),
] as const;

// Why: backups are the project's, with their servers and without them.

import { PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:xloud:backups:index', PROJECT_READER_OR_ADMIN, 'List backups of servers.'),
  rule('os_compute_api:xloud:backups:show', PROJECT_READER_OR_ADMIN, 'See a backup.'),
  rule('os_compute_api:xloud:backups:create', PROJECT_MEMBER_OR_ADMIN, 'Back up a server.'),
  rule('os_compute_api:xloud:backups:update', PROJECT_MEMBER_OR_ADMIN, 'Change what a backup is called.'),
  rule('os_compute_api:xloud:backups:delete', PROJECT_MEMBER_OR_ADMIN, 'Delete a backup.'),
  rule('os_compute_api:xloud:backups:verify', PROJECT_MEMBER_OR_ADMIN, 'Have a backup read to its last byte.'),
  rule(
    'os_compute_api:xloud:backups:restore',
    PROJECT_MEMBER_OR_ADMIN,
    'Take a server back to a backup, or make a new one of it.',
  ),
] as const;

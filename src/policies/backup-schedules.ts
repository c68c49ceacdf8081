// Why: a schedule makes backups, which take room, and lets old ones go.

import { PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:xloud:backup-schedules:show',
    PROJECT_READER_OR_ADMIN,
    'See when a server is backed up by itself.',
  ),
  rule('os_compute_api:xloud:backup-schedules:update', PROJECT_MEMBER_OR_ADMIN, 'Have a server backed up by itself.'),
  rule(
    'os_compute_api:xloud:backup-schedules:delete',
    PROJECT_MEMBER_OR_ADMIN,
    'Have a server backed up by itself no more.',
  ),
] as const;

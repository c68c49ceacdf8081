// Why: a snapshot belongs to those who own its server; going back to it takes what the server wrote since.

import { PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:xloud:snapshots:index', PROJECT_READER_OR_ADMIN, 'List the snapshots of a server.'),
  rule('os_compute_api:xloud:snapshots:show', PROJECT_READER_OR_ADMIN, 'See a snapshot of a server.'),
  rule('os_compute_api:xloud:snapshots:create', PROJECT_MEMBER_OR_ADMIN, 'Make a snapshot of a server.'),
  rule('os_compute_api:xloud:snapshots:update', PROJECT_MEMBER_OR_ADMIN, 'Change what a snapshot is called.'),
  rule('os_compute_api:xloud:snapshots:delete', PROJECT_MEMBER_OR_ADMIN, 'Delete a snapshot of a server.'),
  rule('os_compute_api:xloud:snapshots:restore', PROJECT_MEMBER_OR_ADMIN, 'Take a server back to a snapshot.'),
] as const;

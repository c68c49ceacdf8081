// Why: metadata are a server's own notes, so its project's readers see them and its members write them.

import { PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:server-metadata:index', PROJECT_READER_OR_ADMIN, 'See all metadata of a server.'),
  rule('os_compute_api:server-metadata:show', PROJECT_READER_OR_ADMIN, 'See one metadata item of a server.'),
  rule('os_compute_api:server-metadata:create', PROJECT_MEMBER_OR_ADMIN, 'Add metadata to a server or change some.'),
  rule('os_compute_api:server-metadata:update_all', PROJECT_MEMBER_OR_ADMIN, 'Replace all metadata of a server.'),
  rule('os_compute_api:server-metadata:update', PROJECT_MEMBER_OR_ADMIN, 'Set one metadata item of a server.'),
  rule('os_compute_api:server-metadata:delete', PROJECT_MEMBER_OR_ADMIN, 'Remove one metadata item of a server.'),
] as const;

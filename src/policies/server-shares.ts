// Why: shares hold a project's files, so its readers see which ones a server has and its members decide on it.

import { PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-server-shares:index', PROJECT_READER_OR_ADMIN, 'List the shares of a server.'),
  rule('os_compute_api:os-server-shares:show', PROJECT_READER_OR_ADMIN, 'Show a share of a server.'),
  rule('os_compute_api:os-server-shares:create', PROJECT_MEMBER_OR_ADMIN, 'Attach a share to a server.'),
  rule('os_compute_api:os-server-shares:delete', PROJECT_MEMBER_OR_ADMIN, 'Detach a share from a server.'),
] as const;

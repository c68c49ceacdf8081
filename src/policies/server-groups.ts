// Why: a project's members group its servers; its readers see how.

import { ADMIN, PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-server-groups:create', PROJECT_MEMBER_OR_ADMIN, 'Make a server group.'),
  rule('os_compute_api:os-server-groups:delete', PROJECT_MEMBER_OR_ADMIN, 'Delete a server group.'),
  rule('os_compute_api:os-server-groups:index', PROJECT_READER_OR_ADMIN, "List the project's server groups."),
  rule('os_compute_api:os-server-groups:index:all_projects', ADMIN, 'List the server groups of all projects.'),
  rule('os_compute_api:os-server-groups:show', PROJECT_READER_OR_ADMIN, 'Show a server group.'),
] as const;

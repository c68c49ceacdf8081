// Why: the moves of servers between hosts show hosts; managers may see those of their project, without the hosts.

import { ADMIN, PROJECT_MANAGER_OR_ADMIN, rule } from './base.ts';

const replaces = 'os_compute_api:os-migrations:index';

export const rules = [
  rule(
    'os_compute_api:os-migrations:index',
    PROJECT_MANAGER_OR_ADMIN,
    'List moves of servers between hosts; those of the own project, unless the next rule allows more.',
  ),
  rule('os_compute_api:os-migrations:index:all_projects', ADMIN, 'List the moves of the servers of all projects.', {
    replaces,
  }),
  rule('os_compute_api:os-migrations:index:host', ADMIN, 'See from which host to which a server moved.', { replaces }),
] as const;

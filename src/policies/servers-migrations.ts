// Why: a live migration that is under way is watched, hurried or given up by those who may begin one.

import { ADMIN, PROJECT_MANAGER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:servers:migrations:index',
    PROJECT_MANAGER_OR_ADMIN,
    'List the live migrations of a server that are under way.',
  ),
  rule('os_compute_api:servers:migrations:index:host', ADMIN, 'See from which host to which a server is being moved.', {
    replaces: 'os_compute_api:servers:migrations:index',
  }),
  rule('os_compute_api:servers:migrations:show', ADMIN, 'Show a live migration that is under way.'),
  rule(
    'os_compute_api:servers:migrations:force_complete',
    PROJECT_MANAGER_OR_ADMIN,
    'End a live migration at any price.',
  ),
  rule('os_compute_api:servers:migrations:delete', PROJECT_MANAGER_OR_ADMIN, 'Give a live migration up.'),
] as const;

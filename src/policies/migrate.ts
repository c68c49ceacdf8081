// Why: the managers of a project may move its servers out of the way; who names a host must know hosts.

import { ADMIN, PROJECT_MANAGER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-migrate-server:migrate', PROJECT_MANAGER_OR_ADMIN, 'Move a server to another host.'),
  rule('os_compute_api:os-migrate-server:migrate:host', ADMIN, 'Move a server to a host that the request names.'),
  rule(
    'os_compute_api:os-migrate-server:migrate_live',
    PROJECT_MANAGER_OR_ADMIN,
    'Move a server to another host as it runs.',
  ),
  rule(
    'os_compute_api:os-migrate-server:migrate_live:host',
    ADMIN,
    'Move a server, as it runs, to a host that the request names.',
    { replaces: 'os_compute_api:os-migrate-server:migrate_live' },
  ),
] as const;

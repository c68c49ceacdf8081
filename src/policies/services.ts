// Why: the cloud's own processes, and whether new servers are placed on a host, are the administrator's business.

import { ADMIN, rule } from './base.ts';

const replaces = 'os_compute_api:os-services';

export const rules = [
  rule('os_compute_api:os-services:list', ADMIN, 'List the services with their hosts and states.', { replaces }),
  rule('os_compute_api:os-services:update', ADMIN, 'Enable, disable or force down a service.', { replaces }),
  rule('os_compute_api:os-services:delete', ADMIN, 'Delete the record of a service that is no more.', { replaces }),
] as const;

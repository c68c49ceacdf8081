// Why: the older view of hosts, which hypervisors and services replace, is the administrator's business.

import { ADMIN, rule } from './base.ts';

const replaces = 'os_compute_api:os-hosts';
const UNTIL = '(up to microversion 2.42; see os-hypervisors and os-services)';

export const rules = [
  rule('os_compute_api:os-hosts:list', ADMIN, `List the hosts of services ${UNTIL}.`, { replaces }),
  rule('os_compute_api:os-hosts:show', ADMIN, `Show what a host has and what projects use of it ${UNTIL}.`, {
    replaces,
  }),
  rule('os_compute_api:os-hosts:update', ADMIN, `Switch a host on, off or into maintenance ${UNTIL}.`, { replaces }),
  rule('os_compute_api:os-hosts:reboot', ADMIN, `Reboot a host ${UNTIL}.`, { replaces }),
  rule('os_compute_api:os-hosts:shutdown', ADMIN, `Shut a host down ${UNTIL}.`, { replaces }),
  rule('os_compute_api:os-hosts:start', ADMIN, `Start a host ${UNTIL}.`, { replaces }),
] as const;

// Why: which hosts have what in common is the administrator's business.

import { ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-aggregates:index', ADMIN, 'List the host aggregates.'),
  rule('os_compute_api:os-aggregates:create', ADMIN, 'Make a host aggregate.'),
  rule('os_compute_api:os-aggregates:show', ADMIN, 'Show a host aggregate.'),
  rule('os_compute_api:os-aggregates:update', ADMIN, 'Change the name or the zone of a host aggregate.'),
  rule('os_compute_api:os-aggregates:delete', ADMIN, 'Delete a host aggregate.'),
  rule('os_compute_api:os-aggregates:add_host', ADMIN, 'Put a host into an aggregate.'),
  rule('os_compute_api:os-aggregates:remove_host', ADMIN, 'Take a host out of an aggregate.'),
  rule('os_compute_api:os-aggregates:set_metadata', ADMIN, 'Set or remove metadata of a host aggregate.'),
  rule(
    'compute:aggregates:images',
    ADMIN,
    'Have images brought to the hosts of an aggregate before servers need them.',
  ),
] as const;

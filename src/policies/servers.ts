// Why: who may create, see, change and switch servers, and who sees which of their fields.

import { ADMIN, PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:servers:index', PROJECT_READER_OR_ADMIN, "List a project's servers."),
  rule('os_compute_api:servers:detail', PROJECT_READER_OR_ADMIN, "List a project's servers with all their fields."),
  rule('os_compute_api:servers:index:get_all_tenants', ADMIN, 'List the servers of all projects.'),
  rule(
    'os_compute_api:servers:detail:get_all_tenants',
    ADMIN,
    'List the servers of all projects with all their fields.',
  ),
  rule(
    'os_compute_api:servers:allow_all_filters',
    ADMIN,
    'Filter a list of servers by any field. Others may filter by the common fields only; further filters are ignored.',
  ),
  rule('os_compute_api:servers:show', PROJECT_READER_OR_ADMIN, 'Show a server.'),
  rule(
    'os_compute_api:servers:show:flavor-extra-specs',
    PROJECT_READER_OR_ADMIN,
    "See the extra specs of the flavor within a server's fields (from microversion 2.47 on).",
    { replaces: 'os_compute_api:os-flavor-extra-specs:index' },
  ),
  rule(
    'os_compute_api:servers:show:host_status',
    ADMIN,
    "See host_status, the state of the server's host, with every value (from microversion 2.16 on).",
  ),
  rule(
    'os_compute_api:servers:show:host_status:unknown-only',
    ADMIN,
    'See host_status only while it is UNKNOWN, for those who may not see its other values.',
  ),
  rule(
    'os_compute_api:os-extended-server-attributes',
    ADMIN,
    'See where and how a server runs: host, hypervisor, instance name, and from microversion 2.3 on hostname, reservation, ' +
      'launch index, kernel, initial ramdisk, root device and user data.',
  ),
  rule('os_compute_api:servers:create', PROJECT_MEMBER_OR_ADMIN, 'Create servers.'),
  rule(
    'os_compute_api:servers:create:forced_host',
    ADMIN,
    'Name the host, or the host and node, within availability_zone; the scheduler then checks nothing.',
  ),
  rule(
    'compute:servers:create:requested_destination',
    ADMIN,
    'Name the host or hypervisor for a new server; the scheduler still checks it (from microversion 2.74 on).',
  ),
  rule('os_compute_api:servers:create:attach_volume', PROJECT_MEMBER_OR_ADMIN, 'Create servers with volumes attached.'),
  rule('os_compute_api:servers:create:attach_network', PROJECT_MEMBER_OR_ADMIN, 'Choose the networks of a new server.'),
  rule(
    'os_compute_api:servers:create:trusted_certs',
    PROJECT_MEMBER_OR_ADMIN,
    'Name the certificates against which the image of a new server is verified (from microversion 2.63 on).',
  ),
  rule(
    'os_compute_api:servers:create:zero_disk_flavor',
    ADMIN,
    "Create a server from an image with a flavor whose disk is 0: its root disk then takes the image's size, which no " +
      'quota or claim counts.',
  ),
  rule(
    'network:attach_external_network',
    ADMIN,
    'Attach a server to an external network that is not shared with its project.',
  ),
  rule(
    'os_compute_api:servers:update',
    PROJECT_MEMBER_OR_ADMIN,
    'Change the name, description or other plain fields of a server.',
  ),
  rule('os_compute_api:servers:delete', PROJECT_MEMBER_OR_ADMIN, 'Delete a server.'),
  rule('os_compute_api:servers:start', PROJECT_MEMBER_OR_ADMIN, 'Start a server.'),
  rule('os_compute_api:servers:stop', PROJECT_MEMBER_OR_ADMIN, 'Stop a server.'),
  rule('os_compute_api:servers:create_image', PROJECT_MEMBER_OR_ADMIN, 'Make an image of a server.'),
  rule('os_compute_api:servers:reboot', PROJECT_MEMBER_OR_ADMIN, 'Reboot a server, softly or hard.'),
  rule('os_compute_api:servers:rebuild', PROJECT_MEMBER_OR_ADMIN, 'Build a server anew from an image.'),
  rule(
    'os_compute_api:servers:rebuild:trusted_certs',
    PROJECT_MEMBER_OR_ADMIN,
    'Name the certificates against which the image is verified when a server is rebuilt (from microversion 2.63 on).',
  ),
  rule(
    'os_compute_api:servers:trigger_crash_dump',
    PROJECT_MEMBER_OR_ADMIN,
    'Make a guest dump its memory (from microversion 2.17 on).',
  ),
  rule('os_compute_api:servers:resize', PROJECT_MEMBER_OR_ADMIN, 'Move a server to another flavor.'),
  rule(
    'os_compute_api:servers:confirm_resize',
    PROJECT_MEMBER_OR_ADMIN,
    'Keep the new flavor or host of a server that was resized or migrated.',
  ),
  rule(
    'os_compute_api:servers:revert_resize',
    PROJECT_MEMBER_OR_ADMIN,
    'Bring a server that was resized or migrated back to its old flavor and host.',
  ),
] as const;

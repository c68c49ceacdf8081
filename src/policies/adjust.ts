// Why: live adjustment is as ordinary as a reboot for those who own the server; the flavor bounds it and quota counts it.

import { ADMIN, PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:xloud:adjust',
    PROJECT_MEMBER_OR_ADMIN,
    "Change the vCPUs or memory of a server while it runs, between its minimum and its flavor's size. In XLoud only " +
      'administrators could; here growth is claimed on the host and counted by quota, so members of the project may. ' +
      `Set it to "rule:context_is_admin" for XLoud's old default.`,
  ),
  rule(
    'os_compute_api:xloud:adjust:may_migrate',
    ADMIN,
    'Ask with `may_migrate` that a server moves to another host, as it runs, where its own has no room to grow. ' +
      'Where `compute.adjust_may_migrate` is set, nobody need ask.',
  ),
  rule(
    'os_compute_api:xloud:show',
    PROJECT_READER_OR_ADMIN,
    'See how far a server has been adjusted: current, target, minimum, maximum and claimed vCPUs and memory.',
  ),
  rule(
    'os_compute_api:xloud:index',
    PROJECT_READER_OR_ADMIN,
    "List the project's servers whose size may change, with how far each has been adjusted.",
  ),
  rule('os_compute_api:xloud:index:get_all_tenants', ADMIN, 'List the servers of all projects whose size may change.'),
  rule(
    'os_compute_api:xloud:plan',
    PROJECT_READER_OR_ADMIN,
    'Ask which ways there are to another size of a server, and how far it could go. Changes nothing.',
  ),
  rule(
    'os_compute_api:xloud:plan:hosts',
    ADMIN,
    'See the names of the hosts to which a server could move to have another size.',
  ),
  rule(
    'os_compute_api:xloud:sync',
    PROJECT_MEMBER_OR_ADMIN,
    "Set the clock of a server's guest to its host's, and ask its agent anew what the guest has.",
  ),
] as const;

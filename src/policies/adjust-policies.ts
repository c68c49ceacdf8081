// Why: who may adjust a server may let it adjust itself; a flavor is everybody's, so that its policies are for administrators.

import { ADMIN, PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:xloud:adjust-policies:index',
    PROJECT_READER_OR_ADMIN,
    'List the policies of servers that adjust themselves.',
  ),
  rule('os_compute_api:xloud:adjust-policies:index:all_projects', ADMIN, 'The same of all projects.'),
  rule(
    'os_compute_api:xloud:adjust-policies:show',
    PROJECT_READER_OR_ADMIN,
    'See a policy and what it decided, with its numbers.',
  ),
  rule(
    'os_compute_api:xloud:adjust-policies:create',
    PROJECT_MEMBER_OR_ADMIN,
    'Let a server, or those of a group, adjust itself.',
  ),
  rule(
    'os_compute_api:xloud:adjust-policies:create:flavor',
    ADMIN,
    'Let all servers of a flavor adjust themselves, whosesoever they are.',
  ),
  rule('os_compute_api:xloud:adjust-policies:update', PROJECT_MEMBER_OR_ADMIN, 'Change a policy.'),
  rule('os_compute_api:xloud:adjust-policies:delete', PROJECT_MEMBER_OR_ADMIN, 'Remove a policy.'),
] as const;

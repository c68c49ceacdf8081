// Why: groups are the project's; the network service decides in the end which of them a caller may use.

import { PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

const options = { replaces: 'os_compute_api:os-security-groups' } as const;

export const rules = [
  rule('os_compute_api:os-security-groups:get', PROJECT_READER_OR_ADMIN, 'List security groups.', options),
  rule('os_compute_api:os-security-groups:show', PROJECT_READER_OR_ADMIN, 'Show a security group.', options),
  rule('os_compute_api:os-security-groups:create', PROJECT_MEMBER_OR_ADMIN, 'Create a security group.', options),
  rule('os_compute_api:os-security-groups:update', PROJECT_MEMBER_OR_ADMIN, 'Change a security group.', options),
  rule('os_compute_api:os-security-groups:delete', PROJECT_MEMBER_OR_ADMIN, 'Delete a security group.', options),
  rule('os_compute_api:os-security-groups:rule:create', PROJECT_MEMBER_OR_ADMIN, 'Add a rule to a group.', options),
  rule('os_compute_api:os-security-groups:rule:delete', PROJECT_MEMBER_OR_ADMIN, 'Delete a rule of a group.', options),
  rule('os_compute_api:os-security-groups:list', PROJECT_READER_OR_ADMIN, "List a server's groups.", options),
  rule('os_compute_api:os-security-groups:add', PROJECT_MEMBER_OR_ADMIN, 'Put a server into a group.', options),
  rule('os_compute_api:os-security-groups:remove', PROJECT_MEMBER_OR_ADMIN, 'Take a server out of a group.', options),
] as const;

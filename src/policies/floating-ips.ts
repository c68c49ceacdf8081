// Why: floating addresses are the project's; the network service decides which.

import { PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

const options = { replaces: 'os_compute_api:os-floating-ips' } as const;

export const rules = [
  rule(
    'os_compute_api:os-floating-ips:list',
    PROJECT_READER_OR_ADMIN,
    'List floating addresses (until 2.35).',
    options,
  ),
  rule(
    'os_compute_api:os-floating-ips:show',
    PROJECT_READER_OR_ADMIN,
    'Show a floating address (until 2.35).',
    options,
  ),
  rule(
    'os_compute_api:os-floating-ips:create',
    PROJECT_MEMBER_OR_ADMIN,
    'Get a floating address (until 2.35).',
    options,
  ),
  rule('os_compute_api:os-floating-ips:delete', PROJECT_MEMBER_OR_ADMIN, 'Give one back (until 2.35).', options),
  rule('os_compute_api:os-floating-ips:add', PROJECT_MEMBER_OR_ADMIN, 'Point one to a server (until 2.43).', options),
  rule(
    'os_compute_api:os-floating-ips:remove',
    PROJECT_MEMBER_OR_ADMIN,
    'Take one from a server (until 2.43).',
    options,
  ),
] as const;

// Why: the same networks under another address, with a rule of its own.

import { PROJECT_READER_OR_ADMIN, rule } from './base.ts';

const options = { replaces: 'os_compute_api:os-tenant-networks' } as const;

export const rules = [
  rule('os_compute_api:os-tenant-networks:list', PROJECT_READER_OR_ADMIN, 'List networks (until 2.35).', options),
  rule('os_compute_api:os-tenant-networks:show', PROJECT_READER_OR_ADMIN, 'Show a network (until 2.35).', options),
] as const;

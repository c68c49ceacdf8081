// Why: which networks a caller sees is for the network service to say; here only whether one may look at all.

import { PROJECT_READER_OR_ADMIN, rule } from './base.ts';

const options = { replaces: 'os_compute_api:os-networks:view' } as const;

export const rules = [
  rule('os_compute_api:os-networks:list', PROJECT_READER_OR_ADMIN, 'List networks (until 2.35).', options),
  rule('os_compute_api:os-networks:show', PROJECT_READER_OR_ADMIN, 'Show a network (until 2.35).', options),
] as const;

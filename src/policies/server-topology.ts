// Why: how a guest is laid out is for its users; where that lies on the host is for administrators.

import { ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('compute:server:topology:index', PROJECT_READER_OR_ADMIN, 'See the NUMA nodes of a server.'),
  rule(
    'compute:server:topology:host:index',
    ADMIN,
    "See which node and which processors of the host each of a server's NUMA nodes has.",
  ),
] as const;

// Why: whoever tunes a program to the NUMA nodes of its server reads here what they are.

import { findClaim } from '../../db/claims.ts';
import type { NumaCell, NumaTopology } from '../../domain/numa/numa.ts';
import { noQuery } from '../parameters.ts';
import { resource, route } from '../resource.ts';

const cellView = ({ vcpus, memoryMb, hostNode, pinning }: NumaCell, withHost: boolean) => ({
  vcpu_set: vcpus,
  // as Nova since it stopped to show guests which of their vCPUs are threads of one core
  siblings: [],
  memory_mb: memoryMb,
  ...(withHost ? { host_node: hostNode, cpu_pinning: pinning } : {}),
});

const topologyView = (topology: NumaTopology | null, withHost: boolean) => ({
  nodes: (topology?.cells ?? []).map((cell) => cellView(cell, withHost)),
  pagesize_kb: topology?.cells.findLast(({ pageSizeKib }) => pageSizeKib !== null)?.pageSizeKib ?? null,
});

export default resource({
  'GET /servers/:server_id/topology': route<'server'>()({
    summary: 'Show the NUMA nodes of a server.',
    policy: 'compute:server:topology:index',
    alsoAsks: ['compute:server:topology:host:index'],
    target: 'server',
    since: '2.78',
    query: noQuery,
    status: 200,
    run: async ({ services, target }) => (await findClaim(services.db, target.id))?.numa ?? null,
    view: (topology, call) => topologyView(topology, call.allows('compute:server:topology:host:index')),
  }),
});

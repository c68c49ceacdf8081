// Why: before a VM is made, one asks which nodes have room and which images there are.

import { type ComputeClient, segment } from '../../client/compute.ts';
import { diskMbOf } from './names.ts';
import { of, route } from '../kit/route.ts';
import { listOf } from '../kit/schemas.ts';
import { image, node } from './schemas.ts';

interface Hypervisor {
  readonly hypervisor_hostname: string;
  readonly hypervisor_type: string;
  readonly state: string;
  readonly status: string;
  readonly running_vms: number;
  readonly service: { readonly host: string };
}

interface HostMetrics {
  readonly host: string;
  readonly claims: {
    readonly running_servers: number;
    readonly vcpus: { readonly has: number; readonly claimed: number };
    readonly memory_mb: { readonly has: number; readonly claimed: number };
    readonly disk_gb: { readonly has: number; readonly claimed: number };
  };
  readonly usage: { readonly load: number; readonly memory_mb: { readonly available: number } } | null;
}

async function nodeView(compute: ComputeClient, { state, status, hypervisor_type, service }: Hypervisor) {
  const { claims, usage } = await compute.ask<HostMetrics>('GET', `/os-xloud-host-metrics/${segment(service.host)}`);
  return {
    id: service.host,
    state,
    status,
    hypervisor: hypervisor_type,
    vms: claims.running_servers,
    vcpus: { total: claims.vcpus.has, used: claims.vcpus.claimed },
    memory_mb: { total: claims.memory_mb.has, used: claims.memory_mb.claimed },
    disk_mb: { total: diskMbOf(claims.disk_gb.has), used: diskMbOf(claims.disk_gb.claimed) },
    load: usage?.load ?? null,
    memory_available_mb: usage?.memory_mb.available ?? null,
  };
}

const hypervisors = async (compute: ComputeClient): Promise<readonly Hypervisor[]> =>
  (await compute.ask<{ hypervisors: Hypervisor[] }>('GET', '/os-hypervisors/detail')).hypervisors;

const tag = 'Nodes and images';

export const infrastructureRoutes = [
  route({
    ...{ method: 'GET', path: '/nodes', tag, status: 200, answer: listOf('nodes', node) },
    summary: 'List the nodes with what they have, what VMs hold of it, and how busy they are.',
    run: async ({ compute }) => {
      const nodes: object[] = [];
      // one after another: each is a request like any
      for (const one of await hypervisors(compute)) nodes.push(await nodeView(compute, one));
      return { nodes };
    },
  }),
  route({
    ...{ method: 'GET', path: '/nodes/{node_id}', tag, summary: 'Show a node.', status: 200, answer: node },
    run: async (call) => {
      const id = of(call, 'node_id');
      const found = (await hypervisors(call.compute)).find(({ service }) => service.host === id);
      // the compute API's own words for one that is not there
      if (found === undefined) return call.compute.ask('GET', `/os-xloud-host-metrics/${segment(id)}`);
      return nodeView(call.compute, found);
    },
  }),
  route({
    ...{ method: 'GET', path: '/images', tag, summary: 'List the images that VMs may be made of.', status: 200 },
    answer: listOf('images', image),
    run: async ({ compute }) => ({
      images: (await compute.images.list()).map((one) => ({
        id: one.id,
        name: one.name,
        state: one.status,
        visibility: one.visibility,
        format: one.disk_format,
        size_bytes: one.size,
        min_disk_mb: diskMbOf(one.min_disk),
        min_memory_mb: one.min_ram,
      })),
    }),
  }),
];

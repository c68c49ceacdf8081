// Why: a host is shown by what it has, what is claimed of it, how far its servers could grow, and the least that they need; the last is the
// sum of their floors.

import { get, listAll } from './api.ts';
import { sizeOf, sizes } from './servers.ts';
import type { Server } from './types.ts';

export interface Hypervisor {
  readonly id: string;
  readonly hypervisor_hostname: string;
  readonly hypervisor_type: string;
  readonly state: 'up' | 'down';
  readonly status: 'enabled' | 'disabled';
  readonly host_ip: string;
  readonly service: { readonly id: string; readonly host: string; readonly disabled_reason: string | null };
}

interface Claimed {
  readonly has: number;
  readonly claimed: number;
  readonly ceiling?: number;
  readonly ratio: number;
}

export interface HostMetrics {
  readonly host: string;
  readonly claims: {
    readonly running_servers: number;
    readonly vcpus: Claimed;
    readonly memory_mb: Claimed;
    readonly disk_gb: Claimed;
    readonly overcommit: Readonly<Record<'vcpus' | 'memory_mb' | 'disk_gb', number | null>>;
  };
  readonly told_at: string | null;
  readonly usage: {
    readonly load: number;
    readonly cpus: number;
    readonly memory_mb: { readonly total: number; readonly available: number };
    readonly pools: readonly { readonly name: string; readonly total_gb: number; readonly free_gb: number }[];
  } | null;
}

export interface Host {
  readonly hypervisor: Hypervisor;
  readonly name: string;
  readonly metrics: HostMetrics | null;
  readonly servers: readonly Server[];
  /** The least that its servers need. */
  readonly floor: { readonly vcpus: number; readonly memoryMb: number };
}

const OFF_HOST = new Set(['SHELVED_OFFLOADED', 'ERROR']);

export const floorOf = (servers: readonly Server[]): Host['floor'] =>
  servers
    .filter(({ status }) => !OFF_HOST.has(status))
    .map((server) => sizeOf(server, sizes.value).floor)
    .reduce((sum, one) => ({ vcpus: sum.vcpus + one.vcpus, memoryMb: sum.memoryMb + one.memoryMb }), {
      vcpus: 0,
      memoryMb: 0,
    });

export async function readHosts(): Promise<readonly Host[]> {
  const [hypervisors, servers] = await Promise.all([
    listAll<Hypervisor>('/os-hypervisors/detail?limit=200', 'hypervisors'),
    listAll<Server>('/servers/detail?all_tenants=1&limit=500', 'servers'),
  ]);
  return Promise.all(
    hypervisors.map(async (hypervisor) => {
      const name = hypervisor.service.host;
      const own = servers.filter((server) => server['OS-EXT-SRV-ATTR:host'] === name);
      const metrics = await get<HostMetrics>('compute', `/os-xloud-host-metrics/${encodeURIComponent(name)}`).catch(
        () => null,
      );
      return { hypervisor, name, metrics, servers: own, floor: floorOf(own) };
    }),
  );
}

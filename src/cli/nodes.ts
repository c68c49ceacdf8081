// Why: `xloud nodes`: who rents out machines registers them with how much of each is for rent and how far it may be overcommitted, and looks
// at what is left. A host reports itself by its agent; what it may give away stands in an aggregate of its own, as any operator could write it.

import { setTimeout as sleep } from 'node:timers/promises';
import { badRequest } from '../base/errors.ts';
import { table } from '../base/table.ts';
import { allPages } from '../client/compute.ts';
import { Refusal } from '../client/refusal.ts';
import type { Session } from '../client/session.ts';

/** What of a node is for rent; undefined: what its agent's configuration says. Memory in MiB, disk in GiB, overcommit as a factor. */
export interface NodeTerms {
  readonly vcpus?: number;
  readonly memoryMb?: number;
  readonly diskGb?: number;
  readonly cpuOvercommit?: number;
  readonly memoryOvercommit?: number;
  readonly diskOvercommit?: number;
}

interface Room {
  readonly has: number;
  readonly claimed: number;
  readonly ratio: number;
}

interface HostMetrics {
  readonly claims: { readonly vcpus: Room; readonly memory_mb: Room; readonly disk_gb: Room };
}

interface Aggregate {
  readonly id: number;
  readonly name: string;
  readonly hosts: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

const LOOK_MS = 1_000;

/** What a host reports; null: there is no such host. */
async function roomsOf(session: Session, host: string): Promise<HostMetrics['claims'] | null> {
  try {
    return ((await session.compute('GET', `/os-xloud-host-metrics/${encodeURIComponent(host)}`)) as HostMetrics).claims;
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return null;
    throw error;
  }
}

async function reportedBy(session: Session, host: string, waitSeconds: number): Promise<HostMetrics['claims']> {
  const giveUpAt = performance.now() + waitSeconds * 1_000;
  for (;;) {
    const rooms = await roomsOf(session, host);
    if (rooms !== null) return rooms;
    if (performance.now() >= giveUpAt) {
      throw badRequest(
        `no host ${host} has reported yet: start \`xloud agent\` there, with this name as compute.host, and then this again (or with --wait SECONDS)`,
      );
    }
    await sleep(LOOK_MS);
  }
}

/** What is kept back, so that so much is for rent, as text in the unit of its key (`unit` of them are one of `wanted`). */
function reserved(what: string, { has }: Room, wanted: number, unit = 1): string {
  if (wanted > has)
    throw badRequest(`the host has ${has} ${what}, less than ${wanted}; more is given away by overcommit`);
  return String((has - wanted) * unit);
}

/** The metadata of an aggregate that says these terms. */
function termsMetadata(
  { vcpus, memoryMb, diskGb, cpuOvercommit, memoryOvercommit, diskOvercommit }: NodeTerms,
  rooms: HostMetrics['claims'],
): Record<string, string> {
  const said: readonly (readonly [string, string | undefined])[] = [
    ['cpu_allocation_ratio', cpuOvercommit?.toString()],
    ['ram_allocation_ratio', memoryOvercommit?.toString()],
    ['disk_allocation_ratio', diskOvercommit?.toString()],
    ['reserved_host_cpus', vcpus === undefined ? undefined : reserved('vCPUs', rooms.vcpus, vcpus)],
    ['reserved_host_memory_mb', memoryMb === undefined ? undefined : reserved('MiB', rooms.memory_mb, memoryMb)],
    ['reserved_host_disk_mb', diskGb === undefined ? undefined : reserved('GiB', rooms.disk_gb, diskGb, 1_024)],
  ];
  return Object.fromEntries(said.filter((pair): pair is readonly [string, string] => pair[1] !== undefined));
}

async function aggregateNamed(session: Session, name: string): Promise<Aggregate> {
  const { aggregates } = (await session.compute('GET', '/os-aggregates')) as {
    readonly aggregates: readonly Aggregate[];
  };
  const known = aggregates.find((one) => one.name === name);
  if (known !== undefined) return known;
  const made = (await session.compute('POST', '/os-aggregates', { aggregate: { name } })) as {
    readonly aggregate: Omit<Aggregate, 'hosts'>;
  };
  return { ...made.aggregate, hosts: [] };
}

/**
 * Writes the terms of a node, over those that were written before; those not named stay. Repeated it changes nothing.
 * @param waitSeconds how long to wait for the first report of the host; 0: not at all
 * @returns what `listNodes` prints
 * @throws badRequest where the host has not reported, or has less than is to be for rent
 */
export async function addNode(session: Session, host: string, terms: NodeTerms, waitSeconds: number): Promise<string> {
  const metadata = termsMetadata(terms, await reportedBy(session, host, waitSeconds));
  if (Object.keys(metadata).length > 0) {
    const aggregate = await aggregateNamed(session, `node ${host}`);
    const act = (body: object) => session.compute('POST', `/os-aggregates/${aggregate.id}/action`, body);
    await act({ set_metadata: { metadata } });
    if (!aggregate.hosts.includes(host)) await act({ add_host: { host } });
  }
  return listNodes(session);
}

interface Hypervisor {
  readonly id: string;
  readonly service: { readonly host: string };
  readonly state: string;
  readonly status: string;
  readonly vcpus: number;
  readonly vcpus_used: number;
  readonly memory_mb: number;
  readonly memory_mb_used: number;
  readonly local_gb: number;
  readonly local_gb_used: number;
  readonly running_vms: number;
}

/** The last version that shows what hosts have. */
const HYPERVISORS = '2.87';

const allHypervisors = (session: Session): Promise<Hypervisor[]> =>
  allPages((path) => session.compute('GET', path, undefined, HYPERVISORS), '/os-hypervisors/detail', 'hypervisors');

interface ClusterStats {
  readonly hosts: Readonly<Record<'total' | 'up' | 'disabled' | 'down', number>>;
  readonly servers: { readonly total: number; readonly by_state: Readonly<Record<string, number>> };
  readonly vcpus: ClusterRoom;
  readonly memory_mb: ClusterRoom;
  readonly disk_gb: ClusterRoom;
}

interface ClusterRoom {
  readonly has: number;
  readonly capacity: number;
  readonly claimed: number;
  readonly ceiling: number;
  readonly free: number;
  readonly utilization_pct: number;
}

const clusterStats = async (session: Session): Promise<ClusterStats> =>
  (await session.compute('GET', '/os-xloud-cluster-stats')) as ClusterStats;

/** The nodes with what is used of them, and the sums, as text for people. */
export async function listNodes(session: Session): Promise<string> {
  const nodes = await allHypervisors(session);
  const head = ['node', 'state', 'status', 'vCPUs', 'used', 'MiB', 'used', 'GiB', 'used', 'servers'];
  const rows = nodes.map((node) => [
    ...[node.service.host, node.state, node.status, node.vcpus, node.vcpus_used, node.memory_mb, node.memory_mb_used],
    ...[node.local_gb, node.local_gb_used, node.running_vms],
  ]);
  return `${table([head, ...rows], [0, 1, 2])}\n\n${sumsText(await clusterStats(session))}`;
}

function sumsText({ hosts, servers, vcpus, memory_mb: memory, disk_gb: disk }: ClusterStats): string {
  const row = (what: string, room: ClusterRoom) => [
    ...[what, room.has, room.capacity, room.claimed, room.free, `${room.utilization_pct.toFixed(1)} %`],
  ];
  const head = ['of nodes that are up', 'has', 'for rent', 'claimed', 'free', 'utilization'];
  const counts = `${hosts.total} nodes (${hosts.up} up, ${hosts.disabled} disabled, ${hosts.down} down), ${servers.total} servers`;
  return `${table([head, row('vCPUs', vcpus), row('memory MiB', memory), row('disk GiB', disk)])}\n${counts}`;
}

// Why: whether a host has the devices that a server asks for, and which ones it gets then. A pure decision: the filter asks it for a
// reason, the claim for the devices.

import { matching } from '../placement/matching.ts';
import type { HostCell } from '../numa/numa.ts';
import { matchesAlias, type AliasRequest, type PciRequest } from './pci-alias.ts';
import { type PciDevice, type TakenDevice, whileTaken } from './pci.ts';

/** What of a host the decision reads. */
export interface PciHost {
  readonly devices: readonly PciDevice[];
  /** What the servers there have. */
  readonly taken: readonly TakenDevice[] | null;
  readonly cells: readonly HostCell[];
}

export type PciFit =
  | { readonly devices: readonly TakenDevice[]; readonly reason: null }
  /** A clause for people. */
  | { readonly devices: null; readonly reason: string };

const freeDevices = ({ devices, taken }: PciHost): PciDevice[] => devices.filter(whileTaken(taken));

/** The host's nodes in the sockets of some of them; none where a socket is not known. */
function inSockets(cells: readonly HostCell[], nodes: ReadonlySet<number>): ReadonlySet<number | null> {
  const sockets = new Set(cells.filter(({ id }) => nodes.has(id)).map(({ socket }) => socket));
  if (cells.some(({ socket }) => socket === undefined)) return new Set();
  return new Set(cells.filter(({ socket }) => sockets.has(socket)).map(({ id }) => id));
}

/** How well a device lies for a server with these nodes, 0 best; null: it is out of the question. */
function distanceOf(request: AliasRequest, cells: readonly HostCell[], nodes: ReadonlySet<number>) {
  const sockets = request.policy === 'socket' ? inSockets(cells, nodes) : new Set();
  return ({ numaNode }: PciDevice): number | null => {
    if (nodes.size === 0 || (numaNode !== null && nodes.has(numaNode))) return 0;
    if (request.policy === 'required') return null;
    if (request.policy === 'socket') return sockets.has(numaNode) ? 1 : null;
    if (numaNode === null) return 1;
    return request.policy === 'preferred' ? 2 : null;
  };
}

/** The devices that would do for a request, best first: nearest, then those that spoil least for others. */
function candidatesFor(
  request: AliasRequest,
  free: readonly PciDevice[],
  { cells, taken }: PciHost,
  nodes: ReadonlySet<number>,
): PciDevice[] {
  const distance = distanceOf(request, cells, nodes);
  const divided = new Set((taken ?? []).map(({ parent }) => parent));
  const functions = new Map<string | null, number>();
  for (const { parent } of free) functions.set(parent, (functions.get(parent) ?? 0) + 1);
  // a function of a device that is divided already leaves whole ones whole; so does a whole one that has few functions
  const spoils = ({ type, address, parent }: PciDevice): number =>
    type === 'type-PF' ? (functions.get(address) ?? 0) : Number(parent !== null && !divided.has(parent));
  return free
    .filter((device) => matchesAlias(request, device))
    .map((device) => ({ device, far: distance(device), spoilt: spoils(device) }))
    .filter(({ far }) => far !== null)
    .toSorted((a, b) => (a.far as number) - (b.far as number) || a.spoilt - b.spoilt)
    .map(({ device }) => device);
}

interface Asked {
  readonly request: AliasRequest;
  readonly candidates: readonly PciDevice[];
}

/** A device for each one asked for, or null. */
const choose = (asked: readonly Asked[]): PciDevice[] | null =>
  matching(asked.flatMap(({ request, candidates }) => Array.from({ length: request.count }, () => candidates)));

function shortage({ request, candidates }: Asked, nodes: ReadonlySet<number>): string | null {
  if (candidates.length >= request.count) return null;
  const near = nodes.size === 0 || request.policy === 'preferred' ? '' : ` where the server’s NUMA nodes are`;
  return `has ${candidates.length} free devices ${request.alias}${near}, not ${request.count}`;
}

const asksWhole = ({ request }: Asked): boolean => request.matches.some(({ type }) => type === 'type-PF');

/**
 * The devices for a server, or why there are none for it.
 * @param nodes the host's NUMA nodes on which it lies; empty: it leaves that to the host, and any device is near enough
 */
export function fitPci(host: PciHost, requests: PciRequest, nodes: ReadonlySet<number>): PciFit {
  const free = freeDevices(host);
  const asked = requests.map((request) => ({ request, candidates: candidatesFor(request, free, host, nodes) }));
  const short = asked.map((one) => shortage(one, nodes)).find((text) => text !== null);
  if (short !== undefined) return { devices: null, reason: short };
  const { whole = [], parts = [] } = Object.groupBy(asked, (one) => (asksWhole(one) ? 'whole' : 'parts'));
  const chosen = choose(whole);
  const gone = new Set(chosen?.map(({ address }) => address));
  const left = parts.map(({ request, candidates }) => ({
    request,
    candidates: candidates.filter(({ parent }) => parent === null || !gone.has(parent)),
  }));
  const others = choose(left);
  if (chosen === null || others === null) {
    return { devices: null, reason: 'has free devices of each alias, but not for all that are asked for at once' };
  }
  const devices = [...chosen, ...others].map(({ address, parent, iommuGroup }) => ({ address, parent, iommuGroup }));
  return { devices, reason: null };
}

/** The host's nodes with free devices that a wish may mean, those with most of them first. */
export function nodesNearDevices(host: PciHost, requests: PciRequest): number[] {
  const count = new Map<number, number>();
  for (const device of freeDevices(host)) {
    const { numaNode } = device;
    if (numaNode === null || !requests.some((request) => matchesAlias(request, device))) continue;
    count.set(numaNode, (count.get(numaNode) ?? 0) + 1);
  }
  return [...count].toSorted(([, a], [, b]) => b - a).map(([node]) => node);
}

// Why: where a server goes is a pure function of a snapshot: filter, weigh, order, and a reason for each host that was refused.
// It changes nothing; the caller claims, and asks again on a fresh snapshot when somebody was quicker.

import { withClaim } from '../domain/placement/claims.ts';
import type { Candidate } from '../domain/placement/hosts.ts';
import { fitHost, type HostFit } from '../domain/placement/host-fit.ts';
import { withTopology } from '../domain/numa/numa.ts';
import { withDevices } from '../domain/pci/pci.ts';
import { withResources } from '../domain/placement/resources.ts';
import { type CheckOptions, checksOf, imageChecksOf, type NamedCheck, type Refusal, refusalOf } from './checks.ts';
import { filters } from './index.ts';
import { type Multipliers, scoresOf } from './scores.ts';
import type { ImageSpec, PlacementSpec } from './spec.ts';

export interface SelectOptions extends CheckOptions {
  /** Default: the weigher's own. */
  readonly multipliers?: Multipliers;
  /** So many hosts that pass are weighed, and no more are looked at; absent or 0: all. */
  readonly enough?: number;
  /** Where in the snapshot the look begins, so that each pass sees other hosts; default 0. Any whole number. */
  readonly from?: number;
}

/**
 * The hosts that take the server, best first (none: no valid host), and why each other that was looked at does not. Where none
 * takes it, all were looked at.
 */
export interface Selection {
  readonly hosts: readonly Candidate[];
  readonly refused: readonly Refusal[];
}

/** One host for each of `spec.count` servers, in order, or null with the reasons of the pick that failed. */
export interface ManySelection {
  readonly hosts: readonly Candidate[] | null;
  readonly refused: readonly Refusal[];
}

/** Splits hosts into those that pass, and the reasons for the others (appended to `refused`). */
const pass = (hosts: readonly Candidate[], checks: readonly NamedCheck[], refused: Refusal[]): Candidate[] =>
  hosts.filter((host) => {
    const refusal = refusalOf(host, checks);
    if (refusal !== null) refused.push(refusal);
    return refusal === null;
  });

/** The hosts that a request would rather have than any other, however large the cloud; null: there are none. */
function preferredBy({ group }: PlacementSpec): ((host: Candidate) => boolean) | null {
  if (group?.policy !== 'soft-affinity' || group.hosts.size === 0) return null;
  return ({ host }) => group.hosts.has(host);
}

/**
 * The first `enough` hosts that pass, from a place in the snapshot on and round. In a large cloud the best of some hundred is
 * as good as the best of all, and costs no more when the cloud grows.
 */
function passEnough(
  snapshot: readonly Candidate[],
  spec: PlacementSpec,
  checks: readonly NamedCheck[],
  { enough = 0, from = 0 }: Pick<SelectOptions, 'enough' | 'from'>,
): Selection {
  const refused: Refusal[] = [];
  if (enough <= 0 || snapshot.length <= enough) return { hosts: pass(snapshot, checks, refused), refused };
  const preferred = preferredBy(spec);
  const hosts = preferred === null ? [] : pass(snapshot.filter(preferred), checks, refused);
  const first = from % snapshot.length;
  for (let step = 0; step < snapshot.length && hosts.length < enough; step += 1) {
    const host = snapshot[(first + step) % snapshot.length] as Candidate;
    if (preferred?.(host)) continue;
    const refusal = refusalOf(host, checks);
    if (refusal === null) hosts.push(host);
    else refused.push(refusal);
  }
  return { hosts, refused };
}

/** Where one server of the spec may go. Of equals the one that was looked at first comes first. */
export function select(snapshot: readonly Candidate[], spec: PlacementSpec, options: SelectOptions): Selection {
  const { hosts, refused } = passEnough(snapshot, spec, checksOf(spec, options), options);
  const scores = scoresOf(hosts, spec, options.multipliers);
  const order = hosts.map((_, index) => index).sort((a, b) => (scores[b] as number) - (scores[a] as number));
  return { hosts: order.map((index) => hosts[index] as Candidate), refused };
}

/** Why a single host does not take the server; null: it does. */
export const refusalAt = (host: Candidate, spec: PlacementSpec, options: SelectOptions): Refusal | null =>
  refusalOf(host, checksOf(spec, options));

/** Why the host that a server is on does not take the other image that it shall be built anew from; null: it does. */
export const imageRefusal = (host: Candidate, spec: ImageSpec, options: SelectOptions): Refusal | null =>
  refusalOf(host, imageChecksOf(spec, options));

function indexOfBest(scores: Float64Array): number {
  let best = 0;
  for (let index = 1; index < scores.length; index += 1) {
    if ((scores[index] as number) > (scores[best] as number)) best = index;
  }
  return best;
}

/** The host, which takes it, with one more server of the spec on it. */
export function filled(host: Candidate, spec: PlacementSpec): Candidate {
  const fit = fitHost(host, spec);
  return {
    ...withClaim(host, { ...spec.minimum, diskGb: spec.diskGb }),
    ceiling: {
      vcpus: host.ceiling.vcpus + spec.maximum.vcpus,
      memoryMb: host.ceiling.memoryMb + spec.maximum.memoryMb,
    },
    ...(fit.reason === null ? withFit(host, fit) : {}),
    resourcesUsed: withResources(host.resourcesUsed, spec.resources, 1),
    runningVms: host.runningVms + 1,
    ioOps: host.ioOps + 1,
  };
}

/** What a server has of its host beside amounts. */
type Held = Pick<HostFit & { reason: null }, 'numa' | 'pci'>;

/** The host without a server of the spec that is on it. */
export const emptied = (host: Candidate, spec: PlacementSpec, { numa, pci }: Held): Candidate => ({
  ...withClaim(host, { vcpus: -spec.minimum.vcpus, memoryMb: -spec.minimum.memoryMb, diskGb: -spec.diskGb }),
  ceiling: {
    vcpus: host.ceiling.vcpus - spec.maximum.vcpus,
    memoryMb: host.ceiling.memoryMb - spec.maximum.memoryMb,
  },
  numaUsed: withTopology(host.numaUsed, numa, -1),
  pciTaken: withDevices(host.pciTaken, pci, -1),
  resourcesUsed: withResources(host.resourcesUsed, spec.resources, -1),
  runningVms: host.runningVms - 1,
});

const withFit = ({ numaUsed, pciTaken }: Candidate, { numa, pci }: Exclude<HostFit, { reason: string }>) => ({
  numaUsed: withTopology(numaUsed, numa, 1),
  pciTaken: withDevices(pciTaken, pci, 1),
});

/** The spec of the next server, once one of its group is at the host. */
function joined(spec: PlacementSpec, { host }: Candidate): PlacementSpec {
  const { group } = spec;
  if (group === null) return spec;
  return { ...spec, group: { ...group, hosts: new Map(group.hosts).set(host, (group.hosts.get(host) ?? 0) + 1) } };
}

/** How many of `spec.count` servers a host takes one after another, and the spec of those that come after them. */
export function takenBy(
  host: Candidate,
  spec: PlacementSpec,
  options: SelectOptions,
): { readonly taken: number; readonly next: PlacementSpec } {
  let here = host;
  let next = spec;
  let taken = 0;
  for (; taken < spec.count && refusalAt(here, next, options) === null; taken += 1) {
    here = filled(here, next);
    next = joined(next, here);
  }
  return { taken, next };
}

/**
 * Where all `spec.count` servers go, each placed with the ones before it counted in: all of them or none. A host that refuses one
 * refuses those that come after it: it stays as it is, and the group that they make only gets stricter.
 */
export function selectMany(snapshot: readonly Candidate[], spec: PlacementSpec, options: SelectOptions): ManySelection {
  const { enough = 0, from = 0 } = options;
  const refused: Refusal[] = [];
  const original = new Map(snapshot.map((host) => [host.id, host]));
  let working = pass(snapshot, checksOf(spec, options, 'once'), refused);
  const hosts: Candidate[] = [];
  let next = spec;
  for (let placed = 0; placed < spec.count; placed += 1) {
    const look = { enough, from: from + placed * enough };
    const able = passEnough(working, next, checksOf(next, options, 'everyPick'), look);
    if (able.hosts.length === 0) return { hosts: null, refused: [...refused, ...able.refused] };
    const best = able.hosts[indexOfBest(scoresOf(able.hosts, next, options.multipliers))] as Candidate;
    hosts.push(original.get(best.id) as Candidate);
    working[working.indexOf(best)] = filled(best, spec);
    if (able.refused.length > 0) {
      refused.push(...able.refused);
      const names = new Set(able.refused.map(({ host }) => host));
      working = working.filter(({ host }) => !names.has(host));
    }
    next = joined(next, best);
  }
  return { hosts, refused };
}

/** Whether some host lacks nothing but room. */
export const lacksRoom = (refused: readonly Refusal[]): boolean =>
  refused.some(({ filter }) => filter !== 'RequestedDestination' && filters[filter].ofRoom);

export const NO_VALID_HOST = 'No valid host was found. There are not enough hosts available.';

/**
 * The fault's text. The reasons name hosts, so they are for administrators (`detail`) only.
 * @param excluded hosts that were not asked: where the server is, or where it failed
 */
export function noValidHost(
  refused: readonly Refusal[],
  excluded: readonly string[] = [],
): { readonly message: string; readonly detail: string } {
  const message = NO_VALID_HOST;
  if (refused.length === 0) {
    const none =
      excluded.length === 0
        ? 'There are no hosts.'
        : `There is no other host than ${excluded.join(', ')} that could take it.`;
    return { message, detail: `No valid host was found. ${none}` };
  }
  const reasons = refused.map(({ host, filter, reason }) => `${host} (${filter}): ${reason}`);
  return { message, detail: `No valid host was found. ${reasons.join('; ')}.` };
}

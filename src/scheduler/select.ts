// Why: where a server goes is a pure function of a snapshot: filter, weigh, order, and a reason for each host that was refused.
// It changes nothing; the caller claims, and asks again on a fresh snapshot when somebody was quicker.

import { limits } from '../base/limits.ts';
import { withClaim } from '../domain/claim.ts';
import type { Host } from '../domain/host.ts';
import {
  defaultFilters,
  defaultMultipliers,
  type FilterName,
  type FilterRow,
  filters,
  type WeigherName,
  type WeigherRow,
  weighers,
} from './index.ts';
import type { FilterContext, PlacementSpec } from './spec.ts';

export interface SelectOptions {
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Default: `limits.hostDownMs`. */
  readonly hostDownMs?: number;
  /** Default: all. */
  readonly filters?: readonly FilterName[];
  /** Default: 1 for each. */
  readonly multipliers?: Partial<Readonly<Record<WeigherName, number>>>;
}

export interface Refusal {
  readonly host: string;
  /** The filter that refused, or `RequestedDestination`. */
  readonly filter: FilterName | 'RequestedDestination';
  /** A clause such as `has not reported for 90 s`. */
  readonly reason: string;
}

/** The hosts that take the server, best first (none: no valid host), and why each other does not. */
export interface Selection {
  readonly hosts: readonly Host[];
  readonly refused: readonly Refusal[];
}

/** One host for each of `spec.count` servers, in order, or null with the reasons of the pick that failed. */
export interface ManySelection {
  readonly hosts: readonly Host[] | null;
  readonly refused: readonly Refusal[];
}

type NamedFilter = readonly [FilterName, FilterRow];

function isForced(spec: PlacementSpec): boolean {
  return spec.forcedHost !== null || spec.forcedNode !== null;
}

function offDestination(host: Host, spec: PlacementSpec): string | null {
  for (const wanted of [spec.forcedHost, spec.requestedHost]) {
    if (wanted !== null && wanted !== host.host) return `is not the host asked for (${wanted})`;
  }
  for (const wanted of [spec.forcedNode, spec.requestedNode]) {
    if (wanted !== null && wanted !== host.inventory.hypervisorHostname) {
      return `is not the hypervisor asked for (${wanted})`;
    }
  }
  return null;
}

/** The filters in force: a forced host is excused from those that are preferences. */
function filtersFor(spec: PlacementSpec, options: SelectOptions): NamedFilter[] {
  const forced = isForced(spec);
  return (options.filters ?? defaultFilters)
    .map((name): NamedFilter => [name, filters[name]])
    .filter(([, row]) => !forced || row.binding);
}

/** Splits hosts into those that pass, and the reasons for the others (appended to `refused`). */
function pass(
  hosts: readonly Host[],
  spec: PlacementSpec,
  rows: readonly NamedFilter[],
  context: FilterContext,
  refused: Refusal[],
): Host[] {
  return hosts.filter((host) => {
    for (const [name, row] of rows) {
      const reason = row.refuse(host, spec, context);
      if (reason === null) continue;
      refused.push({ host: host.host, filter: name, reason });
      return false;
    }
    return true;
  });
}

/** Scores as Nova's: each weigher scaled to 0..1 over the hosts at hand (all alike: 0), times its multiplier, summed. */
function scoresOf(hosts: readonly Host[], spec: PlacementSpec, options: SelectOptions): Float64Array {
  const scores = new Float64Array(hosts.length);
  const raw = new Float64Array(hosts.length);
  for (const [name, row] of Object.entries(weighers) as [WeigherName, WeigherRow][]) {
    const multiplier = options.multipliers?.[name] ?? defaultMultipliers[name];
    if (multiplier === 0) continue;
    let low = row.floor ?? Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    hosts.forEach((host, index) => {
      const weight = row.weigh(host, spec);
      raw[index] = row.floor === null ? weight : Math.max(weight, row.floor);
      low = Math.min(low, raw[index]);
      high = Math.max(high, raw[index]);
    });
    if (high === low) continue;
    for (let index = 0; index < raw.length; index += 1) {
      scores[index] = (scores[index] as number) + (multiplier * ((raw[index] as number) - low)) / (high - low);
    }
  }
  return scores;
}

const contextOf = (options: SelectOptions): FilterContext => ({
  nowMs: options.nowMs,
  hostDownMs: options.hostDownMs ?? limits.hostDownMs,
});

function atDestination(snapshot: readonly Host[], spec: PlacementSpec, refused: Refusal[]): readonly Host[] {
  return snapshot.filter((host) => {
    const reason = offDestination(host, spec);
    if (reason !== null) refused.push({ host: host.host, filter: 'RequestedDestination', reason });
    return reason === null;
  });
}

/** Where one server of the spec may go. Of equals the one that stands first in the snapshot comes first. */
export function select(snapshot: readonly Host[], spec: PlacementSpec, options: SelectOptions): Selection {
  const refused: Refusal[] = [];
  const there = atDestination(snapshot, spec, refused);
  const hosts = pass(there, spec, filtersFor(spec, options), contextOf(options), refused);
  const scores = scoresOf(hosts, spec, options);
  const order = hosts.map((_, index) => index).sort((a, b) => (scores[b] as number) - (scores[a] as number));
  return { hosts: order.map((index) => hosts[index] as Host), refused };
}

function indexOfBest(scores: Float64Array): number {
  let best = 0;
  for (let index = 1; index < scores.length; index += 1) {
    if ((scores[index] as number) > (scores[best] as number)) best = index;
  }
  return best;
}

/** Where all `spec.count` servers go, each placed with the ones before it counted in: all of them or none. */
export function selectMany(snapshot: readonly Host[], spec: PlacementSpec, options: SelectOptions): ManySelection {
  const rows = filtersFor(spec, options);
  const once = rows.filter(([, row]) => !row.everyPick);
  const everyPick = rows.filter(([, row]) => row.everyPick);
  const context = contextOf(options);
  const refused: Refusal[] = [];
  const original = new Map(snapshot.map((host) => [host.id, host]));
  let working = pass(atDestination(snapshot, spec, refused), spec, once, context, refused);
  const hosts: Host[] = [];
  for (let placed = 0; placed < spec.count; placed += 1) {
    // what refuses once refuses always: the working copy only fills up
    working = pass(working, spec, everyPick, context, refused);
    if (working.length === 0) return { hosts: null, refused };
    const index = indexOfBest(scoresOf(working, spec, options));
    const best = working[index] as Host;
    hosts.push(original.get(best.id) as Host);
    working[index] = {
      ...withClaim(best, { ...spec.minimum, diskGb: spec.diskGb }),
      ceiling: {
        vcpus: best.ceiling.vcpus + spec.maximum.vcpus,
        memoryMb: best.ceiling.memoryMb + spec.maximum.memoryMb,
      },
    };
  }
  return { hosts, refused };
}

/** The fault's text. The reasons name hosts, so they are for administrators (`detail`) only. */
export function noValidHost(refused: readonly Refusal[]): { readonly message: string; readonly detail: string } {
  const message = 'No valid host was found. There are not enough hosts available.';
  if (refused.length === 0) return { message, detail: 'No valid host was found. There are no hosts.' };
  const reasons = refused.map(({ host, filter, reason }) => `${host} (${filter}): ${reason}`);
  return { message, detail: `No valid host was found. ${reasons.join('; ')}.` };
}

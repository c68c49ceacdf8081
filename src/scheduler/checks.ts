// Why: whether a host takes a request is asked in one way, by the pass that places it and by the answer why not: every check of
// the request, in order, each with its name.

import { limits } from '../base/limits.ts';
import type { Candidate } from '../domain/placement/hosts.ts';
import { defaultFilters, type FilterName, filters, imageFilters } from './index.ts';
import {
  type Check,
  defaultSettings,
  type FilterContext,
  type FilterSettings,
  type ImageSpec,
  type PlacementSpec,
} from './spec.ts';

export interface CheckOptions {
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Default: `limits.hostDownMs`. */
  readonly hostDownMs?: number;
  /** Default: `defaultFilters`. */
  readonly filters?: readonly FilterName[];
  /** Default: `defaultSettings`. */
  readonly settings?: FilterSettings;
}

export interface Refusal {
  readonly host: string;
  /** The filter that refused, or `RequestedDestination`. */
  readonly filter: FilterName | 'RequestedDestination';
  /** A clause such as `has not reported for 90 s`. */
  readonly reason: string;
}

export interface NamedCheck {
  readonly name: Refusal['filter'];
  readonly check: Check;
}

const isForced = (spec: PlacementSpec): boolean => spec.forcedHost !== null || spec.forcedNode !== null;

/** Whether a host is the one asked for; null: none was. */
function destinationCheck(spec: PlacementSpec): Check | null {
  const hosts = [spec.forcedHost, spec.requestedHost].filter((wanted) => wanted !== null);
  const nodes = [spec.forcedNode, spec.requestedNode].filter((wanted) => wanted !== null);
  if (hosts.length + nodes.length === 0) return null;
  return ({ host, inventory }) => {
    for (const wanted of hosts) if (wanted !== host) return `is not the host asked for (${wanted})`;
    for (const wanted of nodes) {
      if (wanted !== inventory.hypervisorHostname) return `is not the hypervisor asked for (${wanted})`;
    }
    return null;
  };
}

const contextOf = ({
  nowMs,
  hostDownMs = limits.hostDownMs,
  settings = defaultSettings,
}: CheckOptions): FilterContext => ({ nowMs, hostDownMs, settings });

/** The checks of the host of a server that is built anew from another image. */
export const imageChecksOf = (spec: ImageSpec, options: CheckOptions): NamedCheck[] =>
  (options.filters ?? defaultFilters).flatMap((name) => {
    const check = imageFilters[name]?.(spec, contextOf(options)) ?? null;
    return check === null ? [] : [{ name, check }];
  });

/** The checks of a request in their order; a forced host is excused from those that are preferences. */
export function checksOf(
  spec: PlacementSpec,
  options: CheckOptions,
  kind: 'once' | 'everyPick' | 'all' = 'all',
): NamedCheck[] {
  const context = contextOf(options);
  const forced = isForced(spec);
  const checks: NamedCheck[] = [];
  const add = (name: Refusal['filter'], check: Check | null) => {
    if (check !== null) checks.push({ name, check });
  };
  if (kind !== 'everyPick') add('RequestedDestination', destinationCheck(spec));
  for (const name of options.filters ?? defaultFilters) {
    const row = filters[name];
    if (forced && !row.binding) continue;
    if (kind === 'all' || row.everyPick === (kind === 'everyPick')) add(name, row.prepare(spec, context));
  }
  return checks;
}

export function refusalOf(host: Candidate, checks: readonly NamedCheck[]): Refusal | null {
  for (const { name, check } of checks) {
    const reason = check(host);
    if (reason !== null) return { host: host.host, filter: name, reason };
  }
  return null;
}

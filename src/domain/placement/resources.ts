// Why: operators count more on a host than vCPUs, memory and disk: licences, seats of a dongle, accelerators. A host offers so many of
// each kind, a flavor takes some (`resources:CUSTOM_LICENSE` = `2`), and what is taken is claimed as everything else.

import { diskGbOf, type FlavorSnapshot, maximumOf } from '../machines/flavors.ts';
import type { Host } from './hosts.ts';
import { askedResources, overridden, overridesOf, type Resources } from './resource-specs.ts';
import type { Size } from '../adjustment/size.ts';

const inOrder = (amounts: ReadonlyMap<string, number>): Resources | null => {
  const some = [...amounts].filter(([, amount]) => amount !== 0).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return some.length === 0 ? null : Object.fromEntries(some);
};

/** What is taken of a host, with some more taken or given back. */
export function withResources(used: Resources | null, some: Resources | null, sign: 1 | -1): Resources | null {
  const sum = new Map(Object.entries(used ?? {}));
  for (const [kind, amount] of Object.entries(some ?? {})) sum.set(kind, (sum.get(kind) ?? 0) + sign * amount);
  return inOrder(sum);
}

type Flavored = Pick<FlavorSnapshot, 'vcpus' | 'memoryMb' | 'rootGb' | 'ephemeralGb' | 'swapMb' | 'extraSpecs'>;

/** What operators count: not what comes with a server's size, disks and processors. */
const asked = ({ extraSpecs }: Pick<Flavored, 'extraSpecs'>) =>
  askedResources(extraSpecs).filter(
    ({ kind, amount }) => kind !== 'PCPU' && !Object.hasOwn(overridden, kind) && amount > 0,
  );

/**
 * What a flavor takes of its host, all groups together; null: nothing.
 * @param pinned how many vCPUs get processors of their own: with any of these no override says how many share the others
 */
export function resourcesOf(flavor: Flavored, pinned: number): Resources | null {
  const sum = new Map<string, number>();
  for (const { kind, amount } of asked(flavor)) sum.set(kind, (sum.get(kind) ?? 0) + amount);
  const own: Amounts = { ...maximumOf(flavor), diskGb: diskGbOf(flavor) };
  const { VCPU, ...others } = overridesOf(flavor.extraSpecs);
  for (const [kind, amount] of Object.entries(pinned > 0 || VCPU === undefined ? others : { ...others, VCPU })) {
    sum.set(kind, amount - own[overridden[kind as keyof typeof overridden]]);
  }
  return inOrder(sum);
}

/** Amounts of a host: vCPUs, MiB, GiB. */
export interface Amounts extends Size {
  readonly diskGb: number;
}

/** What a server, or all on a host, take of its room: their own amounts where no override says otherwise. */
export function roomTaken<A extends Size | Amounts>(amounts: A, resources: Resources | null): A {
  if (resources === null) return amounts;
  return {
    ...amounts,
    vcpus: amounts.vcpus + (resources['VCPU'] ?? 0),
    memoryMb: amounts.memoryMb + (resources['MEMORY_MB'] ?? 0),
    ...('diskGb' in amounts ? { diskGb: amounts.diskGb + (resources['DISK_GB'] ?? 0) } : {}),
  };
}

/** Whether a flavor wants its groups of resources from different providers, which are all one host here. */
export const wantsApart = (flavor: Pick<Flavored, 'extraSpecs'>): boolean =>
  flavor.extraSpecs['group_policy'] === 'isolate' &&
  new Set(asked(flavor).flatMap(({ group }) => (group === '' ? [] : [group]))).size > 1;

/** Why a host cannot give these in addition, as a clause; null: it can. */
export function resourcesProblem(
  { inventory, resourcesUsed }: Pick<Host, 'inventory' | 'resourcesUsed'>,
  wanted: Resources | null,
): string | null {
  const short = Object.entries(wanted ?? {}).flatMap(([kind, amount]) => {
    if (Object.hasOwn(overridden, kind)) return [];
    const free = Math.max(0, (inventory.facts.resources?.[kind] ?? 0) - (resourcesUsed?.[kind] ?? 0));
    return amount > free ? [`${amount} ${kind} (${free} free)`] : [];
  });
  return short.length === 0 ? null : `cannot give ${short.join(' and ')}`;
}

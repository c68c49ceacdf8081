// Why: operators count more on a host than vCPUs, memory and disk: licences, seats of a dongle, accelerators. A host offers so many of
// each kind, a flavor takes some (`resources:CUSTOM_LICENSE` = `2`), and what is taken is claimed as everything else.

import { wholeNumber } from './flavor.ts';
import type { Host } from './host.ts';

/** Amounts by kind, each above zero, in the order of the alphabet: the same amounts are the same text. */
export type Resources = Readonly<Record<string, number>>;

const inOrder = (amounts: ReadonlyMap<string, number>): Resources | null => {
  const some = [...amounts].filter(([, amount]) => amount > 0).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return some.length === 0 ? null : Object.fromEntries(some);
};

/** What is taken of a host, with some more taken or given back. */
export function withResources(used: Resources | null, some: Resources | null, sign: 1 | -1): Resources | null {
  const sum = new Map(Object.entries(used ?? {}));
  for (const [kind, amount] of Object.entries(some ?? {})) sum.set(kind, (sum.get(kind) ?? 0) + sign * amount);
  return inOrder(sum);
}

/** Counted by the server's size, disks and processors, and not here. */
const sizes: ReadonlySet<string> = new Set(['VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB']);

const RESOURCE = /^resources([a-zA-Z0-9_-]{1,64})?:(.+)$/;

/** The extra specs that ask for resources: group (empty: none), kind, amount. What is no amount says nothing, as in Nova. */
const asked = (extraSpecs: Readonly<Record<string, string>>) =>
  Object.entries(extraSpecs).flatMap(([key, value]) => {
    const [, group = '', kind] = RESOURCE.exec(key) ?? [];
    const amount = wholeNumber(value);
    return kind === undefined || sizes.has(kind) || amount === null || amount === 0 ? [] : [{ group, kind, amount }];
  });

/** What a flavor takes of its host, all groups together; null: nothing. */
export function resourcesOf({
  extraSpecs,
}: {
  readonly extraSpecs: Readonly<Record<string, string>>;
}): Resources | null {
  const sum = new Map<string, number>();
  for (const { kind, amount } of asked(extraSpecs)) sum.set(kind, (sum.get(kind) ?? 0) + amount);
  return inOrder(sum);
}

/** Whether a flavor wants its groups of resources from different providers, which are all one host here. */
export const wantsApart = ({ extraSpecs }: { readonly extraSpecs: Readonly<Record<string, string>> }): boolean =>
  extraSpecs['group_policy'] === 'isolate' &&
  new Set(asked(extraSpecs).flatMap(({ group }) => (group === '' ? [] : [group]))).size > 1;

/** Why a host cannot give these in addition, as a clause; null: it can. */
export function resourcesProblem(
  { inventory, resourcesUsed }: Pick<Host, 'inventory' | 'resourcesUsed'>,
  wanted: Resources | null,
): string | null {
  const short = Object.entries(wanted ?? {}).flatMap(([kind, amount]) => {
    const free = Math.max(0, (inventory.facts.resources?.[kind] ?? 0) - (resourcesUsed?.[kind] ?? 0));
    return amount > free ? [`${amount} ${kind} (${free} free)`] : [];
  });
  return short.length === 0 ? null : `cannot give ${short.join(' and ')}`;
}

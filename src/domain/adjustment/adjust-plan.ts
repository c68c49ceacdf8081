// Why: before anything is asked of a host, people want to know what would happen: which ways there are to a size, why not the
// others, and how far the server could go. The same decisions as those that an adjustment meets, asked all at once.

import { type AdjustSubject, FIXED_UNTIL_START, planAdjust } from './adjust.ts';
import type { AdjustRequest } from './adjust-request.ts';
import { fits, freeOf } from '../placement/claims.ts';
import { maximumOf, memoryWithin } from '../machines/flavors.ts';
import type { Host, HostCapabilities } from '../placement/hosts.ts';
import { type QuotaAccounts, quotaProblem, serverRoom } from '../placement/quota-sets.ts';
import type { Size } from './size.ts';

export interface AdjustFacts {
  readonly server: AdjustSubject;
  /** What the server holds of its host and its quota now. */
  readonly claimed: Size;
  readonly quota: QuotaAccounts;
  /** Null: the server has none. */
  readonly host: Host | null;
  readonly hostUp: boolean;
  /** What of the server's state forbids an adjustment and a live migration, in the words of their 409s; null: nothing. */
  readonly refused: { readonly adjust: string | null; readonly liveMigrate: string | null };
}

export interface Reason {
  /** What stands in the way: the request itself, the server's state or lock, its host, the host's driver, room, or the quota. */
  readonly code: 'bounds' | 'state' | 'host' | 'driver' | 'room' | 'quota';
  readonly message: string;
}

/** Possible where nothing speaks against it. */
export interface Way {
  readonly reasons: readonly Reason[];
}

export interface AdjustOutlook {
  readonly result: 'live' | 'live_after_migration' | 'next_boot' | 'refused';
  readonly target: Size;
  /** What would be claimed and counted in addition. */
  readonly grows: Size;
  readonly live: Way;
  readonly afterMigration: Way & { readonly hosts: readonly Host[] };
  readonly nextBoot: Way;
  /** The most that each part may have here and now, the other left as it is; null without a host. */
  readonly largest: Size | null;
}

/** What the server would claim once it has the size; null where the wish itself is refused. Decides which other hosts to ask. */
export function claimRequested({ server, claimed }: AdjustFacts, want: AdjustRequest): Size | null {
  const plan = planAdjust(server, want, claimed);
  return plan.ok ? plan.claim : null;
}

function largestHere({ server, claimed, quota, host }: AdjustFacts): Size | null {
  if (host === null) return null;
  const maximum = maximumOf(server.flavor);
  const free = freeOf(host);
  const room = serverRoom(quota);
  return {
    vcpus: Math.min(maximum.vcpus, claimed.vcpus + Math.min(free.vcpus, room.cores)),
    memoryMb: memoryWithin(server.flavor, claimed.memoryMb + Math.min(free.memoryMb, room.ram)),
  };
}

const reason = (code: Reason['code'], message: string | null): Reason[] =>
  message === null ? [] : [{ code, message }];

/** Whether a driver changes these parts while the guest runs; its words where it does not. */
function liveProblem(capabilities: HostCapabilities, from: Size, to: Size): string | null {
  if (from.vcpus !== to.vcpus && !capabilities.liveVcpus) return "The host's driver cannot change vCPUs live.";
  if (from.memoryMb !== to.memoryMb && !capabilities.liveMemory) return "The host's driver cannot change memory live.";
  return null;
}

/**
 * What would come of a wish. `elsewhere`: the other hosts to which the server could move live with what it would claim
 * (`claimRequested`), best first.
 */
export function adjustOutlook(facts: AdjustFacts, want: AdjustRequest, elsewhere: readonly Host[]): AdjustOutlook {
  const { server, claimed, quota, host, hostUp, refused } = facts;
  const current = { vcpus: server.currentVcpus, memoryMb: server.currentMemoryMb };
  const largest = largestHere(facts);
  const plan = planAdjust(server, want, claimed);
  if (!plan.ok) {
    const refused = { reasons: reason(plan.kind === 'badRequest' ? 'bounds' : 'state', plan.message) };
    const target = { vcpus: want.vcpus ?? current.vcpus, memoryMb: want.memoryMb ?? current.memoryMb };
    const afterMigration = { ...refused, hosts: [] };
    const ways = { live: refused, afterMigration, nextBoot: refused };
    return { result: 'refused', target, grows: { vcpus: 0, memoryMb: 0 }, ...ways, largest };
  }
  const { target, grows } = plan;
  const counted = reason('quota', quotaProblem(quota, { instances: 0, cores: grows.vcpus, ram: grows.memoryMb }));
  const noRoom = host === null ? null : fits(host, grows);
  const room = reason('room', noRoom === null ? null : `${noRoom.text}.`);
  const reachable = reason('host', hostUp ? null : "The server's host does not answer.");
  const off = server.vmState === 'active' ? FIXED_UNTIL_START : 'The server does not run: it boots with the size.';
  const runs = reason('state', plan.when === 'live' ? null : off);
  const capable = (one: Host) => liveProblem(one.inventory.facts.capabilities, current, target);
  const driver = host === null ? [] : reason('driver', capable(host));

  const live = [...reason('state', refused.adjust), ...runs, ...reachable, ...driver, ...counted, ...room];
  const needless = plan.when === 'live' && driver.length === 0;
  const nextBoot = [
    ...reason('state', refused.adjust),
    ...reason('state', needless ? 'The server runs and is changed at once, not at its next boot.' : null),
    ...counted,
    ...room,
  ];
  const hosts = elsewhere.filter((one) => capable(one) === null);
  const migrates = host?.inventory.facts.capabilities.verbs.includes('liveMigrate') ?? false;
  const afterMigration = [
    ...reason('state', refused.liveMigrate),
    ...runs,
    ...reachable,
    ...reason('driver', migrates ? null : "The host's driver cannot migrate a running server."),
    ...counted,
    ...reason('room', hosts.length > 0 ? null : 'No other host that servers can move to has room for it.'),
  ];
  const ways = [
    ['live', live],
    ['live_after_migration', afterMigration],
    ['next_boot', nextBoot],
  ] as const;
  return {
    result: ways.find(([, reasons]) => reasons.length === 0)?.[0] ?? 'refused',
    target,
    grows,
    live: { reasons: live },
    afterMigration: { reasons: afterMigration, hosts: afterMigration.length === 0 ? hosts : [] },
    nextBoot: { reasons: nextBoot },
    largest,
  };
}

// Why: growing and shrinking is decided here and nowhere else, without I/O: what a request means for a server (or why not),
// and what its row says once the guest has answered.

import { areAmounts, invariant } from '../../base/invariant.ts';
import { claimOf } from '../placement/claims.ts';
import { maximumOf, memoryFor, minimumOf } from '../machines/flavors.ts';
import { type AdjustOutcome, type GuestView, heldOf, type PartOutcome } from '../servers/guests.ts';
import { type AdjustStatus, power, type Server } from '../servers/servers.ts';
import type { AdjustRequest } from './adjust-request.ts';
import { isOnItsWay, type MemoryMethod, memoryLaws, memoryMethodOf } from './memory-method.ts';
import { largerOf, type Size, sameSize } from './size.ts';

export type AdjustPlan =
  | {
      readonly ok: true;
      /** `live`: the agent is asked. `nextBoot`: only stored; the next power cycle takes it. */
      readonly when: 'live' | 'nextBoot';
      /** Absolute. */
      readonly target: Size;
      /** The size of the next power cycle if the target is reached. */
      readonly boot: Size;
      readonly persist: boolean;
      /** What must be claimed before the guest is asked, and stays claimed until it has answered. Absolute. */
      readonly claim: Size;
      /** `claim` less what is claimed already: what must fit on the host and in the quota. Never negative. */
      readonly grows: Size;
    }
  | { readonly ok: false; readonly kind: 'badRequest' | 'conflict'; readonly message: string };

/** What of a server an adjustment reads. */
export type AdjustSubject = Pick<
  Server,
  | 'uuid'
  | 'vmState'
  | 'taskState'
  | 'flavor'
  | 'currentVcpus'
  | 'currentMemoryMb'
  | 'targetVcpus'
  | 'targetMemoryMb'
  | 'bootVcpus'
  | 'bootMemoryMb'
  | 'adjustStatus'
  | 'adjustMessage'
  | 'adjustUpdatedAt'
>;

/**
 * Whether a start is still settling. A balloon begins at the maximum, virtio-mem at the minimum, and comes to the server's size
 * when the guest's driver loads, seconds after the guest began to run: until then the row says `adjusting` although no action
 * is under way, and `adjustUpdatedAt` is when the waiting began.
 */
export function isSettling(server: Pick<Server, 'taskState' | 'adjustStatus'>): boolean {
  return server.adjustStatus === 'adjusting' && server.taskState === null;
}

/** Milliseconds that a start may still take to settle, of `limitMs` in all; 0 where nothing settles. */
export function settlingLeftMs(
  server: Pick<Server, 'taskState' | 'adjustStatus' | 'adjustUpdatedAt'>,
  nowMs: number,
  limitMs: number,
): number {
  return isSettling(server) ? Math.max(0, (server.adjustUpdatedAt ?? 0) + limitMs - nowMs) : 0;
}

const currentOf = (server: AdjustSubject): Size => ({ vcpus: server.currentVcpus, memoryMb: server.currentMemoryMb });
const bootOf = (server: AdjustSubject): Size => ({ vcpus: server.bootVcpus, memoryMb: server.bootMemoryMb });

function outOfRange(field: string, value: number, minimum: number, maximum: number, unit: string): string | null {
  if (Number.isSafeInteger(value) && value >= minimum && value <= maximum) return null;
  return `Invalid ${field} ${value}: this server may have at least ${minimum} and at most ${maximum} ${unit}.`;
}

/** Why a guest that was taken over as it ran keeps its size. */
export const FIXED_UNTIL_START =
  'The server runs as Nova started it: its size can change from its next start on, and a reboot, soft or hard, is one.';

/**
 * What a wish means for this server. Pure; whether the move is legal in its state is for `moves`, whether the growth fits
 * is for `claim`. `claimed` is what the server holds of its host now (more than its current size while an unplug is pending).
 */
export function planAdjust(server: AdjustSubject, want: AdjustRequest, claimed: Size): AdjustPlan {
  if (want.vcpus === null && want.memoryMb === null) {
    return { ok: false, kind: 'badRequest', message: 'Either current_vcpus or current_memory_mb must be given.' };
  }
  const minimum = minimumOf(server.flavor);
  const maximum = maximumOf(server.flavor);
  const bad = [
    want.vcpus === null ? null : outOfRange('current_vcpus', want.vcpus, minimum.vcpus, maximum.vcpus, 'vCPUs'),
    want.memoryMb === null
      ? null
      : outOfRange('current_memory_mb', want.memoryMb, minimum.memoryMb, maximum.memoryMb, 'MiB of memory'),
  ].filter((message) => message !== null);
  if (bad.length > 0) return { ok: false, kind: 'badRequest', message: bad.join(' ') };

  // a guest that does not run cannot confirm anything: what it shall have is kept for its next power cycle
  const fixed = server.flavor.startedElsewhere === true;
  const live = server.vmState === 'active' && !fixed;
  if (!live && !want.persist) {
    if (fixed && server.vmState === 'active') return { ok: false, kind: 'conflict', message: FIXED_UNTIL_START };
    return {
      ok: false,
      kind: 'conflict',
      message:
        `Instance ${server.uuid} is in vm_state ${server.vmState}: ` +
        'a size with persist false ends with the next power cycle, so it needs a running server.',
    };
  }
  const asked = (base: Size): Size => ({
    vcpus: want.vcpus ?? base.vcpus,
    memoryMb: want.memoryMb === null ? base.memoryMb : memoryFor(server.flavor, want.memoryMb),
  });
  const boot = want.persist ? asked(bootOf(server)) : bootOf(server);
  // a start that settles goes on towards its size, but for what the wish puts in its place
  const base = isSettling(server) ? { vcpus: server.currentVcpus, memoryMb: server.targetMemoryMb } : currentOf(server);
  const target = live ? asked(base) : boot;
  const claim = largerOf(claimed, claimOf(minimum, target, boot));
  const grows = { vcpus: claim.vcpus - claimed.vcpus, memoryMb: claim.memoryMb - claimed.memoryMb };
  invariant(
    areAmounts(grows.vcpus, grows.memoryMb),
    `what server ${server.uuid} claims does not shrink before its guest did`,
  );
  return { ok: true, when: live ? 'live' : 'nextBoot', target, boot, persist: want.persist, claim, grows };
}

/** In which order the parts move: room comes before load, load goes before room. Parts that stay are not listed. */
export function adjustOrder(before: Size, target: Size): readonly ('vcpus' | 'memoryMb')[] {
  const vcpus = before.vcpus === target.vcpus ? [] : (['vcpus'] as const);
  if (target.memoryMb > before.memoryMb) return ['memoryMb', ...vcpus];
  if (target.memoryMb < before.memoryMb) return [...vcpus, 'memoryMb'];
  return vcpus;
}

/** The columns that an answer changes, and the claim that remains. */
export interface AdjustSettlement {
  readonly server: Pick<
    Server,
    | 'currentVcpus'
    | 'currentMemoryMb'
    | 'targetVcpus'
    | 'targetMemoryMb'
    | 'bootVcpus'
    | 'bootMemoryMb'
    | 'guestOnlineVcpus'
    | 'guestAvailableMb'
    | 'adjustStatus'
    | 'adjustMessage'
  >;
  /** Absolute. Above what was claimed before only where the guest holds more than it was to get: then it is the truth. */
  readonly claimed: Size;
  /** Whether the action ends `Success`; else `Error` with `adjustMessage`. */
  readonly success: boolean;
}

const within = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/**
 * What the row says once a live adjustment was answered: what the guest has, not what was asked. `plannedBoot` is the plan's
 * `boot`. Where it moves a part, the next power cycle keeps what was reached of it; a part that the host could only store
 * (`next-boot`) is kept as asked. The claim falls to what the guest may still hold.
 */
export function settleAdjust(server: AdjustSubject, plannedBoot: Size, outcome: AdjustOutcome): AdjustSettlement {
  const minimum = minimumOf(server.flavor);
  const stored = outcome.vcpus.method === 'next-boot' || outcome.memoryMb.method === 'next-boot';

  // what a guest says it reached counts between the old size and the asked one only: no guest gives itself a larger next boot
  const bootPart = (part: PartOutcome, before: number, planned: number): number =>
    part.method === 'next-boot' ? planned : within(part.reached, Math.min(before, planned), Math.max(before, planned));
  const boot = {
    vcpus: bootPart(outcome.vcpus, server.bootVcpus, plannedBoot.vcpus),
    memoryMb: bootPart(outcome.memoryMb, server.bootMemoryMb, plannedBoot.memoryMb),
  };
  const told = [outcome.vcpus, outcome.memoryMb].flatMap(({ target, reached, held }) => [target, reached, held]);
  invariant(
    areAmounts(...told),
    () => `what a guest of ${server.uuid} has is whole numbers from 0 (${told.join(', ')})`,
  );
  const missed: string[] = [];
  const judge = (part: PartOutcome, name: string, unit: string): void => {
    if (part.problem === null && (part.reached === part.target || part.method === 'next-boot')) return;
    const why = part.problem === null ? '' : `: ${part.problem}`;
    missed.push(`${name}: ${part.reached}${unit} of ${part.target}${unit} reached${why}`);
  };
  judge(outcome.vcpus, 'vCPUs', '');
  judge(outcome.memoryMb, 'memory', ' MiB');

  const reached = { vcpus: outcome.vcpus.reached, memoryMb: outcome.memoryMb.reached };
  const moved = !sameSize(reached, currentOf(server));
  let status: AdjustStatus = stored ? 'pending_reboot' : 'idle';
  if (missed.length > 0) status = moved ? 'partial' : 'error';
  return {
    server: {
      currentVcpus: reached.vcpus,
      currentMemoryMb: reached.memoryMb,
      targetVcpus: outcome.vcpus.target,
      targetMemoryMb: outcome.memoryMb.target,
      bootVcpus: boot.vcpus,
      bootMemoryMb: boot.memoryMb,
      guestOnlineVcpus: outcome.view.onlineVcpus,
      guestAvailableMb: outcome.view.availableMb,
      adjustStatus: status,
      adjustMessage: missed.length > 0 ? missed.join('; ') : null,
    },
    claimed: claimOf(minimum, largerOf({ vcpus: outcome.vcpus.held, memoryMb: outcome.memoryMb.held }, reached), boot),
    success: missed.length === 0,
  };
}

/** What the row says at once when a size was only stored for the next power cycle (a server that is off or paused). */
export function settleStored(
  server: AdjustSubject & Pick<Server, 'guestOnlineVcpus' | 'guestAvailableMb'>,
  plan: AdjustPlan & { readonly ok: true },
): AdjustSettlement {
  const off = server.vmState === 'stopped';
  return {
    server: {
      currentVcpus: server.currentVcpus,
      currentMemoryMb: server.currentMemoryMb,
      targetVcpus: plan.target.vcpus,
      targetMemoryMb: plan.target.memoryMb,
      bootVcpus: plan.boot.vcpus,
      bootMemoryMb: plan.boot.memoryMb,
      guestOnlineVcpus: server.guestOnlineVcpus,
      guestAvailableMb: server.guestAvailableMb,
      adjustStatus: sameSize(currentOf(server), plan.boot) ? 'idle' : 'pending_reboot',
      adjustMessage: null,
    },
    // a paused guest keeps what it has; one that is off holds nothing
    claimed: off ? claimOf(minimumOf(server.flavor), plan.boot, plan.boot) : plan.claim,
    success: true,
  };
}

/**
 * What the row says of sizes after a power cycle, or when the host tells that a guest's state changed: for one that runs, what
 * it has; for one that is off, what it will boot with. Ends a wait for the reboot. `started`: it began to run just now, so its
 * memory may be on its way to its size: the start settles, with only the size claimed, since memory above it that a booting
 * guest has not touched costs nothing.
 */
export function settlePower(server: AdjustSubject, view: GuestView, started: boolean): AdjustSettlement {
  const off = view.powerState === power.shutdown || view.powerState === power.crashed;
  // what it will have when it goes on; its host can't tell as long as its memory lies on disk
  const stored = view.powerState === power.suspended;
  const boot = bootOf(server);
  const has = off ? boot : stored ? currentOf(server) : heldOf(view);
  const minimum = minimumOf(server.flavor);
  const method = memoryMethodOf(server.flavor);
  const mayMove = !off && !stored && (started || isSettling(server));
  const settles = mayMove && isOnItsWay(method, has.memoryMb, boot.memoryMb);
  return {
    server: {
      ...(off || stored ? offColumns(has) : seenColumns(view)),
      targetVcpus: boot.vcpus,
      targetMemoryMb: boot.memoryMb,
      bootVcpus: boot.vcpus,
      bootMemoryMb: boot.memoryMb,
      adjustStatus: settles ? 'adjusting' : 'idle',
      adjustMessage: settles ? waitingFor(method, has.memoryMb, boot.memoryMb) : null,
    },
    claimed: claimOf(minimum, settles ? { ...has, memoryMb: 0 } : has, boot),
    success: true,
  };
}

const offColumns = ({ vcpus, memoryMb }: Size) => ({
  currentVcpus: vcpus,
  currentMemoryMb: memoryMb,
  guestOnlineVcpus: null,
  guestAvailableMb: null,
});

// vCPUs that are plugged but offline inside are held, not had
const seenColumns = ({ size, onlineVcpus, availableMb }: GuestView) => ({
  currentVcpus: Math.min(size.vcpus, onlineVcpus ?? size.vcpus),
  currentMemoryMb: size.memoryMb,
  guestOnlineVcpus: onlineVcpus,
  guestAvailableMb: availableMb,
});

const driverOf = (method: MemoryMethod): string => `${memoryLaws[method].device} driver`;

const waitingFor = (method: MemoryMethod, hasMb: number, targetMb: number): string =>
  `Waiting for the guest's ${driverOf(method)}: ${hasMb} MiB until it is loaded, ${targetMb} MiB then.`;

/** Without statistics nothing inside speaks for the balloon; with them a driver is there and keeps what it has. */
function missed(method: MemoryMethod, { size, availableMb }: GuestView, targetMb: number): string {
  const why = {
    balloon:
      availableMb === null
        ? `the guest seems to have no ${driverOf(method)}`
        : `the guest's ${driverOf(method)} gives back no more`,
    'virtio-mem': `the guest has no ${driverOf(method)}, or takes no more`,
  };
  return `memory: ${size.memoryMb} MiB of ${targetMb} MiB reached: ${why[method]}`;
}

/**
 * What the row says of a running guest that was looked at while no action is under way. A start settles when its memory is at
 * its size, or with `partial` when `overdue`; until then only the size stays claimed. Otherwise the row and the claim follow
 * the guest, and memory that came late mends what it had missed.
 */
export function settleSeen(server: AdjustSubject, view: GuestView, overdue: boolean): AdjustSettlement {
  const boot = bootOf(server);
  const minimum = minimumOf(server.flavor);
  const targetMb = server.targetMemoryMb;
  const unseen = server.adjustStatus === 'unseen';
  const columns = {
    ...seenColumns(view),
    // without an answer from inside, vCPUs that we know to be offline in there stay so; after an adjustment of which nobody saw
    // what came of it we know nothing, and all that are plugged may be in use
    currentVcpus: view.onlineVcpus ?? (unseen ? view.size.vcpus : Math.min(server.currentVcpus, view.size.vcpus)),
    targetVcpus: server.targetVcpus,
    targetMemoryMb: targetMb,
    bootVcpus: boot.vcpus,
    bootMemoryMb: boot.memoryMb,
  };
  const method = memoryMethodOf(server.flavor);
  const onItsWay = isOnItsWay(method, view.size.memoryMb, targetMb);
  const settling = isSettling(server);
  if (settling && onItsWay && !overdue) {
    const adjustMessage = waitingFor(method, view.size.memoryMb, targetMb);
    const waits = { adjustStatus: 'adjusting', adjustMessage } as const;
    return {
      server: { ...columns, ...waits },
      claimed: claimOf(minimum, { vcpus: heldOf(view).vcpus, memoryMb: targetMb }, boot),
      success: true,
    };
  }
  const claimed = claimOf(minimum, heldOf(view), boot);
  if (settling && onItsWay) {
    const partial = { adjustStatus: 'partial', adjustMessage: missed(method, view, targetMb) } as const;
    return { server: { ...columns, ...partial }, claimed, success: false };
  }
  const mended =
    server.adjustStatus === 'partial' &&
    columns.currentMemoryMb === targetMb &&
    columns.currentVcpus === server.targetVcpus;
  const ends = settling || mended;
  return {
    server: {
      ...columns,
      adjustStatus: ends ? 'idle' : unseen ? 'error' : server.adjustStatus,
      adjustMessage: ends ? null : server.adjustMessage,
    },
    claimed,
    success: true,
  };
}

// Why: a day, replayed on one cloud in one way, by the program's own decisions: `select` places, `planAdjust` says what a wish
// means, `fits` whether growth has room, `settleAdjust` what stays claimed. Guests confirm at once: they take seconds, a tick minutes.

import { limits } from '../../src/base/limits.ts';
import { type AdjustPlan, type AdjustSubject, planAdjust, settleAdjust } from '../../src/domain/adjustment/adjust.ts';
import { capacityOf, fits, withClaim } from '../../src/domain/placement/claims.ts';
import { maximumOf, minimumOf } from '../../src/domain/machines/flavors.ts';
import type { AdjustMethod, GuestView } from '../../src/domain/servers/guests.ts';
import type { Candidate } from '../../src/domain/placement/hosts.ts';
import { power } from '../../src/domain/servers/servers.ts';
import type { Size } from '../../src/domain/adjustment/size.ts';
import { select } from '../../src/scheduler/select.ts';
import type { PlacementSpec } from '../../src/scheduler/spec.ts';
import { aHost, aPlacement, aServer, NOW_MS } from '../../test/support/samples.ts';
import { DAY_TICKS, TICK_MINUTES, type Visitor } from './day.ts';
import type { Way } from './ways.ts';

/** 48 threads, each for four vCPUs, and 384 GiB, each for one. */
const HOST = { vcpus: 48, memoryMb: 384 * 1_024, diskGb: 8_000 };
const RATIOS = { cpu: 4, ram: 1, disk: 1 };
/** A server that needs less gives back after so many ticks of it. */
const CALM_TICKS = 3;

/** What is seen at each tick; memory in MiB. */
export interface Series {
  readonly needed: number[];
  readonly held: number[];
  readonly claimed: number[];
  /** Servers that were refused growth and still want it. */
  readonly waiting: number[];
  /** Hosts on which guests have more than the host's size times its ratio. */
  readonly over: number[];
}

export interface Replay {
  readonly way: Way;
  readonly hosts: number;
  readonly capacityMb: number;
  readonly creates: number;
  readonly refusedCreates: number;
  /** A server that wants to grow counts once until it has grown or wants no more. */
  readonly growths: number;
  readonly refusedGrowths: number;
  /** Of those refused, the ones for which another host had room at that moment. */
  readonly migrationsToGrow: number;
  readonly waitingServerHours: number;
  readonly overHostHours: number;
  /** The most that guests had of a host, as a share of its size times its ratio. */
  readonly worstHost: number;
  /** The fewest servers to move away from hosts beyond their ratio, each time one gets there, until it is not. */
  readonly migrationsToRelieve: number;
  readonly series: Series;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Guest {
  readonly visitor: Visitor;
  /** Its row, as far as an adjustment reads and writes it. */
  readonly row: Mutable<AdjustSubject>;
  readonly maximum: Size;
  readonly diskGb: number;
  readonly host: number;
  claimed: Size;
  calmTicks: number;
  waits: boolean;
}

const current = ({ row }: Guest): Size => ({ vcpus: row.currentVcpus, memoryMb: row.currentMemoryMb });
const minus = (a: Size, b: Size): Size => ({ vcpus: a.vcpus - b.vcpus, memoryMb: a.memoryMb - b.memoryMb });

/** How a guest answers that does as it is told. */
function confirmed(uuid: string, maximum: Size, { vcpus, memoryMb }: Size) {
  const part = (target: number, method: AdjustMethod) =>
    ({ target, reached: target, held: target, confirmedBy: 'guest', method, problem: null }) as const;
  const size = { vcpus, memoryMb };
  const seen = { onlineVcpus: vcpus, availableMb: memoryMb };
  const view: GuestView = { uuid, powerState: power.running, size, maximum, ...seen };
  return { vcpus: part(vcpus, 'hotplug'), memoryMb: part(memoryMb, 'balloon'), view };
}

class Cloud {
  readonly hosts: Candidate[];
  readonly capacity: Size;
  readonly guests = new Set<Guest>();
  private readonly way: Way;
  /** What guests have, host by host. */
  private readonly held: Mutable<Size>[];
  /** By host that is beyond its ratio now: the most servers that had to move since it got there. */
  private readonly relief = new Map<number, number>();
  private looked = 0;
  readonly counts = { creates: 0, refusedCreates: 0, growths: 0, refusedGrowths: 0, migrationsToGrow: 0 };
  readonly overs = { migrationsToRelieve: 0, worstHost: 0 };

  constructor(way: Way, hosts: number) {
    this.way = way;
    this.hosts = Array.from({ length: hosts }, (_, id) => {
      const host = aHost(`host-${id}`, { id, ratios: RATIOS });
      return { ...host, inventory: { ...host.inventory, ...HOST } };
    });
    this.capacity = capacityOf(this.hosts[0] as Candidate);
    this.held = this.hosts.map(() => ({ vcpus: 0, memoryMb: 0 }));
  }

  private hostOf(guest: Guest): Candidate {
    return this.hosts[guest.host] as Candidate;
  }

  /** Changes what is claimed for a guest; `sign` of its disk and ceiling: it comes (1), goes (-1), or stays. */
  private claim(guest: Guest, claimed: Size, sign: 1 | -1 | 0): void {
    const host = this.hostOf(guest);
    const { maximum, diskGb } = guest;
    const { ceiling } = host;
    this.hosts[guest.host] = {
      ...withClaim(host, { ...minus(claimed, guest.claimed), diskGb: sign * diskGb }),
      ceiling: {
        vcpus: ceiling.vcpus + sign * maximum.vcpus,
        memoryMb: ceiling.memoryMb + sign * maximum.memoryMb,
      },
      runningVms: host.runningVms + sign,
    };
    guest.claimed = claimed;
  }

  private hold({ host }: Guest, delta: Size): void {
    const held = this.held[host] as Mutable<Size>;
    held.vcpus += delta.vcpus;
    held.memoryMb += delta.memoryMb;
  }

  create(visitor: Visitor): void {
    const { adjusts, filters, multipliers } = this.way;
    const flavor = adjusts ? visitor.flavor : { ...visitor.flavor, extraSpecs: {} };
    const minimum = minimumOf(flavor);
    const maximum = maximumOf(flavor);
    const spec: PlacementSpec = aPlacement({ minimum, maximum, diskGb: flavor.rootGb, flavor });
    const options = { nowMs: NOW_MS, filters, multipliers, enough: limits.hostsWeighed, from: this.looked };
    this.looked += limits.hostsWeighed;
    const [best] = select(this.hosts, spec, options).hosts;
    this.counts.creates += 1;
    if (best === undefined) {
      this.counts.refusedCreates += 1;
      return;
    }
    const sizes = { currentVcpus: minimum.vcpus, currentMemoryMb: minimum.memoryMb };
    const row = aServer({ flavor, ...sizes, bootVcpus: minimum.vcpus, bootMemoryMb: minimum.memoryMb });
    const nothing = { vcpus: 0, memoryMb: 0 };
    const guest: Guest = {
      ...{ visitor, row, maximum, diskGb: flavor.rootGb, host: best.id },
      ...{ claimed: nothing, calmTicks: 0, waits: false },
    };
    this.claim(guest, minimum, 1);
    this.hold(guest, minimum);
    this.guests.add(guest);
  }

  remove(guest: Guest): void {
    this.hold(guest, minus({ vcpus: 0, memoryMb: 0 }, current(guest)));
    this.claim(guest, { vcpus: 0, memoryMb: 0 }, -1);
    this.guests.delete(guest);
  }

  private apply(guest: Guest, plan: AdjustPlan & { readonly ok: true }): void {
    const before = current(guest);
    const { server, claimed } = settleAdjust(
      guest.row,
      plan.boot,
      confirmed(guest.row.uuid, guest.maximum, plan.target),
    );
    Object.assign(guest.row, server);
    if (this.way.claimsGrowth) this.claim(guest, claimed, 0);
    this.hold(guest, minus(current(guest), before));
  }

  private plan(guest: Guest, want: Size): AdjustPlan & { readonly ok: true } {
    const plan = planAdjust(guest.row, { ...want, persist: true }, guest.claimed);
    if (!plan.ok) throw new Error(plan.message);
    return plan;
  }

  private grow(guest: Guest, want: Size): void {
    const plan = this.plan(guest, want);
    if (!guest.waits) this.counts.growths += 1;
    if (this.way.claimsGrowth && fits(this.hostOf(guest), plan.grows) !== null) {
      if (!guest.waits) this.refuse(guest, plan.claim);
      guest.waits = true;
      return;
    }
    guest.waits = false;
    this.apply(guest, plan);
  }

  private refuse(guest: Guest, claim: Size): void {
    this.counts.refusedGrowths += 1;
    const whole = { ...claim, diskGb: guest.diskGb };
    if (this.hosts.some((host) => host.id !== guest.host && fits(host, whole) === null)) {
      this.counts.migrationsToGrow += 1;
    }
  }

  /** What an autoscaler does: it grows a server at once, and shrinks one that has needed less for a while. */
  scale(guest: Guest, tick: number): void {
    const { currentVcpus, currentMemoryMb } = guest.row;
    const vcpus = guest.visitor.wantedVcpus[tick] as number;
    const memoryMb = guest.visitor.wantedMb[tick] as number;
    if (vcpus > currentVcpus || memoryMb > currentMemoryMb) {
      guest.calmTicks = 0;
      this.grow(guest, { vcpus: Math.max(vcpus, currentVcpus), memoryMb: Math.max(memoryMb, currentMemoryMb) });
      return;
    }
    guest.waits = false;
    guest.calmTicks = vcpus < currentVcpus || memoryMb < currentMemoryMb ? guest.calmTicks + 1 : 0;
    if (guest.calmTicks < CALM_TICKS) return;
    guest.calmTicks = 0;
    this.apply(guest, this.plan(guest, { vcpus, memoryMb }));
  }

  private shareHeld(size: Size): number {
    return Math.max(size.vcpus / this.capacity.vcpus, size.memoryMb / this.capacity.memoryMb);
  }

  /** The fewest servers whose leaving brings a host back within its ratio, the largest first. */
  private toMove(host: number): number {
    const left = { ...(this.held[host] as Size) };
    const here = [...this.guests].filter((guest) => guest.host === host).map((guest) => current(guest));
    here.sort((a, b) => this.shareHeld(b) - this.shareHeld(a));
    let moved = 0;
    for (const size of here) {
      if (this.shareHeld(left) <= 1) break;
      left.vcpus -= size.vcpus;
      left.memoryMb -= size.memoryMb;
      moved += 1;
    }
    return moved;
  }

  /** Counts the hosts beyond their ratio. */
  look(): number {
    for (const [host, held] of this.held.entries()) {
      const share = this.shareHeld(held);
      this.overs.worstHost = Math.max(this.overs.worstHost, share);
      if (share <= 1) {
        this.relief.delete(host);
        continue;
      }
      const before = this.relief.get(host) ?? 0;
      const now = Math.max(before, this.toMove(host));
      this.overs.migrationsToRelieve += now - before;
      this.relief.set(host, now);
    }
    return this.relief.size;
  }

  sums(): { readonly held: number; readonly claimed: number } {
    const sum = (sizes: readonly Size[]) => sizes.reduce((total, { memoryMb }) => total + memoryMb, 0);
    return { held: sum(this.held), claimed: sum(this.hosts.map(({ claimed }) => claimed)) };
  }
}

/** Puts a cloud of so many hosts through the day. */
export function replay(way: Way, visitors: readonly Visitor[], hosts: number): Replay {
  const cloud = new Cloud(way, hosts);
  const series: Series = { needed: [], held: [], claimed: [], waiting: [], over: [] };
  let arrived = 0;
  for (let tick = 0; tick < DAY_TICKS; tick += 1) {
    for (const guest of cloud.guests) if (guest.visitor.until <= tick) cloud.remove(guest);
    for (; (visitors[arrived]?.from ?? DAY_TICKS) <= tick; arrived += 1) cloud.create(visitors[arrived] as Visitor);
    let needed = 0;
    let waiting = 0;
    for (const guest of cloud.guests) {
      needed += guest.visitor.neededMb[tick] as number;
      if (way.adjusts) cloud.scale(guest, tick);
      if (guest.waits) waiting += 1;
    }
    const { held, claimed } = cloud.sums();
    series.needed.push(needed);
    series.held.push(held);
    series.claimed.push(claimed);
    series.waiting.push(waiting);
    series.over.push(cloud.look());
  }
  const hours = (values: readonly number[]) => (values.reduce((sum, value) => sum + value, 0) * TICK_MINUTES) / 60;
  return {
    ...{ way, hosts, capacityMb: cloud.capacity.memoryMb * hosts, series },
    ...{ ...cloud.counts, ...cloud.overs },
    ...{ waitingServerHours: hours(series.waiting), overHostHours: hours(series.over) },
  };
}

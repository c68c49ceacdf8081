// Why: a class of calls has sockets of its own, so that shutdowns that wait for guests never hold up reads. A lane is those
// sockets, the queue before them, and their coming back after libvirtd was away.

import { chance } from '../../../base/chance.ts';
import { asFault, type Fault } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import type { Log } from '../../../base/log.ts';
import { linkFault } from '../errors.ts';
import type { HypervisorAddress } from '../uri.ts';
import { type Call, type Link, openLink, TICK_MS, ticksOf } from './link.ts';
import type { Packet } from './packet.ts';

export interface LaneOptions {
  readonly name: string;
  readonly address: HypervisorAddress;
  /** How many calls may be in flight; sockets are opened for them, each with at most four. */
  readonly inFlight: number;
  readonly log: Log;
  /** Prepares each new socket before calls go through it, e.g. registers for events. */
  readonly prepare?: (submit: (call: Call) => void) => Promise<void>;
  readonly message?: (packet: Packet) => void;
  /** After a lost socket has come back. */
  readonly back?: () => void;
  readonly lost?: (fault: Fault) => void;
}

interface Place {
  readonly calls: number;
  link: Link | null;
  /** Set while a connection is being made. */
  opening: AbortController | null;
  /** Ticks until the attempt under way is given up, or until the next one starts. */
  ticksLeft: number;
  attempts: number;
}

export class Lane {
  readonly #options: LaneOptions;
  readonly #places: Place[];
  #queue: Call[] = [];
  #downTicks = 0;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    const sockets = Math.ceil(options.inFlight / limits.libvirtCallsInFlight);
    this.#places = Array.from({ length: sockets }, (_, index) => ({
      calls: Math.floor((options.inFlight + index) / sockets),
      ...{ link: null, opening: null, ticksLeft: 0, attempts: 0 },
    }));
  }

  /** Opens every socket; rejects with the first failure. */
  async start(): Promise<void> {
    await Promise.all(this.#places.map((place) => this.#open(place)));
  }

  get connected(): boolean {
    return this.#places.some((place) => place.link !== null);
  }

  /** Sends the call, or queues it until a place is free or a lost connection is back. */
  submit(call: Call): void {
    if (this.#closed) return call.reject(linkFault('closed', `${call.name}: connection closed`, call.name, 'notSent'));
    if (this.#queue.length >= limits.libvirtCallsQueued) {
      return call.reject(linkFault('queue', `${call.name}: too many calls are waiting`, call.name, 'notSent'));
    }
    if (this.#down) return call.reject(this.#downFault(call));
    this.#queue.push(call);
    this.#pump();
  }

  /** Another lane found the daemon there: lost sockets are opened at the next tick, and calls wait for them as if they were just lost. */
  hasten(): void {
    if (!this.connected) this.#downTicks = 0;
    for (const place of this.#places) if (place.opening === null) place.ticksLeft = 0;
  }

  /** To be called every TICK_MS. */
  tick(): void {
    if (this.#closed) return;
    for (const place of this.#places) this.#tickPlace(place);
    this.#downTicks = this.connected ? 0 : this.#downTicks + 1;
    const late: Call[] = [];
    this.#queue = this.#queue.filter((call) => {
      call.ticksLeft -= 1;
      if (call.ticksLeft > 0 && !this.#down) return true;
      late.push(call);
      return false;
    });
    for (const call of late) {
      call.reject(
        this.#down
          ? this.#downFault(call)
          : linkFault('deadline', `${call.name}: not sent in time`, call.name, 'notSent'),
      );
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const call of this.#queue.splice(0)) {
      call.reject(linkFault('closed', `${call.name}: connection closed`, call.name, 'notSent'));
    }
    await Promise.all(
      this.#places.map(async (place) => {
        place.opening?.abort();
        await place.link?.close();
      }),
    );
  }

  /** Whether the connection has been away for longer than calls are let to wait. */
  get #down(): boolean {
    return this.#downTicks > ticksOf(limits.libvirtReconnectWaitMs);
  }

  #downFault(call: Call): Fault {
    return linkFault('connection', `${call.name}: not connected`, call.name, 'notSent');
  }

  #pump(): void {
    while (this.#queue.length > 0) {
      let best: Link | null = null;
      for (const { link } of this.#places) {
        if (link !== null && link.free > (best?.free ?? 0)) best = link;
      }
      const call = best === null ? undefined : this.#queue.shift();
      if (best === null || call === undefined) return;
      best.send(call);
    }
  }

  #tickPlace(place: Place): void {
    if (place.link !== null) return place.link.tick();
    place.ticksLeft -= 1;
    if (place.ticksLeft > 0) return;
    if (place.opening !== null) return place.opening.abort();
    this.#open(place).then(
      () => this.#options.back?.(),
      (error: unknown) => {
        const { log, name } = this.#options;
        if (!this.#closed) log.debug({ lane: name, error: asFault(error).message }, 'libvirt does not come back yet');
      },
    );
  }

  async #open(place: Place): Promise<void> {
    const opening = new AbortController();
    place.opening = opening;
    place.ticksLeft = ticksOf(limits.libvirtConnectMs);
    place.attempts += 1;
    let lost: Fault | null = null;
    try {
      const link = await openLink(
        this.#options.address,
        place.calls,
        {
          message: (packet) => this.#options.message?.(packet),
          free: () => this.#pump(),
          closed: (fault) => {
            lost = fault;
            if (place.link !== null) this.#lose(place, fault);
          },
        },
        opening.signal,
      );
      await this.#prepare(link, opening.signal);
      if (lost !== null) throw lost as Fault;
      if (this.#closed) {
        await link.close();
        throw linkFault('closed', 'connection closed', 'connection', 'notSent');
      }
      place.link = link;
      place.attempts = 0;
      this.#downTicks = 0;
    } finally {
      place.opening = null;
      if (place.link === null) this.#backOff(place);
    }
    this.#pump();
  }

  async #prepare(link: Link, signal: AbortSignal): Promise<void> {
    const onAbort = () => link.destroy(linkFault('connection', 'no answer in time', 'connection', 'notSent'));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#options.prepare?.((call) => link.send(call));
    } catch (error) {
      await link.close();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #lose(place: Place, fault: Fault): void {
    place.link = null;
    this.#backOff(place);
    if (!this.#closed) this.#options.lost?.(fault);
  }

  // Full jitter: many agents that lost their daemon together do not come back together.
  #backOff(place: Place): void {
    const most = Math.min(limits.libvirtBackoffMs / TICK_MS, 2 ** place.attempts);
    place.ticksLeft = Math.ceil(chance.fraction() * most);
  }
}

// Why: the driver's way to a hypervisor: libvirt's own calls as typed asynchronous methods, its events, and a connection that
// outlives restarts of libvirtd. What it promises: reads are not held up by slow jobs, every call ends by its deadline, and a
// call whose answer was lost says that its outcome is unknown.

import type { Clock } from '../../base/clock.ts';
import { Fault, messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { VIR_DRV_FEATURE_NETWORK_UPDATE_HAS_CORRECT_ORDER } from './rpc/constants.ts';
import { type DomainEvent, decodeEvent, domainEvents } from './rpc/events.ts';
import { Lane, type LaneOptions } from './rpc/lane.ts';
import { type Call, request, TICK_MS } from './rpc/link.ts';
import { type CallClass, handshake, type LibvirtCalls, type Procedure, procedures } from './rpc/procedures.ts';
import { XdrReader } from './rpc/xdr.ts';
import { parseHypervisorUri } from './uri.ts';

export type { DomainEvent } from './rpc/events.ts';
export type { DomainRef, NetworkRef, NwfilterRef, TypedParams } from './rpc/types.ts';

/**
 * What happens on the hypervisor. `disconnected`: from here on events may be missed. `reconnected`: events flow again, and
 * whoever keeps state should read it anew.
 */
export type HypervisorEvent =
  | DomainEvent
  | { readonly type: 'disconnected'; readonly fault: Fault }
  | { readonly type: 'reconnected' };

export interface HypervisorConnection extends LibvirtCalls {
  readonly uri: string;
  /** Whether reads and events flow now. Calls made while not wait some seconds for the connection to come back. */
  readonly connected: boolean;
  /** Calls the listener for each event, in libvirt's order; the function returned ends that. */
  on(listener: (event: HypervisorEvent) => void): () => void;
  /** Ends the connection; calls without an answer are rejected. */
  close(): Promise<void>;
}

export interface HypervisorOptions {
  /** `qemu:///system` and its like; see parseHypervisorUri. */
  readonly uri: string;
  readonly log: Log;
  readonly clock: Clock;
  /** The daemon's `min_workers`; its default (5) lets two jobs and two slow calls run at a time. */
  readonly workers?: number;
}

/**
 * How many calls of each class may be in flight. libvirtd has `min_workers` threads for all calls that may wait, and its pool
 * grows unreliably: it compares unsigned numbers, so once a call queues while no thread is free it never grows again. Were all
 * threads waiting for hung guests, reads would wait with them; so one thread is left to the reads, which are quick.
 */
function callsInFlight(workers: number): Readonly<Record<CallClass, number>> {
  const slow = Math.max(1, Math.floor((workers - 1) / 2));
  // one guest leaves at a time, as with Nova: more at once take longer each. It may take the thread that is left to the reads.
  return { read: limits.libvirtCallsInFlight, job: Math.max(1, workers - 1 - slow), slow, move: 1 };
}

async function registerEvents(submit: (call: Call) => void, log: Log): Promise<void> {
  const register = handshake.connectDomainEventCallbackRegisterAny;
  for (const { id } of domainEvents) {
    try {
      await request(submit, 'connectDomainEventCallbackRegisterAny', register, [id]);
    } catch (error) {
      // An older libvirt or another driver may lack an event; none can do without the first, the lifecycle.
      if (id === 0 || !(error instanceof Fault) || error.kind === 'unavailable') throw error;
      log.debug({ event: id, error: error.message }, 'libvirt does not tell this kind of event');
    }
  }
}

/**
 * Connects to a hypervisor. Rejects with a fault when the URI is not understood (badRequest) or the daemon cannot be reached or
 * does not answer (unavailable); once it has resolved, a lost connection comes back by itself.
 */
export async function openHypervisor(options: HypervisorOptions): Promise<HypervisorConnection> {
  const { uri, log, clock } = options;
  const address = parseHypervisorUri(uri, process.env);
  const listeners = new Set<(event: HypervisorEvent) => void>();
  const emit = (event: HypervisorEvent): void => {
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        log.error({ event: event.type, error: messageOf(error) }, 'a listener of libvirt events failed');
      }
    }
  };

  const inFlight = callsInFlight(options.workers ?? limits.libvirtWorkers);
  /** The daemon is back for all lanes when it is for one: what follows from its return must not fail for a back-off of its own. */
  const hasten = () => everyLane.forEach((each) => each.hasten());
  const lane = (callClass: CallClass, more: Partial<LaneOptions> = {}): Lane =>
    new Lane({ name: callClass, address, inFlight: inFlight[callClass], log, back: hasten, ...more });
  let correctOrder: boolean | null = null;
  const lanes: Readonly<Record<CallClass, Lane>> = {
    read: lane('read', {
      prepare: (submit) => registerEvents(submit, log),
      message: (packet) => {
        const event = decodeEvent(packet.procedure, new XdrReader(packet.body));
        if (event !== undefined) emit(event);
      },
      lost: (fault) => {
        log.warn({ uri, error: fault.message }, 'lost libvirt');
        emit({ type: 'disconnected', fault });
      },
      back: () => {
        log.info({ uri }, 'libvirt is back');
        // The daemon may be another version now.
        correctOrder = null;
        hasten();
        emit({ type: 'reconnected' });
      },
    }),
    job: lane('job'),
    slow: lane('slow'),
    move: lane('move'),
  };
  const everyLane = Object.values(lanes);

  const stopped = new AbortController();
  const tick = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await clock.sleep(TICK_MS, stopped.signal);
      for (const each of everyLane) each.tick();
    }
  };
  tick().catch((error: unknown) => {
    if (!stopped.signal.aborted) log.error({ error: messageOf(error) }, 'the pulse of the libvirt connection stopped');
  });
  const close = async (): Promise<void> => {
    stopped.abort();
    listeners.clear();
    await Promise.all(everyLane.map((each) => each.close()));
  };

  try {
    await Promise.all(everyLane.map((each) => each.start()));
  } catch (error) {
    await close();
    throw error;
  }

  const method =
    (name: string, procedure: Procedure<readonly unknown[]>) =>
    (...args: readonly unknown[]): Promise<unknown> =>
      request((call) => lanes[procedure.class].submit(call), name, procedure, args);
  const calls = Object.fromEntries(
    Object.entries(procedures).map(([name, procedure]) => [
      name,
      method(name, procedure as unknown as Procedure<readonly unknown[]>),
    ]),
  ) as unknown as LibvirtCalls;

  return {
    ...calls,
    // For years libvirt swapped the two on the way; whoever has the feature does no longer.
    networkUpdate: async (network, command, section, ...rest) => {
      correctOrder ??= await calls.connectSupportsFeature(VIR_DRV_FEATURE_NETWORK_UPDATE_HAS_CORRECT_ORDER);
      const [first, second] = correctOrder ? [command, section] : [section, command];
      return calls.networkUpdate(network, first, second, ...rest);
    },
    uri,
    get connected() {
      return lanes.read.connected;
    },
    on: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close,
  };
}

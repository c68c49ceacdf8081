// Why: one socket to libvirtd. It knows which calls are in flight, hands each reply to its call, passes on what comes unasked,
// and notices a daemon that says nothing any more. It never reconnects: a lane does that.

import { connect, type Socket } from 'node:net';
import { badRequest, type Fault, messageOf } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import { libvirtFault, linkFault } from '../errors.ts';
import type { Endpoint, HypervisorAddress } from '../uri.ts';
import { VIR_DRV_FEATURE_PROGRAM_KEEPALIVE } from './constants.ts';
import {
  encodePacket,
  KEEPALIVE_PING,
  KEEPALIVE_PONG,
  KEEPALIVE_PROGRAM,
  messageStatus,
  messageType,
  type Packet,
  packetSplitter,
} from './packet.ts';
import { handshake, type Procedure, procedures } from './procedures.ts';
import { readRemoteError } from './types.ts';
import { XdrError, XdrReader, XdrWriter } from './xdr.ts';

/**
 * Deadlines, pings and back-off count ticks of this length rather than read a clock: a step of the clock or a stopped process
 * then fails nothing.
 */
export const TICK_MS = 250;
export const ticksOf = (ms: number): number => Math.max(1, Math.ceil(ms / TICK_MS));

/** A call on its way: encoded, with its deadline in ticks. */
export interface Call {
  readonly name: string;
  readonly program: number;
  readonly number: number;
  readonly body: Buffer;
  ticksLeft: number;
  /** Gets the reply's body; throws XdrError when it is not what the table says. */
  readonly resolve: (body: Buffer) => void;
  readonly reject: (fault: Fault) => void;
}

/** Encodes a call and gives it to `submit`; resolves with the decoded reply. */
export function request<Args extends readonly unknown[], Reply>(
  submit: (call: Call) => void,
  name: string,
  procedure: Procedure<Args, Reply>,
  args: Args,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const writer = new XdrWriter();
    try {
      procedure.encode(writer, ...args);
    } catch (error) {
      if (!(error instanceof XdrError)) throw error;
      return reject(badRequest(`${name}: ${error.message}`, { code: 'libvirt.argument', cause: error }));
    }
    submit({
      name,
      program: procedure.program,
      number: procedure.number,
      body: writer.finish(),
      ticksLeft: ticksOf(procedure.deadlineMs),
      resolve: (body) => {
        const reader = new XdrReader(body);
        const reply = procedure.decode(reader);
        reader.end();
        resolve(reply);
      },
      reject,
    });
  });
}

export interface LinkHooks {
  /** A message of the daemon's own accord: an event. May throw XdrError, which ends the link. */
  readonly message: (packet: Packet) => void;
  /** A place for a call has become free. */
  readonly free: () => void;
  /** Once, when the link is gone; its calls have been rejected by then. */
  readonly closed: (fault: Fault) => void;
}

interface InFlight {
  readonly call: Call;
  /** Its deadline has passed and its caller is gone, but the daemon still works on it, so it keeps its place. */
  abandoned: boolean;
}

export class Link {
  readonly #socket: Socket;
  readonly #hooks: LinkHooks;
  readonly #places: number;
  readonly #split = packetSplitter();
  readonly #inFlight = new Map<number, InFlight>();
  #serial = 0;
  #silentTicks = 0;
  #keepalive = false;
  #closed: Fault | null = null;

  /** `places`: how many calls may be in flight; libvirtd stops reading a connection with five unanswered ones. */
  constructor(socket: Socket, places: number, hooks: LinkHooks) {
    this.#socket = socket;
    this.#places = places;
    this.#hooks = hooks;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.destroy(linkFault('connection', error.message, 'connection', 'unknown')));
    socket.on('close', () => this.destroy(linkFault('connection', 'connection lost', 'connection', 'unknown')));
  }

  /** How many more calls may be sent now. */
  get free(): number {
    return this.#closed ? 0 : this.#places - this.#inFlight.size;
  }

  send(call: Call): void {
    if (this.#closed) return call.reject(this.#faultFor(call, 'notSent', this.#closed));
    this.#serial = this.#serial === 0xffff_ffff ? 1 : this.#serial + 1;
    this.#inFlight.set(this.#serial, { call, abandoned: false });
    this.#write(call.program, call.number, messageType.call, this.#serial, call.body);
  }

  /** From here on a silent daemon is pinged and given up. */
  startKeepalive(): void {
    this.#keepalive = true;
  }

  /** To be called every TICK_MS. */
  tick(): void {
    this.#silentTicks += 1;
    for (const flight of this.#inFlight.values()) {
      flight.call.ticksLeft -= 1;
      if (flight.call.ticksLeft > 0 || flight.abandoned) continue;
      flight.abandoned = true;
      const { call } = flight;
      call.reject(linkFault('deadline', `no answer to ${call.name} in time`, call.name, 'unknown'));
    }
    const abandoned = [...this.#inFlight.values()].filter((flight) => flight.abandoned).length;
    if (abandoned >= this.#places) {
      return this.destroy(linkFault('deadline', 'no answer to any call in time', 'connection', 'unknown'));
    }
    if (!this.#keepalive) return;
    if (this.#silentTicks >= ticksOf(limits.libvirtSilenceMs)) {
      return this.destroy(linkFault('connection', 'the daemon does not answer', 'connection', 'unknown'));
    }
    if (this.#silentTicks % ticksOf(limits.libvirtPingMs) === 0) {
      this.#write(KEEPALIVE_PROGRAM, KEEPALIVE_PING, messageType.message, 0, Buffer.alloc(0));
    }
  }

  /** Says good-bye and closes; what is in flight is rejected. */
  close(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      if (this.#socket.closed) return resolve();
      // A daemon that reads nothing must not keep us.
      const force = setTimeout(() => this.#socket.destroy(), TICK_MS);
      this.#socket.once('close', () => {
        clearTimeout(force);
        resolve();
      });
    });
    if (!this.#closed) {
      const { program, number } = handshake.connectClose;
      this.#write(program, number, messageType.call, 0, Buffer.alloc(0));
      this.#end(linkFault('closed', 'connection closed', 'connection', 'unknown'));
      this.#socket.destroySoon();
    }
    return ended;
  }

  destroy(fault: Fault): void {
    this.#end(fault);
    this.#socket.destroy();
  }

  #end(fault: Fault): void {
    if (this.#closed) return;
    this.#closed = fault;
    for (const { call, abandoned } of this.#inFlight.values()) {
      if (!abandoned) call.reject(this.#faultFor(call, 'unknown', fault));
    }
    this.#inFlight.clear();
    this.#hooks.closed(fault);
  }

  #faultFor(call: Call, outcome: 'unknown' | 'notSent', cause: Fault): Fault {
    const trouble =
      cause.code === 'libvirt.closed' ? 'closed' : cause.code === 'libvirt.protocol' ? 'protocol' : 'connection';
    return linkFault(trouble, `${call.name}: ${cause.message.replace(/^libvirt: /, '')}`, call.name, outcome);
  }

  #write(program: number, procedure: number, type: number, serial: number, body: Buffer): void {
    this.#socket.write(encodePacket({ program, procedure, type, serial, status: messageStatus.ok, body }));
  }

  #receive(chunk: Buffer): void {
    this.#silentTicks = 0;
    try {
      for (const packet of this.#split(chunk)) {
        if (this.#closed) return;
        this.#handle(packet);
      }
    } catch (error) {
      this.destroy(linkFault('protocol', `malformed message: ${messageOf(error)}`, 'connection', 'unknown'));
    }
  }

  #handle(packet: Packet): void {
    if (packet.program === KEEPALIVE_PROGRAM) {
      if (packet.procedure === KEEPALIVE_PING) {
        this.#write(KEEPALIVE_PROGRAM, KEEPALIVE_PONG, messageType.message, 0, Buffer.alloc(0));
      }
      return;
    }
    if (packet.type === messageType.message) return this.#hooks.message(packet);
    const flight = this.#inFlight.get(packet.serial);
    if (packet.type !== messageType.reply || flight === undefined) {
      throw new XdrError(`a message of type ${packet.type} with serial ${packet.serial} that nobody waits for`);
    }
    const { call, abandoned } = flight;
    if (packet.program !== call.program || packet.procedure !== call.number) {
      throw new XdrError(`reply of procedure ${packet.procedure} to ${call.name}`);
    }
    // A reply that cannot be read leaves its call in flight: ending the link rejects it.
    if (!abandoned) {
      if (packet.status === messageStatus.ok) call.resolve(packet.body);
      else call.reject(libvirtFault(call.name, readRemoteError(new XdrReader(packet.body))));
    }
    this.#inFlight.delete(packet.serial);
    this.#hooks.free();
  }
}

function openSocket(endpoint: Endpoint, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = endpoint.kind === 'unix' ? connect({ path: endpoint.path }) : connect(endpoint);
    const where = endpoint.kind === 'unix' ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
    const fail = (reason: string) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      reject(linkFault('connection', `cannot connect to ${where}: ${reason}`, 'connection', 'notSent'));
    };
    const onAbort = () => fail('no answer in time');
    const onError = (error: Error) => fail(error.message);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError);
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      if (endpoint.kind === 'tcp') socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

const AUTH_NONE = 0;
const AUTH_POLKIT = 2;

/**
 * Connects, authenticates (none or polkit), switches keepalive on and opens the driver. Rejects with a fault when any of that
 * fails, or when the signal aborts.
 */
export async function openLink(
  address: HypervisorAddress,
  places: number,
  hooks: LinkHooks,
  signal: AbortSignal,
): Promise<Link> {
  const link = new Link(await openSocket(address.endpoint, signal), places, hooks);
  const onAbort = () => link.destroy(linkFault('connection', 'no answer in time', 'connection', 'notSent'));
  signal.addEventListener('abort', onAbort, { once: true });
  const submit = (call: Call) => link.send(call);
  try {
    const kinds = await request(submit, 'authList', handshake.authList, []);
    if (!kinds.includes(AUTH_NONE)) {
      if (!kinds.includes(AUTH_POLKIT)) {
        throw linkFault('auth', `the daemon wants authentication of kind ${kinds.join(', ')}`, 'authList', 'failed');
      }
      await request(submit, 'authPolkit', handshake.authPolkit, []);
    }
    const feature = VIR_DRV_FEATURE_PROGRAM_KEEPALIVE;
    if (await request(submit, 'connectSupportsFeature', procedures.connectSupportsFeature, [feature])) {
      link.startKeepalive();
    }
    await request(submit, 'connectOpen', handshake.connectOpen, [address.name]);
    return link;
  } catch (error) {
    await link.close();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

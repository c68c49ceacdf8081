// Why: what libvirtd tells unasked. Each row is one kind of event: the id to register for, the message that carries it, and its
// layout. The type of events that a driver listens to is derived from the rows.

import { type DomainRef, readDomain } from './types.ts';
import type { XdrReader } from './xdr.ts';

/** virDomainEventType, by number. */
const lifecycleNames = [
  ...(['defined', 'undefined', 'started', 'suspended', 'resumed', 'stopped'] as const),
  ...(['shutdown', 'pmsuspended', 'crashed'] as const),
] as const;

export type LifecycleName = (typeof lifecycleNames)[number];

/** The detail of a `stopped` event, virDomainEventStoppedDetailType. */
export const stoppedDetail = {
  shutdown: 0,
  destroyed: 1,
  crashed: 2,
  migrated: 3,
  saved: 4,
  failed: 5,
  fromSnapshot: 6,
} as const;

export interface LifecycleEvent {
  readonly type: 'lifecycle';
  readonly domain: DomainRef;
  /** `unknown` for a kind that a newer libvirt has. */
  readonly event: LifecycleName | 'unknown';
  /** Its meaning depends on the event, e.g. `stoppedDetail`. */
  readonly detail: number;
}

export interface BalloonEvent {
  readonly type: 'balloon';
  readonly domain: DomainRef;
  readonly actualKib: number;
}

export interface MemoryDeviceEvent {
  readonly type: 'memoryDevice';
  readonly domain: DomainRef;
  readonly alias: string;
  /** What of the device the guest has plugged. */
  readonly currentKib: number;
}

export interface DeviceEvent {
  readonly type: 'deviceAdded' | 'deviceRemoved' | 'deviceRemovalFailed';
  readonly domain: DomainRef;
  readonly alias: string;
}

export interface AgentEvent {
  readonly type: 'agent';
  readonly domain: DomainRef;
  readonly connected: boolean;
}

export interface IoErrorEvent {
  readonly type: 'ioError';
  readonly domain: DomainRef;
  readonly path: string;
  readonly alias: string;
  /** 0 none, 1 the guest was paused, 2 the guest was told. */
  readonly action: number;
  /** `enospc` or empty. */
  readonly reason: string;
}

export interface PlainEvent {
  /** `controlError`: libvirt lost its hold on the guest. */
  readonly type: 'reboot' | 'controlError';
  readonly domain: DomainRef;
}

export type DomainEvent =
  | LifecycleEvent
  | BalloonEvent
  | MemoryDeviceEvent
  | DeviceEvent
  | AgentEvent
  | IoErrorEvent
  | PlainEvent;

export interface EventRow {
  /** virDomainEventID. */
  readonly id: number;
  /** The procedure number of its message; the callback's id comes first in the body. */
  readonly procedure: number;
  readonly decode: (r: XdrReader) => DomainEvent;
}

const device =
  (type: DeviceEvent['type']) =>
  (r: XdrReader): DeviceEvent => ({ type, domain: readDomain(r), alias: r.string() });

function readAgent(r: XdrReader): AgentEvent {
  const event: AgentEvent = { type: 'agent', domain: readDomain(r), connected: r.i32() === 1 };
  r.i32(); // the reason: domain started, or the channel itself
  return event;
}

export const domainEvents: readonly EventRow[] = [
  {
    id: 0,
    procedure: 318,
    decode: (r) => ({
      ...{ type: 'lifecycle', domain: readDomain(r), event: lifecycleNames[r.i32()] ?? 'unknown', detail: r.i32() },
    }),
  },
  { id: 1, procedure: 319, decode: (r) => ({ type: 'reboot', domain: readDomain(r) }) },
  {
    id: 6,
    procedure: 324,
    decode: (r) => ({
      ...{ type: 'ioError', domain: readDomain(r), path: r.string(), alias: r.string() },
      ...{ action: r.i32(), reason: r.string() },
    }),
  },
  { id: 7, procedure: 325, decode: (r) => ({ type: 'controlError', domain: readDomain(r) }) },
  {
    id: 13,
    procedure: 331,
    decode: (r) => ({ type: 'balloon', domain: readDomain(r), actualKib: r.u64Number() }),
  },
  { id: 15, procedure: 333, decode: device('deviceRemoved') },
  { id: 18, procedure: 348, decode: readAgent },
  { id: 19, procedure: 354, decode: device('deviceAdded') },
  { id: 22, procedure: 367, decode: device('deviceRemovalFailed') },
  {
    id: 26,
    procedure: 438,
    decode: (r) => ({ type: 'memoryDevice', domain: readDomain(r), alias: r.string(), currentKib: r.u64Number() }),
  },
];

const byProcedure = new Map(domainEvents.map((row) => [row.procedure, row]));

/** The event in a message from the daemon; undefined for a message that nobody asked for. */
export function decodeEvent(procedure: number, r: XdrReader): DomainEvent | undefined {
  const row = byProcedure.get(procedure);
  if (row === undefined) return undefined;
  r.i32(); // the id of the callback; there is one for each kind
  const event = row.decode(r);
  r.end();
  return event;
}

// Why: the narrow type that a hypervisor is to us: absolute inputs, achieved outputs, every verb safe to run twice. What each verb must
// do stands with its method (`domain/servers/agent-methods.ts`). The fake driver and libvirt's pass one contract suite (test/support/driver-contract.ts).

import { type HostInventory, type OptionalVerb, optionalVerbs } from '../domain/placement/hosts.ts';
import type { AgentMethod, AgentVerbs, OptionalMethod } from '../domain/servers/agent-methods.ts';
import type { GuestEvent } from '../domain/servers/guests.ts';
import type { HostMeasure } from '../domain/servers/measures.ts';

/** Where image bytes come from; handed in by the wiring, so that a driver knows no neighbour. */
export interface ImageSource {
  /** The image's bytes as stored. Rejects with a Fault when it cannot be had. */
  read(imageId: string): Promise<AsyncIterable<Uint8Array>>;
}

/** Where the bytes of a copied disk go. */
export interface ImageSink {
  /**
   * Stores an image's bytes; of one that has its bytes already nothing is read. Rejects with a Fault, `notFound` for an image
   * that is gone.
   */
  write(imageId: string, pieces: AsyncIterable<Uint8Array>): Promise<void>;
}

/** The optional verbs that a driver has, for its inventory. */
export const verbsOf = (driver: Partial<Record<OptionalVerb, unknown>>): readonly OptionalVerb[] =>
  optionalVerbs.filter((verb) => driver[verb] !== undefined);

/** What a driver is: what every one does, what it may lack, and what it tells by itself. */
export interface Driver
  extends Pick<AgentVerbs, Exclude<AgentMethod, OptionalMethod>>,
    Partial<Pick<AgentVerbs, OptionalMethod>> {
  readonly kind: 'libvirt' | 'fake';
  inventory(): Promise<HostInventory>;
  /** How busy the host is, and what its running guests have used. */
  measure(): Promise<HostMeasure>;
  /** Returns the function that ends the subscription. */
  onEvent(listener: (event: GuestEvent) => void): () => void;
  close(): Promise<void>;
}

// Why: the narrow type that a hypervisor is to us: absolute inputs, achieved outputs, every verb safe to run twice. The fake
// driver and libvirt's pass one contract suite (test/support/driver-contract.ts).

import type { AdjustOutcome, AdjustRequest, GuestEvent, GuestSpec, GuestView } from '../domain/guest.ts';
import { type HostInventory, type OptionalVerb, optionalVerbs } from '../domain/host.ts';

/** Where image bytes come from; handed in by the wiring, so that a driver knows no neighbour. */
export interface ImageSource {
  /** The image's bytes as stored. Rejects with a Fault when it cannot be had. */
  read(imageId: string): Promise<AsyncIterable<Uint8Array>>;
}

/** The optional verbs that a driver has, for its inventory. */
export const verbsOf = (driver: Partial<Record<OptionalVerb, unknown>>): readonly OptionalVerb[] =>
  optionalVerbs.filter((verb) => typeof driver[verb] === 'function');

export interface Driver {
  readonly kind: 'libvirt' | 'fake';
  inventory(): Promise<HostInventory>;
  /** Makes disks, networks and the domain, and starts it. Running already: nothing happens. Failing: leaves nothing behind. */
  spawn(spec: GuestSpec): Promise<GuestView>;
  /** Ends the guest and removes everything it had here. Unknown uuid: nothing happens. */
  destroy(uuid: string): Promise<void>;
  /** Starts a guest that is off; rebuilds its domain from the spec. */
  powerOn(spec: GuestSpec): Promise<GuestView>;
  /** Asks the guest to shut down and switches it off after `timeoutMs` (0: at once). */
  powerOff(uuid: string, timeoutMs: number): Promise<GuestView>;
  /** `SOFT` asks the guest and falls back to `HARD` after `timeoutMs`; `HARD` rebuilds the domain from the spec. */
  reboot(spec: GuestSpec, type: 'SOFT' | 'HARD', timeoutMs: number): Promise<GuestView>;
  /** Freezes a running guest in memory; frozen already: nothing happens. */
  pause?(uuid: string): Promise<GuestView>;
  /** Lets a frozen guest run; running already: nothing happens. */
  unpause?(uuid: string): Promise<GuestView>;
  /** Writes the memory of a running guest to disk and ends it; stored already: nothing happens. */
  suspend?(uuid: string): Promise<GuestView>;
  /** Lets a stored guest go on where it was; running already: nothing happens. */
  resume?(uuid: string): Promise<GuestView>;
  adjust(uuid: string, request: AdjustRequest): Promise<AdjustOutcome>;
  /** The last bytes of the serial console as text. */
  console(uuid: string, maxBytes: number): Promise<string>;
  /** Null: no such guest here. */
  inspect(uuid: string): Promise<GuestView | null>;
  list(): Promise<readonly GuestView[]>;
  /** Returns the function that ends the subscription. */
  onEvent(listener: (event: GuestEvent) => void): () => void;
  close(): Promise<void>;
}

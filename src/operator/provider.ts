// Why: the controller knows machines; what they are made of is a provider's. Another hypervisor or cloud is another file behind this interface.

import type { Size } from './types.ts';
import type { Wanted } from './wanted.ts';

/** A machine's server as it is. */
export interface Observed {
  readonly id: string;
  readonly state: 'building' | 'running' | 'stopped' | 'paused' | 'error' | 'other';
  /** The provider's own word for it. */
  readonly status: string;
  /** Something is being done to it; what, in the provider's word. */
  readonly task: string | null;
  /** Why it is in `error`. */
  readonly fault: string | null;
  /** Its host, where the operator may see hosts. */
  readonly node: string | null;
  readonly addresses: readonly string[];
  readonly createdAt: string;
  readonly sizes: Sizes;
}

export interface Sizes {
  /** What was asked for last. */
  readonly target: Size;
  readonly claimed: Size;
  /** What the guest has, by its own word where it can be asked. */
  readonly confirmed: Size;
  readonly floor: Size;
  readonly ceiling: Size;
  readonly adjusting: boolean;
  /** The service's words on how the last change ended. */
  readonly message: string | null;
}

export interface NewMachine {
  /** The machine's uid in Kubernetes: by it its server is found again. */
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly wanted: Wanted;
  /** As cloud-init takes it: a text, or what gzip made of one. */
  readonly userData: Buffer | null;
  readonly keyName: string | null;
}

export interface Snapshot {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly createdAt: string;
}

/** Processors in use, and bytes of memory that the guest does not have available; null: nobody says. */
export interface Usage {
  readonly cpu: number;
  readonly memoryBytes: number | null;
}

/**
 * What every provider does. All of it may be repeated. Refusals are thrown as `Fault`s with words for people; `unavailable` means: later.
 */
export interface Provider {
  /**
   * All servers that were made for a machine, the oldest first: one, unless two operators were at it at once.
   * @param known one of them that was looked at just now, and need not be again
   */
  find(uid: string, known?: Observed | null): Promise<readonly Observed[]>;
  /** The server of this id, if it is this machine's; null: it is not, or there is none. */
  show(id: string, uid: string): Promise<Observed | null>;
  create(machine: NewMachine): Promise<string>;
  /** From now on this server is the machine's. Refused unless the server's owner named the machine's namespace on it. */
  adopt(id: string, machine: { readonly uid: string; readonly namespace: string }): Promise<void>;
  start(server: Observed): Promise<void>;
  stop(id: string): Promise<void>;
  adjust(id: string, size: Size): Promise<void>;
  remove(id: string): Promise<void>;
  /** What was made for a machine beside its server, once that is gone. */
  clean(uid: string): Promise<void>;
  snapshots(id: string): Promise<readonly Snapshot[]>;
  snapshot(id: string, name: string): Promise<void>;
  removeSnapshot(server: string, id: string): Promise<void>;
  /**
   * The servers that changed since a moment (milliseconds), by their ids; null: it is gone, or must be asked for by itself. Two requests
   * for each page of what changed, however many servers there are; one that is as it was told last is not told again.
   */
  changedSince(ms: number): Promise<ReadonlyMap<string, Observed | null>>;
  /** What all servers of machines take, in as many requests as the list has pages. */
  usage(): Promise<ReadonlyMap<string, Usage>>;
}

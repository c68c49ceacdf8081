// Why: what goes over the bus beside the methods of agents (`domain/servers/agent-methods.ts`): who asks, and what agents tell.

import type { Pressure } from '../domain/adjustment/autoscale.ts';
import type { HostInventory } from '../domain/placement/hosts.ts';
import type { GuestUsage, HostUsage } from '../domain/servers/measures.ts';
import type { GuestEvent, GuestView } from '../domain/servers/guests.ts';

/** The step of an action that asks an agent. */
export interface Asker {
  readonly action: number;
  readonly step: string;
  /** Which attempt: one that goes on after a crash is the same, one after a recorded failure or an undo is another. */
  readonly attempt: number;
}

/** What an agent says of its own accord. */
export type AgentReport =
  /** The host lives; what it has is what it told last. */
  | { readonly kind: 'heartbeat'; readonly host: string }
  /** All its guests, with what it has as it told last. */
  | { readonly kind: 'guests'; readonly host: string; readonly guests: readonly GuestView[] }
  | {
      readonly kind: 'inventory';
      readonly host: string;
      readonly inventory: HostInventory;
      readonly guests: readonly GuestView[];
    }
  /** What it and its guests took since it told so last. */
  | {
      readonly kind: 'usage';
      readonly host: string;
      readonly usage: HostUsage;
      readonly guests: readonly { readonly uuid: string; readonly usage: GuestUsage }[];
    }
  /** What guests are short of or have to spare, since it told so last. */
  | {
      readonly kind: 'pressure';
      readonly host: string;
      readonly guests: readonly { readonly uuid: string; readonly pressure: Pressure }[];
    }
  | { readonly kind: 'guest'; readonly host: string; readonly event: GuestEvent; readonly view: GuestView | null };

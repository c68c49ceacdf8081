// Why: whoever tells OVN of the tables asks them by these few questions, and says what came of it.

import type { Wanted } from './difference.ts';
import type { Unit } from './northbound.ts';

/** What a unit should come to, and whether it is known that it was told. */
export interface SourceUnit extends Wanted {
  readonly dirty: boolean;
}

/** The tables, as the reconciler asks them. */
export interface UnitSource {
  /** Some of the units that were changed and not told. */
  dirty(most: number): Promise<readonly Unit[]>;
  /** What units should come to now; of those that are gone nothing. */
  read(units: readonly Unit[]): Promise<readonly SourceUnit[]>;
  /** These were told; returns those that were changed since they were read. */
  settled(told: readonly Wanted[]): Promise<readonly Unit[]>;
  /** Counts the changes of units on from these numbers, which OVN knows: the tables may be those of a backup. */
  raise(revisions: readonly { readonly unit: Unit; readonly revision: number }[]): Promise<void>;
  /** All units that there are. */
  all(): Promise<readonly Unit[]>;
  /** What hosts are in OVN, as one text: with another one much else may be other. */
  chassis(): Promise<string>;
  /** Ports work, or do not. */
  portsAre(up: boolean, portIds: readonly string[]): Promise<void>;
}

export interface ReconcilerCounts {
  readonly told: (units: number) => void;
  readonly refused: () => void;
  readonly compared: () => void;
}

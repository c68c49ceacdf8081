// Why: the reconciler reads the network service's tables, and reports its results, through this interface.

import type { Wanted } from './difference.ts';
import type { Unit } from './northbound.ts';

/** The wanted rows of a unit, and whether they still have to be written. */
export interface SourceUnit extends Wanted {
  readonly dirty: boolean;
}

/** The network service's tables as the reconciler needs them. */
export interface UnitSource {
  /** Some of the units that changed and were not written yet. */
  dirty(most: number): Promise<readonly Unit[]>;
  /** The wanted rows of units now; none for deleted units. */
  read(units: readonly Unit[]): Promise<readonly SourceUnit[]>;
  /** Records that these were written; returns those that changed since they were read. */
  settled(told: readonly Wanted[]): Promise<readonly Unit[]>;
  /** Raises units' revisions above these, which OVN already has: the tables may have been restored from a backup. */
  raise(revisions: readonly { readonly unit: Unit; readonly revision: number }[]): Promise<void>;
  /** All units. */
  all(): Promise<readonly Unit[]>;
  /** The chassis of all hosts as one string; when it changes, many rows may change too. */
  chassis(): Promise<string>;
  /** Records that ports are up, or down. */
  portsAre(up: boolean, portIds: readonly string[]): Promise<void>;
}

export interface ReconcilerCounts {
  readonly told: (units: number) => void;
  readonly refused: () => void;
  readonly compared: () => void;
}

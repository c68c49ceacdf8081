// Why: what a move from one Nova to us is made with: both sides' databases, the hosts between them, and one form for all that is moved.

import type { Clock } from '../../base/clock.ts';
import { Fault, messageOf } from '../../base/errors.ts';
import type { Database } from '../../db/engine.ts';
import { databaseFault } from '../../db/errors.ts';
import type { ImportKind } from '../../db/nova-imports.ts';
import type { NovaDatabase } from '../../db/nova/open.ts';
import type { ForeignGuest } from '../../domain/moving/foreign-guest.ts';
import type { AttachedVolume } from '../../domain/moving/nova-volumes.ts';
import type { NicSpec } from '../../domain/networks/server-nics.ts';

/** A cell of Nova's that has servers. */
export interface NovaCell {
  readonly name: string;
  readonly nova: NovaDatabase;
}

/** The hosts as far as they are reached from here. Each rejects with a Fault where one is not. */
export interface MovingHosts {
  survey(host: string, uuid: string): Promise<ForeignGuest | null>;
  adopt(host: string, uuid: string, nics: readonly NicSpec[]): Promise<void>;
  release(host: string, uuid: string): Promise<void>;
}

/** What is asked of an operator's Cinder; nothing is changed there. */
export interface MovingVolumes {
  /** All that servers have, by the ids of attachments. Rejects with `unavailable` where it cannot be asked. */
  attached(): Promise<ReadonlyMap<string, AttachedVolume>>;
}

export interface MovingDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly api: NovaDatabase;
  readonly cells: readonly NovaCell[];
  /** Servers that never had a host; null: nobody said where. */
  readonly cell0: NovaDatabase | null;
  readonly hosts: MovingHosts;
  /** Whether ports of servers are Neutron's here, as they are there. */
  readonly hasNeutron: boolean;
  /** Null: volumes are not Cinder's here. */
  readonly volumes: MovingVolumes | null;
}

/**
 * `adopt`: it is taken over as it is. `change`: as well, but not in all. `adopted`: it was. `there`: the same is here already.
 * `refuse`: it stays where it is. `ignore`: it is nothing to take over.
 */
export type Verdict = 'adopt' | 'change' | 'adopted' | 'there' | 'refuse' | 'ignore';

export interface Line {
  readonly kind: ImportKind | 'host' | 'deleted';
  /** As Nova knows it. */
  readonly name: string;
  /** What people call it, where that is another thing. */
  readonly title?: string;
  readonly host?: string;
  readonly verdict: Verdict;
  readonly why: readonly string[];
}

/** One thing of Nova's, what becomes of it, and how. */
export interface Step {
  readonly line: Line;
  /** Takes it over; null: there is nothing to do. Twice is once. */
  readonly carry: (() => Promise<void>) | null;
}

/** With no reasons it is taken over as it is. */
export const verdictOf = (changes: readonly string[]): Verdict => (changes.length === 0 ? 'adopt' : 'change');

/**
 * Why one thing could not be moved, in one sentence: whatever a row has in it, the others go on.
 * @throws what was thrown, where a database is away: nothing goes on then
 */
export function reasonOf(error: unknown): string {
  if (error instanceof Fault) return messageOf(error);
  const known = databaseFault(error);
  if (known?.kind === 'unavailable') throw error;
  // the engines say the statement first, which helps nobody
  return known?.message ?? `it is not understood, or has no room here: ${messageOf(error).split(' - ').at(-1)}`;
}

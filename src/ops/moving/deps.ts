// Why: what the import from Nova depends on (both sides' databases and the hosts), and the common types of plan and apply.

import type { Clock } from '../../base/clock.ts';
import { Fault, messageOf } from '../../base/errors.ts';
import type { Database } from '../../db/engine.ts';
import { databaseFault } from '../../db/errors.ts';
import type { ImportKind } from '../../db/nova-imports.ts';
import type { NovaDatabase } from '../../db/nova/open.ts';
import type { ForeignGuest } from '../../domain/moving/foreign-guest.ts';
import type { AttachedVolume } from '../../domain/moving/nova-volumes.ts';
import type { NicSpec } from '../../domain/networks/server-nics.ts';

/** A Nova cell with servers. */
export interface NovaCell {
  readonly name: string;
  readonly nova: NovaDatabase;
}

/** The hosts. Each call rejects with a Fault if the host cannot be reached. */
export interface MovingHosts {
  survey(host: string, uuid: string): Promise<ForeignGuest | null>;
  adopt(host: string, uuid: string, nics: readonly NicSpec[]): Promise<void>;
  release(host: string, uuid: string): Promise<void>;
}

/** Read access to an operator's Cinder. */
export interface MovingVolumes {
  /** All attachments of servers, by id. Rejects with `unavailable` if Cinder cannot be reached. */
  attached(): Promise<ReadonlyMap<string, AttachedVolume>>;
}

export interface MovingDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly api: NovaDatabase;
  readonly cells: readonly NovaCell[];
  /** The database of servers that never had a host; null: it is not known. */
  readonly cell0: NovaDatabase | null;
  readonly hosts: MovingHosts;
  /** Whether this program uses Neutron, as that Nova does. */
  readonly hasNeutron: boolean;
  /** Null: this program does not use Cinder. */
  readonly volumes: MovingVolumes | null;
}

/**
 * `adopt`: taken over unchanged. `change`: taken over with changes. `adopted`: taken over before. `there`: the same object exists here.
 * `refuse`: stays with Nova. `ignore`: not an object to take over.
 */
export type Verdict = 'adopt' | 'change' | 'adopted' | 'there' | 'refuse' | 'ignore';

export interface Line {
  readonly kind: ImportKind | 'host' | 'deleted';
  /** Nova's id. */
  readonly name: string;
  /** Its display name, if that differs from `name`. */
  readonly title?: string;
  readonly host?: string;
  readonly verdict: Verdict;
  readonly why: readonly string[];
}

/** One object of Nova's, what becomes of it, and the function that does it. */
export interface Step {
  readonly line: Line;
  /** Takes it over, idempotently; null: there is nothing to do. */
  readonly carry: (() => Promise<void>) | null;
}

/** Without changes it is taken over as it is. */
export const verdictOf = (changes: readonly string[]): Verdict => (changes.length === 0 ? 'adopt' : 'change');

/**
 * Why one object could not be moved, in one sentence, so that a bad row does not stop the others.
 * @throws the error itself if a database is unreachable: nothing can continue then
 */
export function reasonOf(error: unknown): string {
  if (error instanceof Fault) return messageOf(error);
  const known = databaseFault(error);
  if (known?.kind === 'unavailable') throw error;
  // the engines put the whole SQL statement before the reason
  return known?.message ?? `it cannot be read, or cannot be stored here: ${messageOf(error).split(' - ').at(-1)}`;
}

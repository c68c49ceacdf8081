// Why: what handlers may use, handed in by the wiring: the reading side of the database, the verbs, the policy.

import type { Clock } from '../base/clock.ts';
import type { Caller } from '../base/op.ts';
import type { Log } from '../base/log.ts';
import type { Reader } from '../db/engine.ts';
import type { Ops } from '../ops/index.ts';
import type { Policy } from '../policies/load.ts';

export interface Services {
  readonly db: Reader;
  readonly ops: Ops;
  readonly policy: Policy;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: ApiSettings;
  readonly knowsProject: KnowsProject;
}

/** What the API needs of the configuration; see src/main/config.ts for the words. */
export interface ApiSettings {
  /** Nova's osapi `max_limit`. */
  readonly pageSize: number;
  readonly hostDownMs: number;
  readonly defaultZone: string;
  /** In which prices are. */
  readonly currency: string;
  /** The image service's URL as clients know it, without a version; null: the built-in one's, as each caller reaches it. */
  readonly imageUrl: string | null;
}

/**
 * Whether there is such a project. False only where identity says that there is none; where the caller may not know or identity
 * cannot be asked, the caller is believed, as in Nova.
 */
export type KnowsProject = (caller: Caller, projectId: string) => Promise<boolean>;

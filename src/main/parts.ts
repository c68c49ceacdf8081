// Why: what every part of the program is given, whichever of them run in this process.

import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../db/engine.ts';
import type { Policy } from '../policies/load.ts';
import type { Metrics } from '../web/metrics.ts';
import type { Cleanup } from './cleanup.ts';
import type { Config } from './config.ts';

export interface Parts {
  readonly config: Config;
  /** Database, images, guests' disks and clouds.yaml stand here. */
  readonly dataDir: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly database: Database;
  readonly policy: Policy;
  readonly metrics: Metrics;
  readonly cleanup: Cleanup;
}

/** What the services of HTTP have in common of them. */
export const webParts = ({ database, clock, log, policy, metrics, config }: Parts) => ({
  database,
  clock,
  log,
  policy,
  observer: metrics.web,
  bodyMs: config.api.body_timeout_seconds * 1000,
});

// Why: what every part of the program is given, whichever of them run in this process.

import { mkdirSync } from 'node:fs';
import { migrations } from '../../migrations/index.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { type Database, openDatabase } from '../db/engine.ts';
import { upgradeSchema } from '../db/upgrade.ts';
import { makePolicy, type Policy, policyFile } from '../policies/load.ts';
import { makeMetrics, type Metrics } from '../web/metrics.ts';
import { Cleanup } from './cleanup.ts';
import type { Config } from './config.ts';
import { databaseUrl } from './database-url.ts';
import { lockDataDir } from './lock.ts';

export interface StartOptions {
  readonly config: Config;
  /** Database, images, guests' disks and clouds.yaml stand here. */
  readonly dataDir: string;
  readonly log: Log;
}

/** What every process has, with a database or without. */
export interface BaseParts extends StartOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly cleanup: Cleanup;
}

/** What those have that keep the promises. */
export interface Parts extends BaseParts {
  readonly database: Database;
  readonly policy: Policy;
}

/** The data directory, locked. */
export function openBase({ config, dataDir, log }: StartOptions, cleanup: Cleanup): BaseParts {
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  cleanup.defer(lockDataDir(dataDir));
  return { config, dataDir, log, clock: systemClock, metrics: makeMetrics(), cleanup };
}

/** The same with its database at this program's schema, and what reads it. */
export async function openParts(options: StartOptions, cleanup: Cleanup): Promise<Parts> {
  const base = openBase(options, cleanup);
  const { config, dataDir, log, clock } = base;
  const database = openDatabase(databaseUrl(config, dataDir), config.database.pool_size);
  cleanup.defer(() => database.close());
  await upgradeSchema(database, migrations);
  const policy = makePolicy({ ...policyFile(config.policy.file, dataDir), log, clock });
  cleanup.defer(() => policy.close());
  return { ...base, database, policy };
}

/** Starts what `start` starts; on failure what was started is ended again. */
export async function started<T>(start: (cleanup: Cleanup) => Promise<T>): Promise<T> {
  const cleanup = new Cleanup();
  try {
    return await start(cleanup);
  } catch (error) {
    await cleanup.run();
    throw error;
  }
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

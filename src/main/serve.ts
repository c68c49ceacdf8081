// Why: everything in one process for one machine: database, neighbours, hypervisor, workers and the API on one port. This file
// puts the parts together and does nothing else; production puts the same parts apart.

import { mkdirSync } from 'node:fs';
import manifest from '../../package.json' with { type: 'json' };
import { migrations } from '../../migrations/index.ts';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { openDatabase } from '../db/engine.ts';
import { upgradeSchema } from '../db/migrate.ts';
import type { OpsHooks } from '../ops/index.ts';
import { makePolicy, policyFile } from '../policies/load.ts';
import { makeMetrics } from '../web/metrics.ts';
import { Cleanup } from './cleanup.ts';
import { cloudMetrics } from './cloud-metrics.ts';
import type { Config } from './config.ts';
import { type ControlPlane, makeControlPlane, type Running, startControlPlane } from './control-plane.ts';
import { databaseUrl } from './database-url.ts';
import { makeFront } from './front.ts';
import { listen } from './listen.ts';
import { lockDataDir } from './lock.ts';
import { openNeighbours } from './neighbours.ts';
import type { Parts } from './parts.ts';
import { makePortNews } from './port-news.ts';
import { noteReached, readReach } from './reach.ts';

export interface ServeOptions {
  readonly config: Config;
  /** Database, images, guests' disks and clouds.yaml stand here. */
  readonly dataDir: string;
  readonly log: Log;
  /** For tests that end the process at a point of an operation. */
  readonly hooks?: OpsHooks;
}

export interface Serving {
  /** `http://127.0.0.1:8774` */
  readonly url: string;
  readonly driverKind: string;
  /** Why there is no real hypervisor although one was looked for; null when that is as wished. */
  readonly fellBack: string | null;
  /** Null where a Keystone of the operator's own is used: then its users know how to reach it. */
  readonly cloudsYaml: string | null;
  close(): Promise<void>;
}

/** Starts everything; resolves once requests are served. On failure what was started is ended again. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const cleanup = new Cleanup();
  try {
    return await start(options, cleanup);
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

/** The data directory, locked, its database at this program's schema, and what reads them. */
async function openParts({ config, dataDir, log }: ServeOptions, cleanup: Cleanup): Promise<Parts> {
  const clock = systemClock;
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  cleanup.defer(lockDataDir(dataDir));
  const database = openDatabase(databaseUrl(config, dataDir), config.database.pool_size);
  cleanup.defer(() => database.close());
  await upgradeSchema(database, migrations);
  const policy = makePolicy({ ...policyFile(config.policy.file, dataDir), log, clock });
  cleanup.defer(() => policy.close());
  return { config, dataDir, log, clock, database, policy, metrics: makeMetrics(), cleanup };
}

function countCloud(
  { config, metrics, database, clock }: Parts,
  { bus }: ControlPlane,
  { worker, agents }: Running,
): void {
  cloudMetrics({
    ...{ metrics, database, clock, version: manifest.version },
    downMs: config.compute.down_seconds * 1000,
    queues: {
      actions: () => worker.running(),
      guests: () => agents.reduce((sum, agent) => sum + agent.waiting(), 0),
      reports: () => bus.waiting(),
    },
  });
}

async function start(options: ServeOptions, cleanup: Cleanup): Promise<Serving> {
  const parts = await openParts(options, cleanup);
  const { config, clock, log } = parts;
  // The port is known only once we listen; until everything is wired, requests wait.
  const reach = readReach(config.api);
  const port = await listen(config.api.host, config.api.port, reach.bounds);
  cleanup.defer(() => port.close());

  // what they tell is heard once everything is wired, before the first request
  const neighbours = await openNeighbours(parts, port.url, (news) => tellPorts(news));
  const { hosts, fellBack, identity } = neighbours;
  const plane = makeControlPlane(parts, neighbours, options.hooks);
  const tellPorts = makePortNews((op, events) => plane.ops.takeExternalEvents(op, events), { clock, log });
  countCloud(parts, plane, await startControlPlane(parts, plane, hosts));

  const { handler, consoles } = makeFront(parts, neighbours, plane);
  port.answerWith(...noteReached(reach, handler, consoles.upgrades));
  // ended first: what answers requests is still there for those under way
  cleanup.defer(() => port.close());
  cleanup.defer(() => consoles.close());
  const [{ driver }] = hosts;
  return {
    url: port.url,
    driverKind: driver.kind,
    fellBack,
    cloudsYaml: identity.cloudsYaml,
    close: () => cleanup.run(),
  };
}

// Why: what carries out actions: the verbs, a worker, the relay of notifications, and the agents of this process' hosts.

import { type Agent, startAgent } from '../agent/agent.ts';
import { directoryAnswers } from '../agent/answers.ts';
import { type MemoryBus, makeMemoryBus } from '../bus/memory.ts';
import { makeNotificationSender } from '../bus/notifications.ts';
import { startWorker, type Worker } from '../ops/engine/worker.ts';
import { makeOps, type Ops, type OpsDeps, type OpsHooks } from '../ops/index.ts';
import { startNotificationRelay } from '../ops/notifications/notification-relay.ts';
import { adjustMetrics } from './adjust-metrics.ts';
import { actionMetrics, reconcilerMetrics } from './cloud-metrics.ts';
import type { DrivenHost } from './driver.ts';
import type { Neighbours } from './neighbours.ts';
import { readOffers } from './offers.ts';
import { opsSettings } from './ops-settings.ts';
import type { Parts } from './parts.ts';
import { makeReportInterval } from './report-pace.ts';
import { workerName } from './worker-name.ts';

export interface ControlPlane {
  readonly bus: MemoryBus;
  readonly deps: OpsDeps;
  readonly ops: Ops;
}

/** The verbs with all that they need; nothing runs yet. */
export function makeControlPlane(parts: Parts, neighbours: Neighbours, hooks: OpsHooks | undefined): ControlPlane {
  const { config, database, clock, log, metrics, cleanup } = parts;
  const bus = makeMemoryBus({ clock, log });
  cleanup.defer(() => bus.close());
  const deps: OpsDeps = {
    database,
    bus,
    image: neighbours.images.service,
    network: neighbours.networks.service,
    volume: neighbours.volume,
    clock,
    log,
    ...opsSettings(config),
    observer: { ...adjustMetrics(metrics), ...actionMetrics(metrics), ...reconcilerMetrics(metrics, clock) },
    ...(hooks === undefined ? {} : { hooks }),
  };
  return { bus, deps, ops: makeOps(deps) };
}

export interface Running {
  readonly worker: Worker;
  readonly agents: readonly Agent[];
}

/** Carries out what waits and what comes. */
export async function startControlPlane(
  { config, dataDir, database, clock, log, cleanup }: Parts,
  { bus, deps }: ControlPlane,
  hosts: readonly [DrivenHost, ...DrivenHost[]],
): Promise<Running> {
  const [first] = hosts;
  const worker = await startWorker(deps, { name: workerName(dataDir), takeOver: true, host: first.name });
  cleanup.defer(() => worker.close());
  if (config.notifications.url !== '') {
    const relay = startNotificationRelay(deps, makeNotificationSender(config.notifications));
    cleanup.defer(() => relay.close());
  }
  const pace = {
    reportMs: config.compute.report_seconds * 1000,
    perSecond: config.compute.reports_per_second,
    downMs: config.compute.down_seconds * 1000,
  };
  const reportMs = makeReportInterval(database, pace, clock, log);
  const offers = readOffers(config.compute);
  const agents: Agent[] = [];
  for (const { name, driver, answersDir } of hosts) {
    const answers = directoryAnswers(answersDir);
    const agent = await startAgent({ host: name, bus, driver, answers, clock, log, reportMs, offers });
    cleanup.defer(() => agent.close());
    agents.push(agent);
  }
  // told before the agents are: an action that is refused because everything ends has not failed
  cleanup.defer(() => {
    worker.close().catch((error: unknown) => log.error({ err: error }, 'the worker did not end well'));
  });
  return { worker, agents };
}

// Why: what carries out actions: the verbs, a worker, and the relay of notifications.

import type { Bus } from '../bus/bus.ts';
import { makeNotificationSender } from '../bus/notifications.ts';
import { startWorker, type Worker } from '../ops/engine/worker.ts';
import { makeOps, type Ops, type OpsDeps } from '../ops/index.ts';
import { startNotificationRelay } from '../ops/notifications/notification-relay.ts';
import { adjustMetrics } from './adjust-metrics.ts';
import { actionMetrics, reconcilerMetrics, reportMetrics } from './cloud-metrics.ts';
import { mkdir } from 'node:fs/promises';
import { runProgram } from '../base/run.ts';
import { makeCopyStore } from '../cloud/copy-store.ts';
import { backupsDirectory } from './directories.ts';
import type { Neighbours } from './neighbours.ts';
import { opsSettings } from './ops-settings.ts';
import type { Parts } from './parts.ts';
import { workerName } from './worker-name.ts';

export interface ControlPlane {
  readonly bus: Bus;
  readonly deps: OpsDeps;
  readonly ops: Ops;
}

/** The verbs with all that they need; nothing runs yet. */
export function makeControlPlane(
  parts: Parts,
  bus: Bus,
  neighbours: Neighbours,
  more: Pick<OpsDeps, 'hooks' | 'placement' | 'sshPorts'> = {},
): ControlPlane {
  const { config, database, clock, log, metrics, dataDir } = parts;
  const deps: OpsDeps = {
    database,
    bus,
    image: neighbours.images.service,
    network: neighbours.networks.service,
    volume: neighbours.volumes.service,
    copies: makeCopyStore(backupsDirectory(config, dataDir), runProgram),
    clock,
    log,
    ...opsSettings(config),
    observer: {
      ...adjustMetrics(metrics),
      ...actionMetrics(metrics),
      ...reconcilerMetrics(metrics, clock),
      ...reportMetrics(metrics),
    },
    ...more,
  };
  return { bus, deps, ops: makeOps(deps) };
}

/**
 * Carries out what waits and what comes.
 * @param host the machine, under whose name the control plane is told to live
 */
export async function startControlPlane(
  { config, dataDir, cleanup }: Parts,
  { deps }: ControlPlane,
  host: string,
): Promise<Worker> {
  await mkdir(backupsDirectory(config, dataDir), { recursive: true, mode: 0o711 });
  // whoever holds the directory's lock knows that all before it there are dead
  const worker = await startWorker(deps, { name: workerName(dataDir), takeOver: true, host });
  cleanup.defer(() => worker.close());
  if (config.notifications.url !== '') {
    const relay = startNotificationRelay(deps, makeNotificationSender(config.notifications));
    cleanup.defer(() => relay.close());
  }
  return worker;
}

// Why: the built-in volume service: Cinder's API for clients, and the same volumes for compute without a network between.

import type { Authenticate } from '../../base/op.ts';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { type Run, runProgramUntil } from '../../base/run.ts';
import type { ImageService } from '../../cloud/image.ts';
import type { Database } from '../../db/engine.ts';
import { databaseFault, isTooLong } from '../../db/errors.ts';
import { dropLeases } from '../../db/volume-jobs.ts';
import { existingIds } from '../../db/volumes.ts';
import { tx } from '../../db/tx.ts';
import { makeWeb, type Web, type WebObserver } from '../../web/app.ts';
import { novaEnvelope } from '../../web/faults.ts';
import type { Policy } from '../../policies/load.ts';
import { makeAllows } from '../access.ts';
import { makeRoutes, type Routes } from '../http.ts';
import { addAboutRoutes } from './about-routes.ts';
import { addAttachmentRoutes } from './attachment-routes.ts';
import { makeVolumeFiles } from './files.ts';
import { addGroupRoutes } from './group-routes.ts';
import { type JobRunner, startJobs } from './jobs.ts';
import type { AttachedVolumes, VolumeParts } from './parts.ts';
import { addQosRoutes } from './qos-routes.ts';
import { addQuotaRoutes } from './quota-routes.ts';
import { defaultVolumeQuota, type VolumeQuota } from './quota.ts';
import { addSnapshotRoutes } from './snapshot-routes.ts';
import { addTransferRoutes } from './transfers.ts';
import { addTypeRoutes } from './type-routes.ts';
import { ensureDefaultType } from './types.ts';
import { addVolumeActions } from './volume-actions.ts';
import { addVolumeRoutes } from './volume-routes.ts';
import { missingRoute, refusal, useVersion } from './web.ts';

export interface VolumesOptions {
  readonly database: Database;
  /** Where the bytes lie; every host that runs guests has it under the same path. */
  readonly directory: string;
  readonly images: ImageService;
  readonly authenticate: Authenticate;
  readonly policy: Pick<Policy, 'allows'>;
  /** Of each project, unless set otherwise. */
  readonly quota?: VolumeQuota;
  readonly zone: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: WebObserver;
  readonly bodyMs?: number | undefined;
  /** What starts programs, which the signal ends. Default: the real one. */
  readonly programs?: (ending: AbortSignal) => Run;
}

export interface Volumes {
  readonly app: Web;
  readonly parts: VolumeParts;
  /** To be called once before serving. */
  ensureBootstrap(): Promise<void>;
  /**
   * Carries out work on files in this process from now on.
   * @param alone nobody else does: what is held by a process that is no more is begun again at once
   */
  startWork(alone: boolean, attached: AttachedVolumes): Promise<void>;
  close(): Promise<void>;
}

export function addAllVolumeRoutes(routes: Routes, parts: VolumeParts): void {
  addAboutRoutes(routes, parts);
  addVolumeRoutes(routes, parts);
  addVolumeActions(routes, parts);
  addSnapshotRoutes(routes, parts);
  addAttachmentRoutes(routes, parts);
  addTransferRoutes(routes, parts);
  addTypeRoutes(routes, parts);
  addQosRoutes(routes, parts);
  addQuotaRoutes(routes, parts);
  addGroupRoutes(routes);
}

/** Removes files that no row names, now and from time to time. */
function keepSwept({ files, database, log }: VolumeParts): NodeJS.Timeout {
  const sweep = async (): Promise<void> => {
    const table = { volume: 'volumes', snapshot: 'volume_snapshots' } as const;
    const removed = await files.sweep((kind, ids) => existingIds(database.read, table[kind], ids));
    if (removed > 0) log.warn({ count: removed }, 'files of volumes without a volume removed');
  };
  const quietly = () =>
    void sweep().catch((error: unknown) => log.error({ err: error }, 'files of volumes could not be swept'));
  quietly();
  return setInterval(quietly, limits.imageSweepMs).unref();
}

/** JSON that clients fill is bounded by the request, and its columns are smaller. */
const faultOf = (error: unknown): Fault | null =>
  isTooLong(error)
    ? new Fault('tooLarge', 'What was asked for is longer than what can be kept.', {
        cause: error,
        retryAfterSeconds: 0,
      })
    : databaseFault(error);

export function makeVolumes(options: VolumesOptions): Volumes {
  const { database, clock, log, observer, authenticate, images, zone } = options;
  let runner: JobRunner | null = null;
  let hosts: AttachedVolumes | null = null;
  let sweeping: NodeJS.Timeout | undefined;
  const ending = new AbortController();
  const run = (options.programs ?? runProgramUntil)(ending.signal);
  const parts: VolumeParts = {
    ...{ database, images, clock, log, zone },
    files: makeVolumeFiles(options.directory, run, ending.signal),
    allows: makeAllows(options.policy),
    quota: options.quota ?? defaultVolumeQuota,
    wake: () => runner?.wake(),
    attached: () => hosts,
  };
  const app = makeWeb({
    ...{ service: 'volume', envelope: novaEnvelope, recognize: faultOf, clock, log, observer },
    bodyMs: options.bodyMs,
  });
  useVersion(app);
  const routes = makeRoutes();
  addAllVolumeRoutes(routes, parts);
  routes.serve(app, { service: 'volume', authenticate, allows: parts.allows, refusal, missing: missingRoute });
  return {
    app,
    parts,
    ensureBootstrap: () => ensureDefaultType(parts),
    async startWork(alone, attached) {
      hosts = attached;
      if (alone) await tx(database, dropLeases);
      runner = startJobs(parts, () => ending.abort());
      sweeping = keepSwept(parts);
      runner.wake();
    },
    async close() {
      clearInterval(sweeping);
      await runner?.close();
    },
  };
}

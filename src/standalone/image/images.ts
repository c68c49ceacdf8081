// Why: the built-in image service: Glance's API for clients, and the same images for compute without a network between.

import type { Authenticate } from '../../base/op.ts';
import type { Clock } from '../../base/clock.ts';
import { limits } from '../../base/limits.ts';
import { makeMutex } from '../../base/mutex.ts';
import type { Log } from '../../base/log.ts';
import type { ImageService } from '../../cloud/image.ts';
import type { Database } from '../../db/engine.ts';
import { databaseFault } from '../../db/errors.ts';
import { existingImageIds } from '../../db/images.ts';
import { makeWeb, type Web, type WebObserver } from '../../web/app.ts';
import { htmlEnvelope } from '../../web/faults.ts';
import type { Policy } from '../../policies/load.ts';
import { makeAllows } from '../access.ts';
import { makeRoutes } from '../http.ts';
import { endHalfUploads } from './data.ts';
import { makeImageFiles } from './files.ts';
import { addMetadefRoutes } from './metadefs.ts';
import { type ImageQuota, unlimited } from './quota.ts';
import { addImageRoutes } from './routes.ts';
import { refusal } from './rules.ts';
import { makeImageService } from './service.ts';

export interface ImagesOptions {
  readonly database: Database;
  /** Where the data lies. */
  readonly directory: string;
  /** Who of several writes there; default: there is one. */
  readonly owner?: string;
  readonly authenticate: Authenticate;
  readonly policy: Pick<Policy, 'allows'>;
  /** Of each project. Default: unlimited. */
  readonly quota?: ImageQuota;
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: WebObserver;
  /** How long a JSON body may take to come. */
  readonly bodyMs?: number | undefined;
}

export interface Images {
  readonly app: Web;
  readonly service: ImageService;
  /** To be called once before serving: uploads that died with the last process are queued images again. */
  ensureBootstrap(): Promise<void>;
  /** Looks no more for files that no image has. */
  close(): void;
}

export function makeImages(options: ImagesOptions): Images {
  const { database, clock, log, observer, authenticate } = options;
  const files = makeImageFiles(options.directory, { owner: options.owner ?? '' });
  const app = makeWeb({
    service: 'image',
    envelope: htmlEnvelope,
    recognize: databaseFault,
    clock,
    log,
    observer,
    bodyMs: options.bodyMs,
  });
  const routes = makeRoutes();
  const allows = makeAllows(options.policy);
  const parts = { database, files, clock, log, allows, quota: options.quota ?? unlimited, turns: makeMutex() };
  addImageRoutes(routes, parts);
  addMetadefRoutes(routes);
  routes.serve(app, { service: 'image', authenticate, allows, refusal, missing: 'The resource could not be found.' });
  const sweep = async (): Promise<void> => {
    const removed = await files.sweep((ids) => existingImageIds(database.read, ids));
    if (removed.length > 0)
      log.warn({ images: removed.slice(0, 10), count: removed.length }, 'image files without image removed');
  };
  const sweeping = setInterval(() => {
    sweep().catch((error: unknown) => log.error({ err: error }, 'image files could not be swept'));
  }, limits.imageSweepMs);
  sweeping.unref();
  return {
    app,
    service: makeImageService(parts),
    async ensureBootstrap() {
      const others = await files.removePartial();
      await sweep();
      await endHalfUploads(parts, others);
    },
    close: () => clearInterval(sweeping),
  };
}

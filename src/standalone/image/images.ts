// Why: the built-in image service: Glance's API for clients, and the same images for compute without a network between.

import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { ImageService } from '../../cloud/image.ts';
import type { Database } from '../../db/engine.ts';
import { imageIdsIn, moveImage } from '../../db/images.ts';
import { tx } from '../../db/tx.ts';
import { makeWeb, type Web, type WebObserver } from '../../web/app.ts';
import { htmlEnvelope } from '../../web/faults.ts';
import type { Policy } from '../../policies/load.ts';
import { makeAllows } from '../access.ts';
import { type Authenticate, makeRoutes } from '../http.ts';
import { makeImageFiles } from './files.ts';
import { addMetadefRoutes } from './metadefs.ts';
import { addImageRoutes } from './routes.ts';
import { refusal } from './rules.ts';
import { makeImageService } from './service.ts';

export interface ImagesOptions {
  readonly database: Database;
  /** The data lies in `<dataDir>/images`. */
  readonly dataDir: string;
  readonly authenticate: Authenticate;
  readonly policy: Pick<Policy, 'allows'>;
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
}

export function makeImages(options: ImagesOptions): Images {
  const { database, clock, log, observer, authenticate } = options;
  const files = makeImageFiles(join(options.dataDir, 'images'));
  const app = makeWeb({ service: 'image', envelope: htmlEnvelope, clock, log, observer, bodyMs: options.bodyMs });
  const routes = makeRoutes();
  const allows = makeAllows(options.policy);
  const parts = { database, files, clock, log, allows };
  addImageRoutes(routes, parts);
  addMetadefRoutes(routes);
  routes.serve(app, { authenticate, allows, refusal, missing: 'The resource could not be found.' });
  return {
    app,
    service: makeImageService(parts),
    async ensureBootstrap() {
      await files.sweep();
      for (const id of await imageIdsIn(database.read, 'saving')) {
        await tx(database, (trx) => moveImage(trx, id, ['saving'], 'queued', clock.now()));
      }
    },
  };
}

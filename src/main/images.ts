// Why: images are the built-in service's or those of an operator's Glance; whoever asks is not told which.

import { type Authenticate, systemCaller } from '../base/op.ts';
import type { ImageService } from '../cloud/image.ts';
import { verifiedImages } from '../cloud/verified-images.ts';
import { makeImages } from '../standalone/image/images.ts';
import type { ImageSink, ImageSource } from '../virt/driver.ts';
import type { Web } from '../web/app.ts';
import { htmlEnvelope } from '../web/faults.ts';
import { isShared } from './bus.ts';
import { bad } from './config-values.ts';
import { imagesDirectory } from './directories.ts';
import { type Condition, seldom } from './health.ts';
import { openKeystone } from './identity.ts';
import { type BaseParts, type Parts, webParts } from './parts.ts';
import { workerName } from './worker-name.ts';

export interface OpenedImages {
  readonly service: ImageService;
  /** For hosts of this process: what came from elsewhere is held against its hash. */
  readonly forHosts: ImageSource & ImageSink;
  /** Answers what is asked under `/image`. */
  readonly app: Web;
  /** To be called once before serving. */
  ensureBootstrap(): Promise<void>;
  readonly conditions: readonly Condition[];
}

export interface RemoteImages {
  readonly service: ImageService;
  /** Where it is, without a version. */
  readonly endpoint: () => Promise<string>;
}

/** An image service over HTTP, asked as ourselves where no caller's token is there; ended with the process. */
export async function openRemoteImages({ config, clock, log, cleanup }: BaseParts): Promise<RemoteImages> {
  const { endpoint: given } = config.image;
  const keystone = await openKeystone({ config, clock, log });
  cleanup.defer(() => keystone.close());
  const endpoint = async () => given || keystone.endpoint('image');
  const { makeGlance } = await import('../cloud/glance.ts');
  const glance = makeGlance({ endpoint, serviceToken: (renew) => keystone.serviceToken(renew) });
  cleanup.defer(() => glance.close());
  return { service: glance, endpoint };
}

/** Asks for an image, as ourselves: so the address and the credentials are good, and its database answers. */
const answers = (service: ImageService): Condition => ({
  name: 'image',
  problem: seldom(async () => {
    await service.list(systemCaller, { filters: {}, limit: 1, marker: null });
    return null;
  }),
});

async function openOperators(parts: Parts, authenticate: Authenticate): Promise<OpenedImages> {
  if (parts.config.identity.auth_url === '')
    throw bad('identity.auth_url', "an operator's Glance asks his Keystone: say where it is");
  const { service, endpoint } = await openRemoteImages(parts);
  const { clock, log, observer } = webParts(parts);
  const { makeRelay } = await import('../web/relay.ts');
  // for the faces, which ask every service at one address
  const relay = makeRelay({ service: 'image', envelope: htmlEnvelope, clock, log, observer, endpoint, authenticate });
  parts.cleanup.defer(() => relay.close());
  return {
    service,
    forHosts: verifiedImages(service, systemCaller),
    app: relay.app,
    async ensureBootstrap() {},
    conditions: [answers(service)],
  };
}

function openBuiltIn(parts: Parts, authenticate: Authenticate): OpenedImages {
  const { config, dataDir, cleanup } = parts;
  const images = makeImages({
    ...webParts(parts),
    directory: imagesDirectory(config, dataDir),
    ...(isShared(config) ? { owner: workerName(dataDir) } : {}),
    authenticate,
    quota: config.image,
  });
  cleanup.defer(() => images.close());
  return {
    service: images.service,
    forHosts: images.service,
    app: images.app,
    ensureBootstrap: () => images.ensureBootstrap(),
    conditions: [],
  };
}

/** Those of a process that takes no uploads, or that does. */
export const openImages = async (parts: Parts, authenticate: Authenticate): Promise<OpenedImages> =>
  parts.config.image.service === 'glance' ? openOperators(parts, authenticate) : openBuiltIn(parts, authenticate);

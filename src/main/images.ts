// Why: images are the built-in service's or those of an operator's Glance; whoever asks is not told which.

import { type Authenticate, systemCaller } from '../base/op.ts';
import type { ImageService } from '../cloud/image.ts';
import { verifiedImages } from '../cloud/verified-images.ts';
import { makeImages } from '../standalone/image/images.ts';
import type { ImageSink, ImageSource } from '../virt/driver.ts';
import type { Web } from '../web/app.ts';
import { htmlEnvelope } from '../web/faults.ts';
import { isShared } from './bus.ts';
import { imagesDirectory } from './directories.ts';
import type { Condition } from './health.ts';
import { type Adapter, answering, openAdapter, openRelay } from './operators.ts';
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

/** An image service over HTTP; ended with the process. */
export async function openGlance({ cleanup }: Pick<BaseParts, 'cleanup'>, adapter: Adapter): Promise<ImageService> {
  // loaded where it is used: its HTTP client alone is ten MiB
  const { makeGlance } = await import('../cloud/glance.ts');
  const glance = makeGlance(adapter);
  cleanup.defer(() => glance.close());
  return glance;
}

/** Images whose hash is held against what the service says, and their signature where the operator wants that. */
export async function openVerified(parts: BaseParts, images: ImageService): Promise<ImageSource & ImageSink> {
  const { verify_signatures: wanted, key_manager_endpoint: given } = parts.config.image;
  if (wanted === 'no') return verifiedImages(images, systemCaller);
  const { barbicanCertificates, imageSignatures } = await import('../cloud/image-signatures.ts');
  const { makeNeighbour } = await import('../cloud/neighbour.ts');
  const barbican = makeNeighbour('key-manager', await openAdapter(parts, 'key-manager', given));
  parts.cleanup.defer(() => barbican.close());
  return verifiedImages(images, systemCaller, imageSignatures(barbicanCertificates(barbican)));
}

async function openOperators(parts: Parts, authenticate: Authenticate): Promise<OpenedImages> {
  const adapter = await openAdapter(parts, 'image', parts.config.image.endpoint);
  const service = await openGlance(parts, adapter);
  return {
    service,
    forHosts: await openVerified(parts, service),
    app: await openRelay(parts, adapter, htmlEnvelope, authenticate),
    async ensureBootstrap() {},
    // asks for an image, as ourselves: so the address and the credentials are good, and its database answers
    conditions: [answering('image', () => service.list(systemCaller, { filters: {}, limit: 1, marker: null }))],
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

/** The image service that `image.service` names. */
export const openImages = async (parts: Parts, authenticate: Authenticate): Promise<OpenedImages> =>
  parts.config.image.service === 'glance' ? openOperators(parts, authenticate) : openBuiltIn(parts, authenticate);

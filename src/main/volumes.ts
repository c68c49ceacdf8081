// Why: volumes are the built-in service's or those of an operator's Cinder; whoever asks is not told which.

import type { Authenticate } from '../base/op.ts';
import type { VolumeService } from '../cloud/volume.ts';
import { makeVolumeService } from '../standalone/volume/compute.ts';
import type { AttachedVolumes } from '../standalone/volume/parts.ts';
import { defaultVolumeQuota } from '../standalone/volume/quota.ts';
import { makeVolumes } from '../standalone/volume/service.ts';
import type { Web } from '../web/app.ts';
import { novaEnvelope } from '../web/faults.ts';
import { volumesDirectory } from './directories.ts';
import type { Condition } from './health.ts';
import type { OpenedImages } from './images.ts';
import { answering, checkOperators, openAdapter, openRelay } from './operators.ts';
import { type Parts, webParts } from './parts.ts';

export interface OpenedVolumes {
  readonly service: VolumeService;
  /** Answers what is asked under `/volume`. */
  readonly app: Web;
  /** To be called once before serving. */
  ensureBootstrap(): Promise<void>;
  /**
   * Carries out work on files in this process from now on.
   * @param alone nobody else does: what is held by a process that is no more is begun again at once
   */
  startWork(alone: boolean, attached: AttachedVolumes): Promise<void>;
  readonly conditions: readonly Condition[];
}

async function openOperators(parts: Parts, authenticate: Authenticate, images: OpenedImages): Promise<OpenedVolumes> {
  const { config, log, cleanup } = parts;
  checkOperators(config);
  const adapter = await openAdapter(parts, 'volume', config.volume.endpoint);
  // loaded where it is used: its HTTP client alone is ten MiB
  const { makeCinder } = await import('../cloud/cinder.ts');
  const cinder = makeCinder(adapter, { images: images.service, log });
  cleanup.defer(() => cinder.close());
  return {
    service: cinder,
    app: await openRelay(parts, adapter, novaEnvelope, authenticate),
    async ensureBootstrap() {},
    // its storage is its own
    async startWork() {},
    conditions: [answering('volume', () => cinder.answers())],
  };
}

function openBuiltIn(parts: Parts, authenticate: Authenticate, images: OpenedImages): OpenedVolumes {
  const { config, dataDir, cleanup } = parts;
  const { volume } = config;
  const volumes = makeVolumes({
    ...webParts(parts),
    authenticate,
    images: images.service,
    directory: volumesDirectory(config, dataDir),
    zone: config.compute.zone,
    quota: {
      ...defaultVolumeQuota,
      volumes: volume.quota_volumes,
      snapshots: volume.quota_snapshots,
      gigabytes: volume.quota_gigabytes,
      per_volume_gigabytes: volume.quota_per_volume_gigabytes,
    },
  });
  cleanup.defer(() => volumes.close());
  return {
    service: makeVolumeService(volumes.parts),
    app: volumes.app,
    ensureBootstrap: () => volumes.ensureBootstrap(),
    startWork: (alone, attached) => volumes.startWork(alone, attached),
    conditions: [],
  };
}

/** The volume service that `volume.service` names. */
export const openVolumes = async (
  parts: Parts,
  authenticate: Authenticate,
  images: OpenedImages,
): Promise<OpenedVolumes> =>
  parts.config.volume.service === 'cinder'
    ? openOperators(parts, authenticate, images)
    : openBuiltIn(parts, authenticate, images);

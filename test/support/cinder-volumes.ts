// Why: what holds of volumes in memory holds of Cinder's: the same suites run over both.

import { randomUUID } from 'node:crypto';
import { silentLog } from '../../src/base/log.ts';
import { makeCinder } from '../../src/cloud/cinder.ts';
import type { ImageService } from '../../src/cloud/image.ts';
import { type CinderDouble, type Known, startCinderDouble } from './cinder-double.ts';
import { callers } from './callers.ts';
import type { MemoryVolumes } from './memory-volumes.ts';

const SERVICE: Known = { project: '0000000000000000000000000000ce21', isAdmin: true, isService: true };

export interface CinderVolumes extends MemoryVolumes {
  readonly cinder: CinderDouble;
  close(): Promise<void>;
}

/** Callers of tests, and the service, at a Cinder of their own. @param images of which volumes may be made */
export async function startCinderVolumes(images: () => Pick<ImageService, 'find'>): Promise<CinderVolumes> {
  const known = Object.fromEntries(
    Object.entries(callers).map(([name, { projectId, isAdmin }]) => [name, { project: projectId ?? '', isAdmin }]),
  );
  const cinder = await startCinderDouble({ ...known, service: SERVICE });
  const service = makeCinder(
    {
      endpoint: cinder.endpoint,
      serviceToken: async () => 'service',
      serviceProject: async () => SERVICE.project,
    },
    { images: { find: (caller, id) => images().find(caller, id) }, log: silentLog },
  );
  return {
    ...service,
    cinder,
    add(projectId, { bootable = false, imageMetadata = null, sizeGb = 1, metadata = {} } = {}) {
      const id = randomUUID();
      cinder.volumes.set(id, {
        ...{
          id,
          status: 'available',
          size: sizeGb,
          name: null,
          description: null,
          metadata,
          availability_zone: 'nova',
        },
        ...{
          volume_type: null,
          bootable: String(bootable),
          snapshot_id: null,
          created_at: '2026-01-01T00:00:00.000000',
        },
        ...(imageMetadata !== null && { volume_image_metadata: imageMetadata }),
        'os-vol-tenant-attr:tenant_id': projectId,
      });
      return id;
    },
    stateOf: (id) => cinder.volumes.get(id)?.status ?? null,
    attachments: () =>
      [...cinder.attachments.values()].map(({ serverUuid, info: _info, ...one }) => ({
        ...one,
        serverUuid: serverUuid ?? '',
      })),
    taken: () =>
      [...cinder.snapshots.values()].map((one) => ({
        ...{ id: one.id, volumeId: one.volume_id, name: one['name'], description: null, status: one.status },
        ...{ sizeGb: one['size'], createdAt: 0, imageMetadata: one['imageOf'], quiesced: false },
        projectId: one['os-vol-tenant-attr:tenant_id'],
      })),
    fail(what) {
      cinder.snapshotsAre = what === 'snapshot' ? 'error' : 'available';
      cinder.reimages = what === 'reimage' ? 'error' : 'done';
    },
    async close() {
      await service.close();
      await cinder.stop();
    },
  };
}

// Why: compute is tested without a disk behind it: volumes that stand in memory keep the promises of the interface.

import { randomUUID } from 'node:crypto';
import { badRequest, notFound } from '../../src/base/errors.ts';
import { noVolumes, type Volume, type VolumeService, type VolumeSnapshot } from '../../src/cloud/volume.ts';
import { snapshotMissing, volumeMissing } from '../../src/domain/servers/volumes.ts';

interface Attachment {
  readonly id: string;
  readonly volumeId: string;
  readonly serverUuid: string;
  host: string | null;
  device: string | null;
  status: 'reserved' | 'attaching' | 'attached';
}

export interface MemoryVolumes extends VolumeService {
  /** A volume that is there. */
  add(projectId: string, fields?: Partial<Volume>): string;
  /** Status of a volume; null: it is gone. */
  stateOf(id: string): string | null;
  attachments(): readonly Attachment[];
}

export function makeMemoryVolumes(): MemoryVolumes {
  const volumes = new Map<string, Volume>();
  const attachments = new Map<string, Attachment>();
  const snapshots = new Map<string, VolumeSnapshot>();
  const noSnapshot = (id: string) => notFound(snapshotMissing(id), { code: 'SnapshotNotFound' });
  const of = (volumeId: string) => [...attachments.values()].filter((one) => one.volumeId === volumeId);
  const detaching = new Set<string>();
  const found = (id: string): Volume => {
    const volume = volumes.get(id);
    if (volume === undefined) throw notFound(volumeMissing(id), { code: 'VolumeNotFound' });
    const held = of(id);
    const status = held.some((one) => one.status === 'attached')
      ? detaching.has(id)
        ? 'detaching'
        : 'in-use'
      : held.length > 0
        ? 'reserved'
        : volume.status;
    return { ...volume, status, attachments: held.map(({ serverUuid, device }) => ({ serverUuid, device })) };
  };
  const add = (projectId: string, fields: Partial<Volume> = {}): string => {
    const id = fields.id ?? randomUUID();
    volumes.set(id, {
      ...{ id, projectId, name: null, description: null, status: 'available', sizeGb: 1, zone: 'nova', type: null },
      ...{ bootable: false, snapshotId: null, metadata: {}, imageMetadata: null, attachments: [], createdAt: 0 },
      ...fields,
    });
    return id;
  };
  return {
    ...noVolumes,
    add,
    stateOf: (id) => (volumes.has(id) ? found(id).status : null),
    attachments: () => [...attachments.values()],
    volumes: async ({ projectId }) => [...volumes.keys()].map(found).filter((one) => one.projectId === projectId),
    volume: async (_caller, id) => found(id),
    createVolume: async ({ projectId }, { imageId: _image, sizeGb, zone, ...request }) => {
      if (request.snapshotId !== null && !snapshots.has(request.snapshotId)) throw noSnapshot(request.snapshotId);
      return found(add(projectId ?? '', { ...request, sizeGb: sizeGb ?? 1, zone: zone ?? 'nova' }));
    },
    async deleteVolume(_caller, id) {
      found(id);
      volumes.delete(id);
    },
    snapshots: async () => [...snapshots.values()],
    async snapshot(_caller, id) {
      const snapshot = snapshots.get(id);
      if (snapshot === undefined) throw noSnapshot(id);
      return snapshot;
    },
    async createSnapshot(_caller, request) {
      const { sizeGb } = found(request.volumeId);
      const snapshot = { ...request, id: randomUUID(), status: 'creating', sizeGb, createdAt: 0 };
      snapshots.set(snapshot.id, snapshot);
      return snapshot;
    },
    async deleteSnapshot(_caller, id) {
      if (!snapshots.delete(id)) throw noSnapshot(id);
    },
    async checkNew(_caller, { snapshotId }) {
      if (snapshotId !== null && !snapshots.has(snapshotId)) throw noSnapshot(snapshotId);
      return { imageMetadata: null };
    },
    make: async (id, { projectId }, { sizeGb }) =>
      void (volumes.has(id) || add(projectId, { id, sizeGb: sizeGb ?? 1 })),
    status: async (id) => (volumes.has(id) ? found(id).status : null),
    async reserve(volumeId, serverUuid) {
      const held = of(volumeId).find((one) => one.serverUuid === serverUuid);
      if (held !== undefined) return held.id;
      if (found(volumeId).status !== 'available') throw badRequest(`Volume ${volumeId} is not available.`);
      const id = randomUUID();
      attachments.set(id, { id, volumeId, serverUuid, host: null, device: null, status: 'reserved' });
      return id;
    },
    async connect(id, host) {
      const attachment = attachments.get(id);
      if (attachment === undefined) throw notFound(`Attachment ${id} could not be found.`);
      attachment.host = host;
      if (attachment.status === 'reserved') attachment.status = 'attaching';
      return { path: `/volumes/${attachment.volumeId}`, format: 'qcow2', readonly: false, limits: {} };
    },
    async complete(id, device) {
      const attachment = attachments.get(id);
      if (attachment === undefined) throw notFound(`Attachment ${id} could not be found.`);
      Object.assign(attachment, { device, status: 'attached' });
    },
    async disconnect(id) {
      const attachment = attachments.get(id);
      if (attachment !== undefined) Object.assign(attachment, { host: null, status: 'reserved' });
    },
    async detaching(id, begins) {
      if (begins) detaching.add(id);
      else detaching.delete(id);
    },
    async release(id) {
      const { volumeId = '' } = attachments.get(id) ?? {};
      detaching.delete(volumeId);
      attachments.delete(id);
    },
    async releaseAll(serverUuid) {
      for (const { id, serverUuid: of } of attachments.values()) if (of === serverUuid) attachments.delete(id);
    },
    async remove(id) {
      volumes.delete(id);
    },
  };
}

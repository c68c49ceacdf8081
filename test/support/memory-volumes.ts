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
  /** Snapshots that there are. */
  taken(): readonly TakenSnapshot[];
  /** What becomes of the snapshots and of the new data that are asked for from now on: done at once, unless told otherwise. */
  fail(what: 'snapshot' | 'reimage' | null): void;
}

interface TakenSnapshot extends VolumeSnapshot {
  readonly imageMetadata: Volume['imageMetadata'];
  readonly quiesced: boolean;
  readonly projectId: string;
}

export function makeMemoryVolumes(): MemoryVolumes {
  const volumes = new Map<string, Volume>();
  const attachments = new Map<string, Attachment>();
  const snapshots = new Map<string, TakenSnapshot>();
  let failing: 'snapshot' | 'reimage' | null = null;
  const noSnapshot = (id: string) => notFound(snapshotMissing(id), { code: 'SnapshotNotFound' });
  const of = (volumeId: string) => [...attachments.values()].filter((one) => one.volumeId === volumeId);
  const detaching = new Set<string>();
  const found = (id: string): Volume => {
    const volume = volumes.get(id);
    if (volume === undefined) throw notFound(volumeMissing(id), { code: 'VolumeNotFound' });
    const held = of(id);
    const used = detaching.has(id) ? 'detaching' : 'in-use';
    const ofAttachments = held.some((one) => one.status === 'attached') ? used : 'reserved';
    const status = held.length === 0 || volume.status !== 'available' ? volume.status : ofAttachments;
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
    taken: () => [...snapshots.values()],
    fail(what) {
      failing = what;
    },
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
      const { sizeGb, imageMetadata, projectId } = found(request.volumeId);
      const made = {
        id: randomUUID(),
        status: 'creating',
        sizeGb,
        imageMetadata,
        projectId,
        quiesced: false,
        createdAt: 0,
      };
      const snapshot = { ...request, ...made };
      snapshots.set(snapshot.id, snapshot);
      return snapshot;
    },
    async deleteSnapshot(_caller, id) {
      if (!snapshots.delete(id)) throw noSnapshot(id);
    },
    async checkNew({ projectId, isAdmin }, { snapshotId }) {
      const snapshot = snapshots.get(snapshotId ?? '');
      const isSeen = snapshot !== undefined && (isAdmin || snapshot.projectId === projectId);
      if (snapshotId !== null && !isSeen) throw noSnapshot(snapshotId);
      return { imageMetadata: snapshot?.imageMetadata ?? null };
    },
    async make(id, { projectId }, { sizeGb, snapshotId }) {
      if (volumes.has(id)) return;
      const { imageMetadata = null } = snapshots.get(snapshotId ?? '') ?? {};
      add(projectId, { id, sizeGb: sizeGb ?? 1, snapshotId, imageMetadata, bootable: imageMetadata !== null });
    },
    async checkSnapshots(_caller, ids) {
      for (const id of ids) found(id);
    },
    async makeSnapshot(id, { volumeId, name, description, quiesce }) {
      if (snapshots.has(id)) return;
      const { sizeGb, imageMetadata, projectId } = found(volumeId);
      const status = failing === 'snapshot' ? 'error' : 'available';
      const kept = { sizeGb, imageMetadata, projectId, quiesced: quiesce, createdAt: 0 };
      snapshots.set(id, { id, volumeId, name, description, status, ...kept });
    },
    snapshotState: async (id) => snapshots.get(id) ?? null,
    removeSnapshot: async (id) => void snapshots.delete(id),
    async checkReimage(_caller, id) {
      found(id);
    },
    async reimage(id, imageId) {
      const volume = found(id);
      const fails = failing === 'reimage';
      const imageMetadata = fails ? volume.imageMetadata : { image_id: imageId };
      volumes.set(id, { ...volume, status: fails ? 'error' : 'available', imageMetadata });
    },
    status: async (id) => (volumes.has(id) ? found(id).status : null),
    async reserve(volumeId, serverUuid) {
      const held = of(volumeId).find((one) => one.serverUuid === serverUuid);
      if (held !== undefined) return held.id;
      if (found(volumeId).status !== 'available') throw badRequest(`Volume ${volumeId} is not available.`);
      const id = randomUUID();
      attachments.set(id, { id, volumeId, serverUuid, host: null, device: null, status: 'reserved' });
      return id;
    },
    async connect(id, to) {
      const host = to?.host ?? null;
      const attachment = attachments.get(id);
      if (attachment === undefined) throw notFound(`Attachment ${id} could not be found.`);
      attachment.host = host;
      if (attachment.status === 'reserved') attachment.status = 'attaching';
      const source = { path: `/volumes/${attachment.volumeId}`, format: 'qcow2' } as const;
      return { attachmentId: id, connection: { source, readonly: false, limits: {} } };
    },
    async complete(id, device) {
      const attachment = attachments.get(id);
      if (attachment === undefined) throw notFound(`Attachment ${id} could not be found.`);
      Object.assign(attachment, { device, status: 'attached' });
    },
    async disconnect(id) {
      const attachment = attachments.get(id);
      if (attachment !== undefined) Object.assign(attachment, { host: null, status: 'reserved' });
      return id;
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

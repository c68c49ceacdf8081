// Why: the built-in volumes as compute asks for them, without a network between.

import { Fault, notFound } from '../../base/errors.ts';
import { type Caller, systemCaller } from '../../base/op.ts';
import type { NewVolumeRequest, Volume, VolumeAttachments, VolumeService, VolumeSnapshot } from '../../cloud/volume.ts';
import { limits } from '../../base/limits.ts';
import { findQos } from '../../db/qos-specs.ts';
import {
  attachmentsOf,
  attachmentsOfServer,
  deleteAttachmentRow,
  findAttachment,
  updateAttachment,
} from '../../db/volume-attachments.ts';
import { findSnapshot, snapshotNoun, type StoredSnapshot } from '../../db/volume-snapshots.ts';
import { findType } from '../../db/volume-types.ts';
import {
  findVolume,
  lockVolume,
  pageOfRows,
  type RowPage,
  type StoredVolume,
  updateVolume,
  volumeNoun,
} from '../../db/volumes.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { limitsIn } from '../../domain/servers/volume-source.ts';
import { volumeMissing } from '../../domain/servers/volumes.ts';
import { mustBegin } from '../../domain/volumes/status.ts';
import { connectAttachment, completeAttachment, createAttachment, follow } from './attachments.ts';
import type { VolumeParts } from './parts.ts';
import { checkQuota } from './quota.ts';
import { checkReimage, endReimage, reimageForServer } from './reimage.ts';
import { mustMay } from './rules.ts';
import { createSnapshot, deleteSnapshot, seenSnapshot } from './snapshots.ts';
import { typeNamesOf } from './types.ts';
import {
  checkedVolume,
  createVolume,
  deleteVolume,
  insertNew,
  type NewVolume,
  plainDeletion,
  seenVolume,
} from './volumes.ts';

const firstPage: RowPage = {
  sort: [
    { column: 'created_at', dir: 'desc' },
    { column: 'id', dir: 'desc' },
  ],
  marker: null,
  limit: limits.pageSize,
  offset: 0,
};

async function shownTo({ database }: VolumeParts, volumes: readonly StoredVolume[]): Promise<readonly Volume[]> {
  if (volumes.length === 0) return [];
  const names = await typeNamesOf(database.read);
  const attachments = Map.groupBy(
    await attachmentsOf(
      database.read,
      volumes.map(({ id }) => id),
    ),
    ({ volumeId }) => volumeId,
  );
  return volumes.map(
    ({
      typeId,
      userId: _user,
      previousStatus: _before,
      readonly: _readonly,
      sourceVolumeId: _from,
      updatedAt: _changed,
      ...volume
    }) => ({
      ...volume,
      type: names.get(typeId) ?? null,
      attachments: (attachments.get(volume.id) ?? []).map(({ serverUuid, device }) => ({ serverUuid, device })),
    }),
  );
}

const snapshotOf = ({
  id,
  volumeId,
  name,
  description,
  status,
  sizeGb,
  createdAt,
}: StoredSnapshot): VolumeSnapshot => ({
  ...{ id, volumeId, name, description, status, sizeGb, createdAt },
});

/** The limits of a volume's type that the hypervisor keeps. */
async function limitsOf(
  { database }: VolumeParts,
  { typeId }: StoredVolume,
): Promise<Readonly<Record<string, number>>> {
  const type = await findType(database.read, typeId);
  const qos = type?.qosId == null ? null : await findQos(database.read, type.qosId);
  if (qos === null || qos.consumer === 'back-end') return {};
  return limitsIn(qos.specs);
}

/** What a volume is made from, as this service has it. */
function newVolumeOf({ imageId, snapshotId, ...request }: NewVolumeRequest): NewVolume {
  if (imageId !== null) return { ...request, source: { from: 'image', imageId } };
  if (snapshotId !== null) return { ...request, source: { from: 'snapshot', snapshotId } };
  return { ...request, source: { from: 'nothing' } };
}

const asker = (caller: Caller, requestId: string) => ({ caller, projectId: caller.projectId ?? '', requestId });

/** An attachment of the server that there is already: asked for twice. */
async function heldBy({ database }: VolumeParts, volumeId: string, serverUuid: string): Promise<string | null> {
  const held = await attachmentsOfServer(database.read, serverUuid);
  return held.find((attachment) => attachment.volumeId === volumeId)?.id ?? null;
}

/** Changes an attachment, if it is there, and its volume's status with it. */
async function change(
  { database, clock }: VolumeParts,
  id: string,
  write: (t: Tx, nowMs: number) => Promise<unknown>,
): Promise<void> {
  await tx(database, async (t) => {
    const attachment = await findAttachment(t, id);
    if (attachment === null) return;
    const volume = await lockVolume(t, attachment.volumeId);
    const nowMs = clock.now();
    await write(t, nowMs);
    if (volume !== null) await follow(t, volume, nowMs);
  });
}

const release = (parts: VolumeParts, id: string): Promise<void> => change(parts, id, (t) => deleteAttachmentRow(t, id));

const KEPT = { status: 'reserved', host: null, connector: null, attachedAt: null } as const;
/** Snapshots of the volumes of a server, with the service's own rights but for what is checked. */
function snapshotsForServers(
  parts: VolumeParts,
): Pick<VolumeService, 'checkSnapshots' | 'makeSnapshot' | 'removeSnapshot' | 'snapshotState'> {
  const { database } = parts;
  return {
    async checkSnapshots(caller, volumeIds) {
      const volumes: StoredVolume[] = [];
      for (const id of volumeIds) {
        const volume = await seenVolume(parts, caller, id);
        mustMay(parts.allows, caller, 'volume:create_snapshot', volume);
        mustBegin('snapshot', volume);
        volumes.push(volume);
      }
      const [{ projectId } = { projectId: '' }] = volumes;
      const gigabytes = volumes.reduce((sum, { sizeGb }) => sum + sizeGb, 0);
      await tx(database, (t) => checkQuota(t, parts.quota, projectId, { snapshots: volumes.length, gigabytes }));
    },
    async makeSnapshot(id, request, requestId) {
      if ((await findSnapshot(database.read, id)) !== null) return;
      await createSnapshot(parts, asker(systemCaller, requestId), { ...request, id, metadata: {}, ofUsed: true });
    },
    async snapshotState(id) {
      const found = await findSnapshot(database.read, id);
      return found === null ? null : { status: found.status, sizeGb: found.sizeGb };
    },
    async removeSnapshot(id, requestId) {
      const found = await findSnapshot(database.read, id);
      if (found === null || found.status === 'deleting') return;
      await deleteSnapshot(parts, { caller: systemCaller, requestId }, id, true);
    },
  };
}

/** What compute asks for one of its servers, with the service's own rights. */
function forServers(parts: VolumeParts): VolumeAttachments & Pick<VolumeService, 'remove'> {
  const { database, clock } = parts;
  return {
    async reserve(volumeId, serverUuid) {
      const held = await heldBy(parts, volumeId, serverUuid);
      if (held !== null) return held;
      const asked = { volumeId, serverUuid, connector: null, mode: null };
      return (await createAttachment(parts, systemCaller, asked)).id;
    },
    async connect(id, to) {
      const host = to?.host ?? null;
      const before = await findAttachment(database.read, id);
      if (before === null) throw notFound(`Attachment ${id} could not be found.`);
      const attached = before.status === 'attached';
      if (attached) await tx(database, (t) => updateAttachment(t, id, { host, updatedAt: clock.now() }));
      else await connectAttachment(parts, systemCaller, id, host === null ? {} : { host });
      const volume = await findVolume(database.read, before.volumeId);
      if (volume === null) throw notFound(volumeMissing(before.volumeId), { code: 'VolumeNotFound' });
      const source = { path: parts.files.pathOf(volume.id), format: 'qcow2' } as const;
      const connection = { source, readonly: before.mode === 'ro', limits: await limitsOf(parts, volume) };
      return { attachmentId: id, connection };
    },
    connectAhead: async () => null,
    async complete(id, device) {
      await completeAttachment(parts, systemCaller, id, device);
    },
    async disconnect(id) {
      await change(parts, id, (t, nowMs) => updateAttachment(t, id, { ...KEPT, updatedAt: nowMs }));
      return id;
    },
    // one attachment goes with its server from host to host
    endOthers: async () => undefined,
    async detaching(volumeId, begins) {
      await tx(database, async (t) => {
        const volume = await lockVolume(t, volumeId);
        if (volume === null) return;
        if (!begins) return follow(t, volume, clock.now());
        if (volume.status === 'in-use')
          await updateVolume(t, volumeId, { status: 'detaching', updatedAt: clock.now() });
      });
    },
    release: (id) => release(parts, id),
    async releaseAll(serverUuid) {
      for (const { id } of await attachmentsOfServer(database.read, serverUuid)) await release(parts, id);
    },
    async remove(volumeId, requestId) {
      await deleteVolume(parts, { caller: systemCaller, requestId }, volumeId, plainDeletion).catch(
        (error: unknown) => {
          const kept = error instanceof Fault && (error.kind === 'notFound' || error.kind === 'badRequest');
          if (!kept) throw error;
          parts.log.warn({ volume: volumeId, err: error }, 'a volume that should be deleted with its server stays');
        },
      );
    },
  };
}

export function makeVolumeService(parts: VolumeParts): VolumeService {
  const { database } = parts;
  const one = async (volume: StoredVolume): Promise<Volume> => (await shownTo(parts, [volume]))[0] as Volume;
  /** What is not there is said in Nova's words. */
  const inNovasWords = async <T>(id: string, found: Promise<T>): Promise<T> =>
    found.catch((error: unknown) => {
      throw error instanceof Fault && error.kind === 'notFound'
        ? notFound(volumeMissing(id), { code: 'VolumeNotFound' })
        : error;
    });
  const own = ({ projectId }: Caller) => ({ projectId: projectId ?? '', columns: {}, metadata: {} });
  return {
    early: null,
    reimagesApart: false,
    async volumes(caller) {
      return shownTo(parts, (await pageOfRows(database.read, volumeNoun, own(caller), firstPage)) ?? []);
    },
    volume: async (caller, id) => one(await inNovasWords(id, seenVolume(parts, caller, id))),
    createVolume: async (caller, request, requestId) =>
      one(await createVolume(parts, asker(caller, requestId), newVolumeOf(request))),
    async checkNew(caller, request) {
      const who = { caller, projectId: caller.projectId ?? '' };
      const { imageMetadata } = await checkedVolume(parts, who, newVolumeOf(request));
      return { imageMetadata };
    },
    async make(id, owner, request, requestId) {
      if ((await findVolume(database.read, id)) !== null) return;
      const asked = newVolumeOf(request);
      const volume = await checkedVolume(parts, { caller: systemCaller, ...owner }, asked, id);
      await insertNew(parts, volume, asked.source, requestId);
    },
    status: async (id) => (await findVolume(database.read, id))?.status ?? null,
    deleteVolume: (caller, id, requestId) =>
      inNovasWords(id, deleteVolume(parts, { caller, requestId }, id, plainDeletion)),
    async snapshots(caller) {
      return ((await pageOfRows(database.read, snapshotNoun, own(caller), firstPage)) ?? []).map(snapshotOf);
    },
    snapshot: async (caller, id) => snapshotOf(await seenSnapshot(parts, caller, id)),
    async createSnapshot(caller, request, requestId) {
      return snapshotOf(
        await createSnapshot(parts, asker(caller, requestId), { ...request, metadata: {}, ofUsed: true }),
      );
    },
    deleteSnapshot: (caller, id, requestId) => deleteSnapshot(parts, { caller, requestId }, id, false),
    ...forServers(parts),
    ...snapshotsForServers(parts),
    checkReimage: (caller, id, imageId) => checkReimage(parts, caller, id, imageId),
    reimage: (id, imageId, requestId) => reimageForServer(parts, id, imageId, requestId),
    endReimage: (id) => endReimage(parts, id),
  };
}

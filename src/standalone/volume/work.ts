// Why: each kind of work on files, as one entry: what is done (again, after a crash), what the rows say then, and what they say where
// it could not be done.

import { createReadStream } from 'node:fs';
import { type Fault, notFound } from '../../base/errors.ts';
import { systemCaller } from '../../base/op.ts';
import type { VolumeJob } from '../../db/volume-jobs.ts';
import { attachmentsOf, deleteAttachmentsOf, serverWith } from '../../db/volume-attachments.ts';
import { deleteSnapshotRow, findSnapshot, updateSnapshot } from '../../db/volume-snapshots.ts';
import { findType } from '../../db/volume-types.ts';
import { mustFit } from './backend.ts';
import { deleteTransfersOf } from '../../db/volume-transfers.ts';
import {
  deleteVolumeRow,
  findVolume,
  lockVolume,
  type StoredVolume,
  type Texts,
  updateVolume,
} from '../../db/volumes.ts';
import type { Tx } from '../../db/tx.ts';
import type { JobKind, VolumeSource } from '../../domain/volumes/jobs.ts';
import { FOLLOWING, statusWith } from './attachments.ts';
import type { ImageData } from './files.ts';
import { formatOf } from './formats.ts';
import type { VolumeParts } from './parts.ts';

/** What a job is given. */
export interface Work {
  readonly parts: VolumeParts;
  readonly job: VolumeJob;
}

export interface WorkKind {
  /** Cinder's number of what happens, for messages. */
  readonly event: string;
  readonly resource: 'VOLUME' | 'VOLUME_SNAPSHOT';
  /** Idempotent: begun again after a crash. */
  run(work: Work): Promise<void>;
  done(tx: Tx, work: Work): Promise<void>;
  /** What it made and nobody shall find, where it could not be done. */
  undo?(work: Work): Promise<void>;
  failed(tx: Tx, work: Work, fault: Fault): Promise<void>;
}

const volumeOf = async ({ parts, job }: Work): Promise<StoredVolume> => {
  const volume = await findVolume(parts.database.read, job.volumeId);
  if (volume === null) throw notFound(`Volume ${job.volumeId} could not be found.`);
  return volume;
};

/** The host copies a volume that a server there has: only it knows what is written meanwhile. */
const copier =
  ({ parts }: Work, volumeId: string, quiesce = false) =>
  async (draft: string): Promise<boolean> => {
    const server = await serverWith(parts.database.read, volumeId);
    return server === null ? false : ((await parts.attached()?.copy(server, volumeId, draft, quiesce)) ?? false);
  };

async function makeFrom(work: Work, source: VolumeSource): Promise<void> {
  const { files, images } = work.parts;
  const volume = await volumeOf(work);
  mustFit((await findType(work.parts.database.read, volume.typeId))?.extraSpecs ?? {});
  const { id, sizeGb } = volume;
  if (source.from === 'nothing') return files.makeEmpty(id, sizeGb);
  if (source.from === 'snapshot') return files.copy(['snapshot', source.snapshotId], ['volume', id], sizeGb);
  if (source.from === 'volume')
    return files.copy(['volume', source.volumeId], ['volume', id], sizeGb, copier(work, source.volumeId));
  return files.makeFromImage(id, await dataOf(images, source.imageId), sizeGb);
}

async function dataOf(images: VolumeParts['images'], imageId: string): Promise<ImageData> {
  const image = await images.find(systemCaller, imageId);
  if (image === null) throw notFound(`Image ${imageId} could not be found.`);
  return { format: formatOf(image.diskFormat), pieces: await images.read(imageId) };
}

/** What a volume is that has an image's data from now on; what its server had of it stays. */
async function reimaged(tx: Tx, { parts, job }: Work): Promise<void> {
  const status = statusWith(await attachmentsOf(tx, [job.volumeId]));
  const imageMetadata = job.args['imageMetadata'] as Texts;
  const fields = { status, previousStatus: null, bootable: true, imageMetadata, updatedAt: parts.clock.now() };
  await updateVolume(tx, job.volumeId, fields);
}

/** The status that it had before. */
async function backToBefore(tx: Tx, { parts, job }: Work, fields: Partial<StoredVolume> = {}): Promise<void> {
  const volume = await lockVolume(tx, job.volumeId);
  if (volume === null) return;
  const before = volume.previousStatus ?? 'available';
  // its server may have lost it meanwhile
  const status = FOLLOWING.includes(before) ? statusWith(await attachmentsOf(tx, [volume.id])) : before;
  await updateVolume(tx, volume.id, { ...fields, status, previousStatus: null, updatedAt: parts.clock.now() });
}

const volumeIs =
  (status: StoredVolume['status']) =>
  (tx: Tx, { parts, job }: Work): Promise<void> =>
    updateVolume(tx, job.volumeId, { status, previousStatus: null, updatedAt: parts.clock.now() });

async function upload({ parts, job }: Work): Promise<void> {
  const imageId = job.args['imageId'] as string;
  const format = job.args['format'] as 'raw' | 'qcow2';
  await parts.files.exported(job.volumeId, format, (path) => parts.images.write(imageId, createReadStream(path)));
}

export const workKinds: Readonly<Record<JobKind, WorkKind>> = {
  create: {
    event: 'VOLUME_VOLUME_001_002',
    resource: 'VOLUME',
    run: (work) => makeFrom(work, work.job.args['source'] as VolumeSource),
    done: volumeIs('available'),
    undo: ({ parts, job }) => parts.files.remove('volume', job.volumeId),
    failed: volumeIs('error'),
  },
  delete: {
    event: 'VOLUME_VOLUME_007_015',
    resource: 'VOLUME',
    run: ({ parts, job }) => parts.files.remove('volume', job.volumeId),
    async done(tx, { parts, job }) {
      await deleteAttachmentsOf(tx, job.volumeId);
      await deleteTransfersOf(tx, job.volumeId);
      await deleteVolumeRow(tx, job.volumeId, parts.clock.now());
    },
    failed: volumeIs('error_deleting'),
  },
  extend: {
    event: 'VOLUME_VOLUME_008_001',
    resource: 'VOLUME',
    async run(work) {
      const { id, sizeGb } = await volumeOf(work);
      const { parts } = work;
      const server = await serverWith(parts.database.read, id);
      const grown = server === null ? false : await parts.attached()?.grow(server, id, sizeGb, work.job.requestId);
      if (grown !== true) await parts.files.grow(id, sizeGb);
    },
    done: (tx, work) => backToBefore(tx, work),
    failed: (tx, work) =>
      updateVolume(tx, work.job.volumeId, {
        ...{ status: 'error_extending', previousStatus: null, sizeGb: work.job.args['fromGb'] as number },
        updatedAt: work.parts.clock.now(),
      }),
  },
  revert: {
    event: 'VOLUME_VOLUME_012_001',
    resource: 'VOLUME',
    async run(work) {
      const { id, sizeGb } = await volumeOf(work);
      await work.parts.files.copy(['snapshot', work.job.sourceId ?? ''], ['volume', id], sizeGb);
    },
    done: volumeIs('available'),
    failed: volumeIs('error'),
  },
  reimage: {
    event: 'VOLUME_VOLUME_016_001',
    resource: 'VOLUME',
    async run(work) {
      const { id, sizeGb } = await volumeOf(work);
      const { files, images } = work.parts;
      await files.makeFromImage(id, await dataOf(images, work.job.args['imageId'] as string), sizeGb);
    },
    done: reimaged,
    // what was there before is there still; the status says that it is not what was asked for, as Cinder's does
    failed: volumeIs('error'),
  },
  upload: {
    event: 'VOLUME_VOLUME_003_001',
    resource: 'VOLUME',
    run: upload,
    done: (tx, work) => backToBefore(tx, work),
    undo: ({ parts, job }) => parts.images.remove(systemCaller, job.args['imageId'] as string),
    failed: (tx, work) => backToBefore(tx, work),
  },
  snapshot: {
    event: 'VOLUME_VOLUME_SNAPSHOT_009_001',
    resource: 'VOLUME_SNAPSHOT',
    async run({ parts, job }) {
      const snapshot = await findSnapshot(parts.database.read, job.snapshotId ?? '');
      if (snapshot === null) return;
      const to = ['snapshot', snapshot.id] as const;
      const quiesce = job.args['quiesce'] === true;
      await parts.files.copy(['volume', job.volumeId], to, null, copier({ parts, job }, job.volumeId, quiesce));
    },
    done: (tx, { parts, job }) =>
      updateSnapshot(tx, job.snapshotId ?? '', { status: 'available', updatedAt: parts.clock.now() }),
    failed: (tx, { parts, job }) =>
      updateSnapshot(tx, job.snapshotId ?? '', { status: 'error', updatedAt: parts.clock.now() }),
  },
  delete_snapshot: {
    event: 'VOLUME_VOLUME_SNAPSHOT_010_001',
    resource: 'VOLUME_SNAPSHOT',
    run: ({ parts, job }) => parts.files.remove('snapshot', job.snapshotId ?? ''),
    done: (tx, { parts, job }) => deleteSnapshotRow(tx, job.snapshotId ?? '', parts.clock.now()),
    failed: (tx, { parts, job }) =>
      updateSnapshot(tx, job.snapshotId ?? '', { status: 'error_deleting', updatedAt: parts.clock.now() }),
  },
};

// Why: what is done to a volume depends on what is under way with it. Which status lets what begin is one table, in Cinder's words.

import { badRequest } from '../../base/errors.ts';

export const volumeStatuses = [
  'creating',
  'downloading',
  'available',
  'reserved',
  'attaching',
  'in-use',
  'detaching',
  'extending',
  'uploading',
  'maintenance',
  'reverting',
  'awaiting-transfer',
  'deleting',
  'error',
  'error_deleting',
  'error_extending',
] as const;

export type VolumeStatus = (typeof volumeStatuses)[number];

export const snapshotStatuses = ['creating', 'available', 'deleting', 'error', 'error_deleting'] as const;

export type SnapshotStatus = (typeof snapshotStatuses)[number];

/** From which statuses something may begin. */
const begins = {
  delete: ['available', 'error', 'error_deleting', 'error_extending'],
  extend: ['available'],
  extendInUse: ['available', 'in-use'],
  reserve: ['available'],
  noteAttached: ['available', 'reserved', 'attaching'],
  upload: ['available'],
  snapshot: ['available', 'in-use'],
  snapshotUnused: ['available'],
  clone: ['available', 'in-use'],
  revert: ['available'],
  reimage: ['available', 'error'],
  reimageReserved: ['available', 'error', 'reserved'],
  reimageUsed: ['in-use', 'error'],
  retype: ['available'],
  transfer: ['available'],
  beginDetaching: ['in-use'],
} as const satisfies Record<string, readonly VolumeStatus[]>;

export type VolumeVerb = keyof typeof begins;

/** What each is called in the refusal. */
const words: Readonly<Record<VolumeVerb, string>> = {
  delete: 'deleted',
  extend: 'extended',
  extendInUse: 'extended',
  reserve: 'attached',
  noteAttached: 'attached',
  upload: 'uploaded to an image',
  snapshot: 'snapshotted',
  snapshotUnused: 'snapshotted without force',
  clone: 'cloned',
  revert: 'reverted',
  reimage: 'given the data of another image',
  reimageReserved: 'given the data of another image',
  reimageUsed: 'given the data of another image',
  retype: 'given another type',
  transfer: 'transferred',
  beginDetaching: 'detached',
};

export const mayBegin = (verb: VolumeVerb, status: VolumeStatus): boolean =>
  (begins[verb] as readonly VolumeStatus[]).includes(status);

/** @throws badRequest where the volume's status does not let it begin */
export function mustBegin(
  verb: VolumeVerb,
  { id, status }: { readonly id: string; readonly status: VolumeStatus },
): void {
  if (mayBegin(verb, status)) return;
  const statuses = begins[verb].join(' or ');
  throw badRequest(
    `Invalid volume: Volume ${id} must be ${statuses} to be ${words[verb]}, but its status is ${status}.`,
  );
}

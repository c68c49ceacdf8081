// Why: the rows of snapshots of volumes.

import type { SnapshotStatus } from '../domain/volumes/status.ts';
import type { Reader } from './engine.ts';
import { notePriced } from './priced-spans.ts';
import { defineNoun, findRow, insertRow, lockRow, updateRows } from './table.ts';
import type { Tx } from './tx.ts';
import type { Changed, Texts } from './volumes.ts';

export interface StoredSnapshot {
  readonly id: string;
  readonly volumeId: string;
  readonly projectId: string;
  readonly userId: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly sizeGb: number;
  readonly status: SnapshotStatus;
  readonly typeId: string;
  /** As its volume was when it was made. */
  readonly bootable: boolean;
  readonly metadata: Texts;
  readonly imageMetadata: Texts | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export const snapshotNoun = defineNoun<StoredSnapshot>({
  table: 'volume_snapshots',
  columns: {
    id: ['id', 'text'],
    volumeId: ['volume_id', 'text'],
    projectId: ['project_id', 'text'],
    userId: ['user_id', 'text'],
    name: ['name', 'text'],
    description: ['description', 'text'],
    sizeGb: ['size_gb', 'number'],
    status: ['status', 'text'],
    typeId: ['type_id', 'text'],
    bootable: ['bootable', 'bool'],
    metadata: ['metadata', 'json'],
    imageMetadata: ['image_metadata', 'json'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

export const findSnapshot = (reader: Reader, id: string): Promise<StoredSnapshot | null> =>
  findRow(reader, snapshotNoun, { id });

export const lockSnapshot = (tx: Tx, id: string): Promise<StoredSnapshot | null> => lockRow(tx, snapshotNoun, { id });

export async function insertSnapshot(tx: Tx, snapshot: StoredSnapshot): Promise<void> {
  await insertRow(tx, snapshotNoun, snapshot);
  notePriced(tx, 'snapshot', snapshot.id, snapshot.createdAt);
}

export async function updateSnapshot(tx: Tx, id: string, fields: Changed<StoredSnapshot>): Promise<void> {
  await updateRows(tx, snapshotNoun, { id }, fields);
  notePriced(tx, 'snapshot', id, fields.updatedAt);
}

export async function deleteSnapshotRow(tx: Tx, id: string, nowMs: number): Promise<void> {
  await tx('volume_snapshots').where({ id }).delete();
  notePriced(tx, 'snapshot', id, nowMs);
}

/** The snapshots of a volume. */
export async function snapshotsOf(reader: Reader, volumeId: string): Promise<StoredSnapshot[]> {
  return snapshotNoun.fromRows(
    await reader('volume_snapshots').where({ volume_id: volumeId }).select(snapshotNoun.columns),
  );
}

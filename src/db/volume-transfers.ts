// Why: the rows of volumes that one project offers to another.

import type { Reader } from './engine.ts';
import { defineNoun, findRow, insertRow } from './table.ts';
import type { Tx } from './tx.ts';

export interface StoredTransfer {
  readonly id: string;
  readonly volumeId: string;
  readonly projectId: string;
  readonly name: string | null;
  readonly salt: string;
  readonly keyHash: string;
  readonly noSnapshots: boolean;
  readonly createdAt: number;
}

export const transferNoun = defineNoun<StoredTransfer>({
  table: 'volume_transfers',
  columns: {
    id: ['id', 'text'],
    volumeId: ['volume_id', 'text'],
    projectId: ['project_id', 'text'],
    name: ['name', 'text'],
    salt: ['salt', 'text'],
    keyHash: ['key_hash', 'text'],
    noSnapshots: ['no_snapshots', 'bool'],
    createdAt: ['created_at', 'time'],
  },
});

export const findTransfer = (reader: Reader, id: string): Promise<StoredTransfer | null> =>
  findRow(reader, transferNoun, { id });

export async function insertTransfer(tx: Tx, transfer: StoredTransfer): Promise<void> {
  await insertRow(tx, transferNoun, transfer);
}

/** False: it was not there. */
export async function deleteTransferRow(tx: Tx, id: string): Promise<boolean> {
  return (await tx('volume_transfers').where({ id }).delete()) === 1;
}

export async function deleteTransfersOf(tx: Tx, volumeId: string): Promise<void> {
  await tx('volume_transfers').where({ volume_id: volumeId }).delete();
}

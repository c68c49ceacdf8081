// Why: the rows of the built-in volume service's volumes.

import type { Reader, Row } from './engine.ts';
import { keyset, type SortKey } from './page.ts';
import { notePriced } from './priced-spans.ts';
import { defineNoun, findRow, insertRow, lockRow, type Noun, updateRows } from './table.ts';
import type { Tx } from './tx.ts';
import type { VolumeStatus } from '../domain/volumes/status.ts';

/** Texts by names, as metadata is. */
export type Texts = Readonly<Record<string, string>>;

/** Times are milliseconds since the epoch. */
export interface StoredVolume {
  readonly id: string;
  readonly projectId: string;
  readonly userId: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly sizeGb: number;
  readonly status: VolumeStatus;
  /** What it goes back to where something that is under way fails. */
  readonly previousStatus: VolumeStatus | null;
  readonly zone: string;
  readonly typeId: string;
  readonly bootable: boolean;
  readonly readonly: boolean;
  /** What it was made from. */
  readonly snapshotId: string | null;
  readonly sourceVolumeId: string | null;
  readonly metadata: Texts;
  /** Of the image whose data it has; null: of none. */
  readonly imageMetadata: Texts | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export const volumeNoun = defineNoun<StoredVolume>({
  table: 'volumes',
  columns: {
    id: ['id', 'text'],
    projectId: ['project_id', 'text'],
    userId: ['user_id', 'text'],
    name: ['name', 'text'],
    description: ['description', 'text'],
    sizeGb: ['size_gb', 'number'],
    status: ['status', 'text'],
    previousStatus: ['previous_status', 'text'],
    zone: ['zone', 'text'],
    typeId: ['type_id', 'text'],
    bootable: ['bootable', 'bool'],
    readonly: ['readonly', 'bool'],
    snapshotId: ['snapshot_id', 'text'],
    sourceVolumeId: ['source_volume_id', 'text'],
    metadata: ['metadata', 'json'],
    imageMetadata: ['image_metadata', 'json'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

export const findVolume = (reader: Reader, id: string): Promise<StoredVolume | null> =>
  findRow(reader, volumeNoun, { id });

/** The volume, locked until the transaction ends: whatever changes its status does this first. */
export const lockVolume = (tx: Tx, id: string): Promise<StoredVolume | null> => lockRow(tx, volumeNoun, { id });

export async function insertVolume(tx: Tx, volume: StoredVolume): Promise<void> {
  await insertRow(tx, volumeNoun, volume);
  notePriced(tx, 'volume', volume.id, volume.createdAt);
}

/** Fields that change, with the moment. */
export type Changed<T extends { readonly updatedAt: number }> = Partial<T> & Pick<T, 'updatedAt'>;

export async function updateVolume(tx: Tx, id: string, fields: Changed<StoredVolume>): Promise<void> {
  await updateRows(tx, volumeNoun, { id }, fields);
  notePriced(tx, 'volume', id, fields.updatedAt);
}

export async function deleteVolumeRow(tx: Tx, id: string, nowMs: number): Promise<void> {
  await tx('volumes').where({ id }).delete();
  notePriced(tx, 'volume', id, nowMs);
}

/** What a list of rows is narrowed by: columns with the values that they may have. */
export interface RowChoice {
  /** Null: those of every project. */
  readonly projectId: string | null;
  readonly columns: Readonly<Record<string, readonly (string | number)[]>>;
  /** Pairs that the JSON of `metadata` must have. */
  readonly metadata: Texts;
}

export interface RowPage {
  readonly sort: readonly SortKey[];
  /** The id behind whose row the page begins; null: at the first. */
  readonly marker: string | null;
  readonly limit: number;
  readonly offset: number;
}

const chosen = ({ table }: { readonly table: string }, reader: Reader, { projectId, columns, metadata }: RowChoice) => {
  const query = reader(table);
  if (projectId !== null) void query.where({ project_id: projectId });
  for (const [column, values] of Object.entries(columns)) void query.whereIn(column, [...values]);
  // the text of each pair as JSON writes it: exact, since both sides are written by the same function
  for (const pair of Object.entries(metadata)) {
    const text = JSON.stringify(Object.fromEntries([pair])).slice(1, -1);
    void query.whereRaw('instr(metadata, ?) > 0', [text]);
  }
  return query;
};

/** One page of the rows of a noun that belongs to projects, or null where the marker's row is not there. */
export async function pageOfRows<T>(
  reader: Reader,
  noun: Noun<T>,
  choice: RowChoice,
  { sort, marker, limit, offset }: RowPage,
): Promise<T[] | null> {
  const from: Row | undefined =
    marker === null
      ? undefined
      : await chosen(noun, reader, { ...choice, columns: {}, metadata: {} })
          .where({ id: marker })
          .first();
  if (marker !== null && from === undefined) return null;
  const query = chosen(noun, reader, choice).select(noun.columns).limit(limit).offset(offset);
  keyset(query, sort, from ?? null, false);
  return noun.fromRows(await query);
}

export interface Usage {
  readonly count: number;
  readonly gigabytes: number;
}

/** How many rows match, and their size. */
export async function usageOf<T>(reader: Reader, noun: Noun<T>, choice: RowChoice): Promise<Usage> {
  const row: Row | undefined = await chosen(noun, reader, choice)
    .count({ count: '*' })
    .sum({ gigabytes: 'size_gb' })
    .first();
  return { count: Number(row?.['count'] ?? 0), gigabytes: Number(row?.['gigabytes'] ?? 0) };
}

/** The choice of everything that a project has. */
export const ofProject = (projectId: string): RowChoice => ({ projectId, columns: {}, metadata: {} });

/** Those of some ids that volumes or snapshots have, for whoever looks for files without a row. */
export async function existingIds(
  reader: Reader,
  table: 'volumes' | 'volume_snapshots',
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows: { id: string }[] = await reader(table)
    .whereIn('id', [...ids])
    .select('id');
  return new Set(rows.map(({ id }) => id));
}

// Why: the rows of the built-in image service: images and the projects they are shared with.

import type { ImageFacts } from '../domain/machines/image.ts';
import { fromBool, fromJson, fromTime, toBool, toJson } from './codec.ts';
import type { Reader } from './engine.ts';
import type { Tx } from './tx.ts';

/** An image as stored: what compute sees of it and what is the image service's own. */
export interface StoredImage extends ImageFacts {
  readonly protected: boolean;
  readonly hidden: boolean;
  readonly tags: readonly string[];
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface ImageMember {
  readonly imageId: string;
  readonly member: string;
  readonly status: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A row of `images` as the engine gives it. */
export type ImageRow = Readonly<Record<string, string | number | null>>;

type Cell = string | number | null | undefined;
const text = (value: Cell): string | null => (value == null ? null : String(value));
const number = (value: Cell): number | null => (value == null ? null : Number(value));

export function imageFromRow(row: ImageRow): StoredImage {
  return {
    id: String(row.id),
    name: text(row.name),
    status: String(row.status),
    visibility: String(row.visibility),
    owner: text(row.owner),
    diskFormat: text(row.disk_format),
    containerFormat: text(row.container_format),
    minDiskGb: Number(row.min_disk),
    minRamMb: Number(row.min_ram),
    sizeBytes: number(row.size),
    virtualSizeBytes: number(row.virtual_size),
    checksum: text(row.checksum),
    osHashAlgo: text(row.os_hash_algo),
    osHashValue: text(row.os_hash_value),
    protected: fromBool(row.protected),
    hidden: fromBool(row.os_hidden),
    properties: fromJson(row.properties),
    tags: fromJson(row.tags),
    createdAt: fromTime(row.created_at) ?? 0,
    updatedAt: fromTime(row.updated_at) ?? 0,
  };
}

const imageToRow = (image: StoredImage) => ({
  id: image.id,
  name: image.name,
  status: image.status,
  visibility: image.visibility,
  owner: image.owner,
  disk_format: image.diskFormat,
  container_format: image.containerFormat,
  min_disk: image.minDiskGb,
  min_ram: image.minRamMb,
  size: image.sizeBytes,
  virtual_size: image.virtualSizeBytes,
  checksum: image.checksum,
  os_hash_algo: image.osHashAlgo,
  os_hash_value: image.osHashValue,
  protected: toBool(image.protected),
  os_hidden: toBool(image.hidden),
  properties: toJson(image.properties),
  tags: toJson(image.tags),
  created_at: image.createdAt,
  updated_at: image.updatedAt,
});

export async function findImage(reader: Reader, id: string): Promise<StoredImage | null> {
  const row: ImageRow | undefined = await reader('images').where({ id }).first();
  return row === undefined ? null : imageFromRow(row);
}

/** The image, locked until the transaction ends. */
export async function lockImage(tx: Tx, id: string): Promise<StoredImage | null> {
  const row: ImageRow | undefined = await tx('images').where({ id }).forUpdate().first();
  return row === undefined ? null : imageFromRow(row);
}

export async function insertImage(tx: Tx, image: StoredImage): Promise<void> {
  await tx('images').insert(imageToRow(image));
}

/**
 * Whether an image once had this id and was deleted. To be asked after the row was inserted: then a deletion that was under way
 * is over. Locks nothing that others need.
 */
export async function wasImage(tx: Tx, id: string): Promise<boolean> {
  return (await tx('deleted_images').where({ id }).forUpdate().first()) !== undefined;
}

export async function replaceImage(tx: Tx, image: StoredImage): Promise<void> {
  await tx('images').where({ id: image.id }).update(imageToRow(image));
}

/** Moves an image from one status to another; false where it was not in the first. */
export async function moveImage(
  tx: Tx,
  id: string,
  from: readonly string[],
  to: string,
  now: number,
): Promise<boolean> {
  const rows = await tx('images')
    .where({ id })
    .whereIn('status', [...from])
    .update({ status: to, updated_at: now });
  return rows === 1;
}

/** Deletes an image; its id stays taken, since others may still name it. */
export async function deleteImage(tx: Tx, id: string, now: number): Promise<void> {
  await tx('image_members').where({ image_id: id }).delete();
  await tx('images').where({ id }).delete();
  await tx('deleted_images').insert({ id, deleted_at: now });
}

/** Those of some ids that images have. */
export async function existingImageIds(reader: Reader, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const rows: { id: string }[] = await reader('images')
    .whereIn('id', [...ids])
    .select('id');
  return new Set(rows.map(({ id }) => id));
}

/** How many images a project has, and the bytes of their data. */
export async function imageUsage(reader: Reader, owner: string): Promise<{ count: number; bytes: number }> {
  const row: ImageRow | undefined = await reader('images')
    .where({ owner })
    .count({ count: '*' })
    .sum({ bytes: 'size' })
    .first();
  return { count: Number(row?.['count'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) };
}

/** Ids of the images in one status. */
export async function imageIdsIn(reader: Reader, status: string): Promise<string[]> {
  const rows: { id: string }[] = await reader('images').where({ status }).select('id');
  return rows.map((row) => row.id);
}

export async function findImageRow(reader: Reader, id: string): Promise<ImageRow | null> {
  return (await reader('images').where({ id }).first()) ?? null;
}

type MemberRow = { image_id: string; member: string; status: string; created_at: unknown; updated_at: unknown };

const memberFromRow = (row: MemberRow): ImageMember => ({
  imageId: row.image_id,
  member: row.member,
  status: row.status,
  createdAt: fromTime(row.created_at) ?? 0,
  updatedAt: fromTime(row.updated_at) ?? 0,
});

export async function listImageMembers(reader: Reader, imageId: string): Promise<ImageMember[]> {
  const rows: MemberRow[] = await reader('image_members')
    .where({ image_id: imageId })
    .orderBy(['created_at', 'member']);
  return rows.map(memberFromRow);
}

export async function findImageMember(reader: Reader, imageId: string, member: string): Promise<ImageMember | null> {
  const row: MemberRow | undefined = await reader('image_members').where({ image_id: imageId, member }).first();
  return row === undefined ? null : memberFromRow(row);
}

export async function insertImageMember(tx: Tx, member: ImageMember): Promise<void> {
  await tx('image_members').insert({
    image_id: member.imageId,
    member: member.member,
    status: member.status,
    created_at: member.createdAt,
    updated_at: member.updatedAt,
  });
}

export async function updateImageMember(tx: Tx, member: ImageMember): Promise<void> {
  await tx('image_members')
    .where({ image_id: member.imageId, member: member.member })
    .update({ status: member.status, updated_at: member.updatedAt });
}

export async function deleteImageMember(tx: Tx, imageId: string, member: string): Promise<boolean> {
  return (await tx('image_members').where({ image_id: imageId, member }).delete()) === 1;
}

// Why: the rows of the built-in image service: images and the projects they are shared with.

import type { ImageFacts } from '../domain/machines/images.ts';
import type { Reader } from './engine.ts';
import { notePriced } from './priced-spans.ts';
import { defineNoun, findRow, insertRow, lockRow, updateRows } from './table.ts';
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

export const imageNoun = defineNoun<StoredImage>({
  table: 'images',
  columns: {
    id: ['id', 'text'],
    name: ['name', 'text'],
    status: ['status', 'text'],
    visibility: ['visibility', 'text'],
    owner: ['owner', 'text'],
    diskFormat: ['disk_format', 'text'],
    containerFormat: ['container_format', 'text'],
    minDiskGb: ['min_disk', 'number'],
    minRamMb: ['min_ram', 'number'],
    sizeBytes: ['size', 'number'],
    virtualSizeBytes: ['virtual_size', 'number'],
    checksum: ['checksum', 'text'],
    osHashAlgo: ['os_hash_algo', 'text'],
    osHashValue: ['os_hash_value', 'text'],
    protected: ['protected', 'bool'],
    hidden: ['os_hidden', 'bool'],
    properties: ['properties', 'json'],
    tags: ['tags', 'json'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

export const findImage = (reader: Reader, id: string): Promise<StoredImage | null> =>
  findRow(reader, imageNoun, { id });

/** The image, locked until the transaction ends. */
export const lockImage = (tx: Tx, id: string): Promise<StoredImage | null> => lockRow(tx, imageNoun, { id });

export async function insertImage(tx: Tx, image: StoredImage): Promise<void> {
  await insertRow(tx, imageNoun, image);
  notePriced(tx, 'image', image.id, image.createdAt);
}

/**
 * Whether an image once had this id and was deleted. To be asked after the row was inserted: then a deletion that was under way
 * is over. Locks nothing that others need.
 */
export async function wasImage(tx: Tx, id: string): Promise<boolean> {
  return (await tx('deleted_images').where({ id }).forUpdate().first()) !== undefined;
}

export async function replaceImage(tx: Tx, image: StoredImage): Promise<void> {
  await updateRows(tx, imageNoun, { id: image.id }, image);
  notePriced(tx, 'image', image.id, image.updatedAt);
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
  notePriced(tx, 'image', id, now);
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

const memberNoun = defineNoun<ImageMember>({
  table: 'image_members',
  columns: {
    imageId: ['image_id', 'text'],
    member: ['member', 'text'],
    status: ['status', 'text'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

export async function listImageMembers(reader: Reader, imageId: string): Promise<ImageMember[]> {
  return memberNoun.fromRows(
    await reader('image_members').where({ image_id: imageId }).orderBy(['created_at', 'member']),
  );
}

export const findImageMember = (reader: Reader, imageId: string, member: string): Promise<ImageMember | null> =>
  findRow(reader, memberNoun, { image_id: imageId, member });

export async function insertImageMember(tx: Tx, member: ImageMember): Promise<void> {
  await insertRow(tx, memberNoun, member);
}

export async function updateImageMember(tx: Tx, { imageId, member, status, updatedAt }: ImageMember): Promise<void> {
  await updateRows(tx, memberNoun, { image_id: imageId, member }, { status, updatedAt });
}

export async function deleteImageMember(tx: Tx, imageId: string, member: string): Promise<boolean> {
  return (await tx('image_members').where({ image_id: imageId, member }).delete()) === 1;
}

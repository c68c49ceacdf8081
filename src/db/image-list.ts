// Why: a list of images is asked for with whatever somebody likes to filter by, over rows that may hold much. Which images there are
// is asked for without what they hold; that is read in pieces, between which others have their turn, and no further than a page goes.

import { badRequest } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { fromJson, toBool } from './codec.ts';
import type { Reader } from './engine.ts';
import { imageNoun, type ImageRow, type StoredImage } from './images.ts';
import { keyset, type SortKey } from './page.ts';

export type Comparison = 'eq' | 'neq' | 'gt' | 'gte' | 'lt' | 'lte';

export interface ImageFilters {
  /** Column to the values it may have. */
  readonly oneOf: Readonly<Record<string, readonly (string | number)[]>>;
  /** Times in milliseconds, compared at whole seconds, and sizes in bytes. */
  readonly compare: readonly { readonly column: string; readonly by: Comparison; readonly value: number }[];
  /** Every one of these tags. */
  readonly tags: readonly string[];
  /** Every one of these names with its value. */
  readonly properties: readonly (readonly [name: string, value: string])[];
  readonly hidden: boolean;
  /** Null: no visibility was asked for. */
  readonly visibility: string | null;
  readonly memberStatus: string;
}

export interface ImagePage {
  readonly sort: readonly SortKey[];
  readonly marker: ImageRow | null;
  readonly limit: number;
}

export interface FoundImages {
  readonly images: readonly StoredImage[];
  /** The id after which the next page begins; null: this is the last. */
  readonly next: string | null;
}

/** An image in its place, and how much it holds. */
interface Place {
  readonly id: string;
  /** Of its properties and tags, as they are stored. */
  readonly bytes: number;
}

const operators: Readonly<Record<Comparison, string>> = { eq: '=', neq: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' };

/**
 * The images that a project may see, in order, as far as columns tell: its own, public and community ones, and those shared with it;
 * community images of others only when asked for.
 * @param limit null for all of them
 */
async function placesOf(
  reader: Reader,
  projectId: string | null,
  everything: boolean,
  filters: ImageFilters,
  { sort, marker }: ImagePage,
  limit: number | null,
): Promise<Place[]> {
  // the size is known without reading what is there
  const bytes = reader.raw('octet_length(images.properties) + octet_length(images.tags) as bytes');
  const query = reader('images').select('images.id', bytes);
  if (limit !== null) query.limit(limit);
  if (!everything) {
    query.where((seen) => {
      seen.whereIn('visibility', ['public', 'community']);
      if (projectId === null) return;
      seen.orWhere('owner', projectId);
      seen.orWhere((shared) => {
        const members = reader('image_members').select('image_id').where('member', projectId);
        if (filters.memberStatus !== 'all') members.where('status', filters.memberStatus);
        shared.where('visibility', 'shared').whereIn('images.id', members);
      });
    });
  }
  if (filters.visibility === null) {
    query.where((seen) => {
      seen.whereNot('visibility', 'community');
      if (projectId !== null) seen.orWhere('owner', projectId);
    });
  } else if (filters.visibility !== 'all') query.where('visibility', filters.visibility);
  query.where('os_hidden', toBool(filters.hidden));
  for (const [column, values] of Object.entries(filters.oneOf)) query.whereIn(`images.${column}`, [...values]);
  for (const { column, by, value } of filters.compare) {
    // answers carry whole seconds, so whole seconds are compared
    const side = column.endsWith('_at') ? 'images.?? - images.?? % 1000' : 'images.??';
    const bindings = column.endsWith('_at') ? [column, column, value] : [column, value];
    query.whereRaw(`${side} ${operators[by]} ?`, bindings);
  }
  keyset(query, sort, marker, false);
  const rows: ImageRow[] = await query;
  return rows.map((row) => ({ id: String(row['id']), bytes: Number(row['bytes']) }));
}

/** What an image must hold besides its columns, by its stored properties and tags; null: nothing. */
function holder({ properties, tags }: ImageFilters): ((properties: string, tags: string) => boolean) | null {
  const [first] = properties;
  if (first === undefined && tags.length === 0) return null;
  // what has not even this text need not be parsed
  const hint = first === undefined ? '' : `${JSON.stringify(first[0])}:${JSON.stringify(first[1])}`;
  return (propertiesText, tagsText) => {
    if (!propertiesText.includes(hint)) return false;
    if (tags.length > 0) {
      const has = new Set(fromJson<string[]>(tagsText));
      if (!tags.every((tag) => has.has(tag))) return false;
    }
    if (properties.length === 0) return true;
    const has = fromJson<Record<string, string>>(propertiesText);
    return properties.every(([name, value]) => Object.hasOwn(has, name) && has[name] === value);
  };
}

/** Places in pieces of about `limits.imagePieceBytes`. */
function* piecesOf(places: readonly Place[]): Generator<readonly Place[]> {
  let piece: Place[] = [];
  let bytes = 0;
  for (const place of places) {
    if (piece.length > 0 && (bytes + place.bytes > limits.imagePieceBytes || piece.length >= limits.imagePieceRows)) {
      yield piece;
      [piece, bytes] = [[], 0];
    }
    piece.push(place);
    bytes += place.bytes;
  }
  if (piece.length > 0) yield piece;
}

/** The rows of some images by id; those that went meanwhile have none. */
async function rowsAt(reader: Reader, places: readonly Place[], columns: readonly string[]) {
  const ids = places.map(({ id }) => id);
  const rows: ImageRow[] = await reader('images')
    .whereIn('id', ids)
    .select([...columns]);
  return new Map(rows.map((row) => [String(row['id']), row]));
}

/**
 * The first of some images that hold what they must.
 * @throws badRequest where more would have to be looked through than is looked through for one question
 */
async function thoseThatHold(
  reader: Reader,
  places: readonly Place[],
  holds: (properties: string, tags: string) => boolean,
  limit: number,
): Promise<Place[]> {
  const kept: Place[] = [];
  let looked = 0;
  for (const piece of piecesOf(places)) {
    for (const { bytes } of piece) looked += bytes;
    if (looked > limits.imageFilterBytes) {
      throw badRequest(
        'Invalid filter: looking for properties and tags in so many images takes too long; ask for less by other filters.',
      );
    }
    const rows = await rowsAt(reader, piece, ['id', 'properties', 'tags']);
    for (const place of piece) {
      const row = rows.get(place.id);
      if (row === undefined || !holds(String(row['properties']), String(row['tags']))) continue;
      kept.push(place);
      if (kept.length >= limit) return kept;
    }
  }
  return kept;
}

/** How many of some images, at least one, hold no more than a page may. */
function countWithin(places: readonly Place[], most: number): number {
  let left = most;
  const over = places.findIndex(({ bytes }) => (left -= bytes) < 0);
  return over === -1 ? places.length : Math.max(1, over);
}

/**
 * One page of the images that a project may see, newest first unless said otherwise.
 * @param projectId null for an administrator without a project
 * @param everything an administrator sees every image
 * @throws badRequest where filters ask for too much
 */
export async function listImages(
  reader: Reader,
  projectId: string | null,
  everything: boolean,
  filters: ImageFilters,
  page: ImagePage,
): Promise<FoundImages> {
  const { limit } = page;
  if (limit === 0) return { images: [], next: null };
  const holds = holder(filters);
  const places = await placesOf(reader, projectId, everything, filters, page, holds === null ? limit : null);
  const kept = holds === null ? places : await thoseThatHold(reader, places, holds, limit);
  const shown = kept.slice(0, countWithin(kept, limits.imagePageBytes));
  const images: StoredImage[] = [];
  for (const piece of piecesOf(shown)) {
    const rows = await rowsAt(reader, piece, ['*']);
    for (const { id } of piece) {
      const row = rows.get(id);
      if (row !== undefined) images.push(imageNoun.fromRow(row));
    }
  }
  const more = kept.length === limit || shown.length < kept.length;
  return { images, next: more ? (shown.at(-1)?.id ?? null) : null };
}

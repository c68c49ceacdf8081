// Why: the way of an image from queued to active, and out again to whoever may read it.

import { badRequest, conflict, Fault, forbidden } from '../../base/errors.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { limits } from '../../base/limits.ts';
import type { Mutex } from '../../base/mutex.ts';
import type { Caller } from '../../base/op.ts';
import type { Database } from '../../db/engine.ts';
import { imageIdsIn, lockImage, moveImage, replaceImage, type StoredImage } from '../../db/images.ts';
import { tx } from '../../db/tx.ts';
import type { WebContext } from '../../web/app.ts';
import type { Allows } from '../access.ts';
import type { ImageFiles } from './files.ts';
import { bytesLeft, type ImageQuota } from './quota.ts';
import { mustMay, visibleImage } from './rules.ts';

export interface DataParts {
  readonly database: Database;
  readonly files: ImageFiles;
  readonly clock: Clock;
  readonly log: Log;
  readonly allows: Allows;
  readonly quota: ImageQuota;
  /** A project's images are counted by one at a time; this process is the only one that has their files. */
  readonly turns: Mutex;
}

/**
 * Reads what is left of a refused upload, so that the client, who sends before it listens, hears the answer. One that sends
 * very much more is cut off instead.
 */
async function readRest(ctx: WebContext): Promise<void> {
  let bytes = 0;
  try {
    for await (const piece of ctx.req.iterator({ destroyOnReturn: false })) {
      bytes += (piece as Uint8Array).byteLength;
      if (bytes > limits.imageRefusedBytes) break;
    }
  } catch {
    // the client is gone, and with it the rest
  }
  if (!ctx.req.complete) ctx.set('Connection', 'close');
}

/**
 * Takes an image's data: the image is active with all of it, or queued with none.
 * @param announcedBytes how many were promised; null: nobody said
 * @throws conflict for an image that takes none now, gone for one that was deleted meanwhile
 */
export async function storeData(
  { database, files, clock, log, quota, turns }: DataParts,
  image: StoredImage,
  announcedBytes: number | null,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { id, diskFormat } = image;
  if (diskFormat === null || image.containerFormat === null) {
    throw badRequest('Properties disk_format, container_format must be set prior to saving data.');
  }
  const began = await tx(database, (trx) => moveImage(trx, id, ['queued'], 'saving', clock.now()));
  if (!began) throw conflict(`Image status transition from ${image.status} to saving is not allowed`);
  try {
    const most = await bytesLeft(database.read, quota, image, announcedBytes ?? 0);
    await files.mustHaveRoom(announcedBytes ?? 0);
    const stored = await files.write(id, diskFormat, pieces, most);
    if (announcedBytes !== null && announcedBytes !== stored.sizeBytes) {
      throw badRequest(`The upload has ${stored.sizeBytes} bytes, ${announcedBytes} were announced.`);
    }
    const settle = () =>
      tx(database, async (trx) => {
        const now = await lockImage(trx, id);
        if (now?.status !== 'saving') return false;
        // others of the project may have come meanwhile
        await bytesLeft(trx, quota, now, stored.sizeBytes);
        await replaceImage(trx, {
          ...now,
          status: 'active',
          sizeBytes: stored.sizeBytes,
          virtualSizeBytes: stored.virtualSizeBytes,
          checksum: stored.md5,
          osHashAlgo: 'sha512',
          osHashValue: stored.sha512,
          updatedAt: clock.now(),
        });
        return true;
      });
    if (!(await turns(image.owner ?? '', settle)))
      throw new Fault('gone', `Image ${id} was deleted while its data came.`);
  } catch (error) {
    log.warn({ image: id, err: error }, 'image upload failed');
    await files.remove(id);
    await tx(database, (trx) => moveImage(trx, id, ['saving'], 'queued', clock.now()));
    throw error;
  }
}

/**
 * At the start: images whose data came to a process that is no more take it anew.
 * @param others images whose data comes to other processes
 */
export async function endHalfUploads(
  { database, clock }: Pick<DataParts, 'database' | 'clock'>,
  others: ReadonlySet<string> = new Set(),
): Promise<void> {
  for (const id of await imageIdsIn(database.read, 'saving')) {
    if (others.has(id)) continue;
    await tx(database, (trx) => moveImage(trx, id, ['saving'], 'queued', clock.now()));
  }
}

/** `PUT /v2/images/{id}/file`. */
export async function uploadData(parts: DataParts, ctx: WebContext, caller: Caller, id: string): Promise<void> {
  if (ctx.request.type !== 'application/octet-stream') {
    throw new Fault('badMediaType', 'The request must carry application/octet-stream.');
  }
  const { image, target } = await visibleImage(parts.allows, parts.database.read, caller, id);
  mustMay(parts.allows, caller, 'upload_image', target);
  const announced = ctx.get('X-OpenStack-Image-Size') || ctx.get('Content-Length');
  if (announced !== '' && !/^\d{1,15}$/.test(announced)) throw badRequest('The image size is not a whole number.');
  try {
    const pieces = ctx.req.iterator({ destroyOnReturn: false });
    await storeData(parts, image, announced === '' ? null : Number(announced), pieces);
  } catch (error) {
    await readRest(ctx);
    throw error;
  }
  ctx.status = 204;
}

/** One range of bytes, `first` to `last` included; `none` where there is no such header, `unfit` where it cannot be met. */
function rangeFrom(header: string, sizeBytes: number): { first: number; last: number } | 'none' | 'unfit' {
  if (header === '') return 'none';
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim());
  if (match === null || (match[1] === '' && match[2] === '')) return 'unfit';
  const [, from = '', to = ''] = match;
  const first = from === '' ? Math.max(0, sizeBytes - Number(to)) : Number(from);
  const last = from === '' || to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  return first > last || first >= sizeBytes ? 'unfit' : { first, last };
}

/** `GET /v2/images/{id}/file`, whole or one range. */
export async function downloadData(parts: DataParts, ctx: WebContext, caller: Caller, id: string): Promise<void> {
  const { image, target } = await visibleImage(parts.allows, parts.database.read, caller, id);
  mustMay(parts.allows, caller, 'download_image', target);
  if (image.status === 'deactivated' && !caller.isAdmin) {
    throw forbidden('The requested image has been deactivated. Image data download is forbidden.');
  }
  if ((image.status !== 'active' && image.status !== 'deactivated') || image.sizeBytes === null) {
    ctx.status = 204;
    return;
  }
  const range = rangeFrom(ctx.get('Range'), image.sizeBytes);
  ctx.set('Accept-Ranges', 'bytes');
  if (range === 'unfit') {
    ctx.status = 416;
    ctx.set('Content-Range', `bytes */${image.sizeBytes}`);
    ctx.body = '';
    return;
  }
  const { first, last } = range === 'none' ? { first: 0, last: image.sizeBytes - 1 } : range;
  ctx.status = range === 'none' ? 200 : 206;
  ctx.type = 'application/octet-stream';
  if (range === 'none' && image.checksum !== null) ctx.set('Content-MD5', image.checksum);
  if (range !== 'none') ctx.set('Content-Range', `bytes ${first}-${last}/${image.sizeBytes}`);
  if (image.sizeBytes === 0) {
    ctx.body = Buffer.alloc(0);
    return;
  }
  ctx.body = parts.files.read(id, first, last);
  ctx.length = last - first + 1;
}

// Why: image data lies in one folder, a file each, and a file has its final name only when it is whole, hashed and on disk.

import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, type ReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../../base/durable-file.ts';
import { badRequest, Fault, messageOf } from '../../base/errors.ts';
import { isUuidLike } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import { contentProblem, type Inspection, inspectImage } from './inspect.ts';

export interface StoredData {
  readonly sizeBytes: number;
  readonly virtualSizeBytes: number | null;
  readonly md5: string;
  readonly sha512: string;
}

export interface ImageFiles {
  /**
   * Writes an image's data as it comes, never holding more than one piece and the inspected beginning.
   * @param diskFormat what the data must be
   * @param most how many bytes it may have
   * @throws badRequest for content that is refused or an upload that breaks off, tooLarge over the limit or with a full disk
   */
  write(imageId: string, diskFormat: string, pieces: AsyncIterable<Uint8Array>, most: number): Promise<StoredData>;
  /** Throws tooLarge unless so many bytes more leave the disk its reserve. */
  mustHaveRoom(bytes: number): Promise<void>;
  /** The data from one byte to another, both included; everything by default. */
  read(imageId: string, start?: number, end?: number): ReadStream;
  remove(imageId: string): Promise<void>;
  /**
   * Removes what uploads of this owner left that never ended, when none of its own is under way.
   * @returns the images of which others take data
   */
  removePartial(): Promise<ReadonlySet<string>>;
  /**
   * Removes the files of images that are not there. A row is made before its file and no id comes back, so this may be done at
   * any time.
   * @param existing tells which of some ids images have
   * @returns the ids whose files went
   */
  sweep(existing: (ids: readonly string[]) => Promise<ReadonlySet<string>>): Promise<readonly string[]>;
}

const PARTIAL = '.part';
const WRITE_BYTES = 4 * 1024 * 1024;
/** Files whose rows are looked for in one query. */
const SWEPT_AT_ONCE = 500;

const full = (cause?: unknown) =>
  new Fault('tooLarge', 'Image storage media is full: not enough disk space', { cause });

/** The bytes of a file system that are free to us; it must exist. */
async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function failureOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return full(error);
  }
  if (['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR', 'HPE_INVALID_CHUNK_SIZE'].includes(code)) {
    return badRequest(`The upload broke off: ${messageOf(error)}`, { cause: error });
  }
  return new Fault('internal', 'Failed to store the image data', { cause: error, detail: messageOf(error) });
}

/** Gathers pieces into few large writes, of which one goes on while the next pieces come. */
function makeOutput(handle: FileHandle) {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  let writing: Promise<void> = Promise.resolve();
  async function flush(): Promise<void> {
    await writing;
    writing = handle.writeFile(Buffer.concat(pieces));
    // a failure is met by whoever waits for this write next
    writing.catch(() => {});
    pieces = [];
    bytes = 0;
  }
  return {
    async write(piece: Uint8Array): Promise<void> {
      pieces.push(piece);
      bytes += piece.byteLength;
      if (bytes >= WRITE_BYTES) await flush();
    },
    async end(): Promise<void> {
      await flush();
      await writing;
    },
  };
}

/**
 * @param folder made when missing
 * @param owner one of several that write there; empty: there is one
 */
export function makeImageFiles(
  folder: string,
  { owner = '', freeBytes = freeBytesOf }: { readonly owner?: string; readonly freeBytes?: typeof freeBytesOf } = {},
): ImageFiles {
  const pathOf = (imageId: string): string => join(folder, imageId);

  async function mustHaveRoom(bytes: number): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if ((await freeBytes(folder)) - bytes < limits.imageDiskReserveBytes) throw full();
  }

  return {
    mustHaveRoom,
    async write(imageId, diskFormat, pieces, most) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const partial = [pathOf(imageId), ...(owner === '' ? [] : [owner]), `${randomUUID()}${PARTIAL}`].join('.');
      const handle = await open(partial, 'wx', 0o600);
      const output = makeOutput(handle);
      const md5 = createHash('md5');
      const sha512 = createHash('sha512');
      let sizeBytes = 0;
      let lookAt = 0;
      let head: Buffer[] = [];
      let headBytes = 0;
      let inspection: Inspection | null = null;
      const judge = (): Inspection => {
        const found = inspectImage(Buffer.concat(head).subarray(0, limits.imageHeaderBytes));
        head = [];
        const problem = contentProblem(diskFormat, found);
        if (problem !== null) throw badRequest(problem);
        return found;
      };
      try {
        for await (const piece of pieces) {
          sizeBytes += piece.byteLength;
          if (sizeBytes > most) throw new Fault('tooLarge', `Image exceeds the maximum size of ${most} bytes`);
          // the disk is others' too: looked at as the data comes, never piece by piece
          if (sizeBytes >= lookAt) {
            await mustHaveRoom(0);
            lookAt = sizeBytes + limits.imageDiskCheckBytes;
          }
          if (inspection === null) {
            head.push(Buffer.from(piece));
            headBytes += piece.byteLength;
            if (headBytes >= limits.imageHeaderBytes) inspection = judge();
          }
          md5.update(piece);
          sha512.update(piece);
          await output.write(piece);
        }
        inspection ??= judge();
        await output.end();
        await handle.sync();
        await handle.close();
        await rename(partial, pathOf(imageId));
        await syncDirectory(folder);
      } catch (error) {
        await output.end().catch(() => {});
        await handle.close().catch(() => {});
        await rm(partial, { force: true });
        throw failureOf(error);
      }
      const guestBytes = inspection.format === 'qcow2' ? inspection.virtualSizeBytes : sizeBytes;
      return { sizeBytes, virtualSizeBytes: guestBytes, md5: md5.digest('hex'), sha512: sha512.digest('hex') };
    },
    read(imageId, start = 0, end = Number.POSITIVE_INFINITY) {
      return createReadStream(pathOf(imageId), { start, end, highWaterMark: 256 * 1024 });
    },
    async remove(imageId) {
      await rm(pathOf(imageId), { force: true });
    },
    async removePartial() {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const partial = (await readdir(folder)).filter((name) => name.endsWith(PARTIAL));
      const isOthers = (name: string): boolean => owner !== '' && name.split('.')[1] !== owner;
      for (const name of partial) if (!isOthers(name)) await rm(join(folder, name), { force: true });
      return new Set(partial.filter(isOthers).map((name) => name.split('.', 1).join()));
    },
    async sweep(existing) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const ids = (await readdir(folder)).filter(isUuidLike);
      const removed: string[] = [];
      for (let at = 0; at < ids.length; at += SWEPT_AT_ONCE) {
        const some = ids.slice(at, at + SWEPT_AT_ONCE);
        const kept = await existing(some);
        for (const id of some.filter((one) => !kept.has(one))) {
          await rm(pathOf(id), { force: true });
          removed.push(id);
        }
      }
      return removed;
    },
  };
}

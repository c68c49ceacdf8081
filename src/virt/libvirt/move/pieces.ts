// Why: disks are mostly holes, and stay so on their way: a file is read in pieces, and of one that is all zeros only its length goes on.

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { unavailable } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';

const ZEROS = Buffer.alloc(limits.diskPieceBytes);
const HEAD_BYTES = 8;
const DIGEST_BYTES = 32;

/** A part of a file; `data` null: zeros. */
export interface Piece {
  readonly at: number;
  readonly span: number;
  readonly data: Buffer | null;
}

/** How much of a partial file can be relied on: whole pieces, of which none is ever half written and counted. */
export const wholePieces = (bytes: number): number => bytes - (bytes % limits.diskPieceBytes);

/**
 * The pieces of a file from an offset on, which is a multiple of `limits.diskPieceBytes`, to another; what is written behind that is
 * left alone. A piece is good until the next is asked for.
 */
export async function* readPieces(
  path: string,
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(limits.diskPieceBytes);
    for (let at = from; ; ) {
      signal.throwIfAborted();
      const wanted = Math.min(buffer.length, to - at);
      let span = 0;
      while (span < wanted) {
        const { bytesRead } = await file.read(buffer, span, wanted - span, at + span);
        if (bytesRead === 0) break;
        span += bytesRead;
      }
      if (span === 0) return;
      const data = buffer.subarray(0, span);
      yield { at, span, data: data.equals(ZEROS.subarray(0, span)) ? null : data };
      at += span;
    }
  } finally {
    await file.close();
  }
}

/** Puts a piece where it belongs in a file that holds what was before it. */
export async function writePiece(file: FileHandle, { at, span, data }: Piece): Promise<void> {
  if (data === null) return await file.truncate(at + span);
  for (let done = 0; done < span; ) {
    const { bytesWritten } = await file.write(data, done, span - done, at + done);
    done += bytesWritten;
  }
}

const digestOf = (data: Buffer): Buffer => createHash('sha256').update(data).digest();

/** Pieces as bytes: of each how long it is, how many bytes follow, their SHA-256, and they; two zeros are the end. */
export async function* encodePieces(pieces: AsyncIterable<Piece>): AsyncGenerator<Buffer> {
  for await (const { span, data } of pieces) {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32BE(span, 0);
    head.writeUInt32BE(data?.length ?? 0, 4);
    // the reader's buffer is used again as soon as it is asked for more
    yield data === null ? head : Buffer.concat([head, digestOf(data), data]);
  }
  yield Buffer.alloc(HEAD_BYTES);
}

const broken = (why: string) => unavailable(`A disk on its way came broken: ${why}.`, { code: 'disk.broken' });

/** The other way round. Throws `unavailable` for what is cut off or not what was sent. */
export async function* decodePieces(bytes: AsyncIterable<Buffer>, from: number): AsyncGenerator<Piece> {
  const take = makeTaker(bytes);
  for (let at = from; ; ) {
    const head = await take(HEAD_BYTES);
    const [span, length] = [head.readUInt32BE(0), head.readUInt32BE(4)];
    if (span === 0) return;
    if (span > limits.diskPieceBytes || (length !== 0 && length !== span)) throw broken('a piece of no such length');
    if (length === 0) yield { at, span, data: null };
    else {
      const digest = Buffer.from(await take(DIGEST_BYTES));
      const data = await take(length);
      if (!digestOf(data).equals(digest)) throw broken('a piece is not what was sent');
      yield { at, span, data };
    }
    at += span;
  }
}

/** Gives so many bytes of a stream at a time. */
function makeTaker(bytes: AsyncIterable<Buffer>): (count: number) => Promise<Buffer> {
  const source = bytes[Symbol.asyncIterator]();
  let waiting: Buffer[] = [];
  let length = 0;
  return async (count) => {
    while (length < count) {
      const { done, value } = await source.next();
      if (done) throw broken('it ends too early');
      waiting.push(value);
      length += value.length;
    }
    const all = waiting.length === 1 ? (waiting[0] as Buffer) : Buffer.concat(waiting, length);
    waiting = [all.subarray(count)];
    length -= count;
    return all.subarray(0, count);
  };
}

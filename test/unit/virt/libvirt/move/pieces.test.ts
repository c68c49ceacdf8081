import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Fault } from '../../../../../src/base/errors.ts';
import { limits } from '../../../../../src/base/limits.ts';
import {
  decodePieces,
  encodePieces,
  type Piece,
  readPieces,
  wholePieces,
  writePiece,
} from '../../../../../src/virt/libvirt/move/pieces.ts';

const PIECE = limits.diskPieceBytes;
const never = new AbortController().signal;

let dir: string;
/** Two pieces of zeros, one of noise, and half a piece of noise. */
async function sample(): Promise<{ path: string; bytes: Buffer }> {
  const path = join(dir, 'from');
  const bytes = Buffer.concat([Buffer.alloc(2 * PIECE), randomBytes(PIECE + PIECE / 2)]);
  await writeFile(path, bytes);
  return { path, bytes };
}

const piecesOf = (path: string, from: number, to: number) => encodePieces(readPieces(path, { from, to }, never));

/** The same bytes as a network brings them: cut anywhere. */
async function* cut(source: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  for await (const bytes of source) for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function drain(pieces: AsyncIterable<Piece>): Promise<number> {
  let count = 0;
  for await (const _piece of pieces) count += 1;
  return count;
}

const isBroken = (error: unknown) => error instanceof Fault && error.code === 'disk.broken';

describe('pieces of a disk', () => {
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'xloud-pieces-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  it('make the same file, in which holes stay holes', async () => {
    const { path, bytes } = await sample();
    const to = join(dir, 'to');
    const file = await open(to, 'w+');
    for await (const piece of decodePieces(cut(piecesOf(path, 0, bytes.length), 70_001), 0))
      await writePiece(file, piece);
    await file.sync();
    await file.close();
    assert.ok((await readFile(to)).equals(bytes));
    assert.ok((await stat(to)).blocks * 512 < bytes.length - PIECE, 'the zeros take no room');
  });

  it('go on where they were left', async () => {
    const { path, bytes } = await sample();
    const left = wholePieces(3 * PIECE + 17);
    assert.equal(left, 3 * PIECE);
    const rest: Piece[] = [];
    for await (const piece of decodePieces(piecesOf(path, left, bytes.length), left)) rest.push(piece);
    assert.deepEqual([rest.length, rest[0]?.at, rest[0]?.span], [1, left, PIECE / 2]);
    assert.ok(rest[0]?.data?.equals(bytes.subarray(left)));
  });

  it('end where the file was said to end', async () => {
    const { path } = await sample();
    assert.equal(await drain(decodePieces(piecesOf(path, 0, PIECE + 5), 0)), 2);
  });

  it('are refused when a bit is another, or when they end too early', async () => {
    const { path, bytes } = await sample();
    async function* spoilt() {
      for await (const one of piecesOf(path, 0, bytes.length)) {
        if (one.length > 100) one[one.length - 1] = (one.at(-1) as number) ^ 1;
        yield one;
      }
    }
    await assert.rejects(drain(decodePieces(spoilt(), 0)), isBroken);
    async function* early() {
      for await (const one of piecesOf(path, 0, bytes.length)) yield one.subarray(0, 100);
    }
    await assert.rejects(drain(decodePieces(early(), 0)), isBroken);
    const boast = Buffer.alloc(8);
    boast.writeUInt32BE(PIECE + 1, 0);
    await assert.rejects(
      drain(
        decodePieces(
          (async function* () {
            yield boast;
          })(),
          0,
        ),
      ),
      isBroken,
    );
  });
});

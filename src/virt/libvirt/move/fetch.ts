// Why: the other end of an offer: reads what another host offers, in files that go on where they were left.

import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:tls';
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { notFound, unavailable } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import type { DiskOffer } from '../../../domain/servers/guests.ts';
import { type Manifest, type MovedFile, parseManifest } from './manifest.ts';
import { keyedTls } from './offers.ts';
import { decodePieces, type Piece, readPieces, wholePieces, writePiece } from './pieces.ts';

/** Told of every piece that is here. */
export type Advance = (bytes: number) => void;

const unreachable = ({ address, port }: DiskOffer, why: string) =>
  unavailable(`Disks at ${address}:${port} cannot be had: ${why}.`, { code: 'disk.offer' });

/** Asks for a path of an offer. Throws `unavailable` for a host that does not answer, `notFound` for what is not offered any more. */
function ask(offer: DiskOffer, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(unreachable(offer, why));
    const createConnection = () =>
      connect({
        ...keyedTls,
        ...{ host: offer.address, port: offer.port },
        pskCallback: () => ({ psk: Buffer.from(offer.key, 'hex'), identity: offer.id }),
        // whoever has the key is the host that made it
        checkServerIdentity: () => undefined,
      });
    const sent = request({ createConnection, path, signal }, (response) => {
      if (response.statusCode === 200) return resolve(response);
      response.resume();
      if (response.statusCode === 404) reject(notFound('That is not offered.', { code: 'disk.offer' }));
      else fail(`status ${response.statusCode}`);
    });
    sent.setTimeout(limits.diskIdleMs, () => sent.destroy(new Error('nothing comes any more')));
    sent.on('error', (error) => fail(error.message));
    sent.end();
  });
}

export async function fetchManifest(offer: DiskOffer, signal: AbortSignal): Promise<Manifest> {
  const response = await ask(offer, '/manifest', signal);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limits.diskManifestBytes) throw unreachable(offer, 'it tells too much');
  }
  const manifest = parseManifest(Buffer.concat(chunks).toString());
  if (manifest === null) throw unreachable(offer, 'it tells of other things than disks');
  return manifest;
}

const NEW_FILE = 'wx';
const OLD_FILE = 'r+';

/** A file that pieces are added to; what of it is there already, and how it ends as a whole file of the name. */
async function fill(
  path: string,
  file: MovedFile,
  advance: Advance,
  piecesFrom: (from: number) => AsyncIterable<Piece>,
): Promise<void> {
  const part = `${path}.part`;
  const there = await stat(part).then(
    ({ size }) => wholePieces(Math.min(size, file.bytes)),
    () => null,
  );
  const handle: FileHandle = await open(part, there === null ? NEW_FILE : OLD_FILE, 0o600);
  try {
    let at = there ?? 0;
    advance(at);
    for await (const piece of piecesFrom(at)) {
      await writePiece(handle, piece);
      at = piece.at + piece.span;
      advance(piece.span);
    }
    if (at !== file.bytes)
      throw unavailable(`${file.name}: ${at} of ${file.bytes} bytes came.`, { code: 'disk.broken' });
    await handle.truncate(at);
    await handle.chmod(0o644);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(part, path);
}

/** Brings an offered file to a path; what an earlier attempt brought of it is kept. */
export async function fetchFile(
  offer: DiskOffer,
  file: MovedFile,
  path: string,
  advance: Advance,
  signal: AbortSignal,
): Promise<void> {
  async function* pieces(from: number): AsyncGenerator<Piece> {
    const response = await ask(offer, `/files/${encodeURIComponent(file.name)}?from=${from}`, signal);
    try {
      yield* decodePieces(response as AsyncIterable<Buffer>, from);
    } catch (error) {
      if (error instanceof Error && 'kind' in error) throw error;
      throw unreachable(offer, error instanceof Error ? error.message : String(error));
    } finally {
      response.destroy();
    }
  }
  await fill(path, file, advance, pieces);
}

/** The same from a path of this host. */
export async function copyFile(
  from: string,
  file: MovedFile,
  path: string,
  advance: Advance,
  signal: AbortSignal,
): Promise<void> {
  await fill(path, file, advance, (at) => readPieces(from, { from: at, to: file.bytes }, signal));
}

// Why: a qcow2 file may name other files of the host (a backing file, a data file), and QEMU would open them for the guest:
// an image from a user is looked at, byte by byte, before QEMU or qemu-img ever opens it.

import { open } from 'node:fs/promises';

const MAGIC = 0x5146_49fb; // 'QFI\xfb'
const HEADER_BYTES = 104;
const HEAD_BYTES = 64 * 1024;
/** Incompatible features that are harmless: dirty (0), corrupt (1), compression type (3), extended L2 (4). Not: data file (2). */
const HARMLESS_FEATURES = 0b11011n;
const DATA_FILE_BIT = 0b100n;
/** Header extensions that name another file: the backing file's format, the external data file. */
const BACKING_FORMAT = 0xe279_2aca;
const DATA_FILE = 0x4441_5441;

export interface Qcow2Facts {
  readonly virtualBytes: number;
  /** What it lies over, as it stands in the file; null: nothing. */
  readonly backing: string | null;
  /** Why the file must not be used; empty when it is safe. */
  readonly problems: readonly string[];
}

/** What the beginning of a qcow2 file says; null when it is no qcow2 at all. */
export function readQcow2(head: Buffer): Qcow2Facts | null {
  if (head.length < 72 || head.readUInt32BE(0) !== MAGIC) return null;
  const version = head.readUInt32BE(4);
  const virtualBytes = Number(head.readBigUInt64BE(24));
  const backing = backingOf(head);
  const problems: string[] = [];
  if (version !== 2 && version !== 3) problems.push(`version ${version} is unknown`);
  if (head.readBigUInt64BE(8) !== 0n) problems.push('it has a backing file');
  if (head.readUInt32BE(32) !== 0) problems.push('it is encrypted');
  if (version === 3) {
    if (head.length < HEADER_BYTES) return { virtualBytes, backing, problems: ['it is cut off'] };
    const features = head.readBigUInt64BE(72);
    if ((features & DATA_FILE_BIT) !== 0n) problems.push('it has an external data file');
    const unknown = features & ~(HARMLESS_FEATURES | DATA_FILE_BIT);
    if (unknown !== 0n) problems.push(`it has unknown features (0x${unknown.toString(16)})`);
  }
  const naming = extensionsOf(head, version).filter((type) => type === BACKING_FORMAT || type === DATA_FILE);
  if (naming.length > 0 && problems.length === 0) problems.push('its header refers to another file');
  return { virtualBytes, backing, problems };
}

function backingOf(head: Buffer): string | null {
  const at = Number(head.readBigUInt64BE(8));
  // one that stands behind all that was read is named by nothing, and is no file
  return at === 0 ? null : head.toString('utf8', at, at + head.readUInt32BE(16));
}

/** The types of the header extensions, which follow the header until one of type 0. */
function extensionsOf(head: Buffer, version: number): readonly number[] {
  const types: number[] = [];
  let at = version === 3 && head.length >= HEADER_BYTES ? head.readUInt32BE(100) : 72;
  while (at + 8 <= head.length) {
    const type = head.readUInt32BE(at);
    if (type === 0) break;
    types.push(type);
    at += 8 + Math.ceil(head.readUInt32BE(at + 4) / 8) * 8;
  }
  return types;
}

/** The same for a file on disk. */
export async function readQcow2File(path: string): Promise<Qcow2Facts | null> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return readQcow2(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

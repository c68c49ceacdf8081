// Why: a volume's bytes are one qcow2 file, and a snapshot's are another: a copy (a reflink where the file system can) and no layer
// below the volume, so that there is no chain to break, and either goes without the other. A file has its name only when it is whole.

import { createWriteStream } from 'node:fs';
import { chmod, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { syncDirectory } from '../../base/durable-file.ts';
import { badRequest, Fault, internal, unavailable } from '../../base/errors.ts';
import { checkedUuid, isUuidLike } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import { readQcow2File } from '../../base/qcow2.ts';
import { qemuImg } from '../../base/qemu-img.ts';
import type { Run } from '../../base/run.ts';

const GIB = 1024 ** 3;

export type FileKind = 'volume' | 'snapshot';

/** What a volume can be made from, beside another file here. */
export interface ImageData {
  readonly format: 'raw' | 'qcow2';
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** Every change is idempotent: what is there already is kept, or made anew as a whole. */
export interface VolumeFiles {
  /** Where hosts find a volume's bytes. */
  pathOf(volumeId: string): string;
  /**
   * The same, for one of several attempts at some work, of which the latest is right.
   * @param mayFinish asked before what was written takes its name
   */
  fenced(attempt: number, mayFinish: () => Promise<boolean>): VolumeFiles;
  makeEmpty(volumeId: string, gb: number): Promise<void>;
  /** @throws badRequest for data that is refused or does not fit */
  makeFromImage(volumeId: string, image: ImageData, gb: number): Promise<void>;
  /** Makes one file as another is now. @param gb as large as this; null: as the other */
  copy(
    from: readonly [FileKind, string],
    to: readonly [FileKind, string],
    gb: number | null,
    /** Who copies the source in place of this; false: nobody does. */
    instead?: (draft: string) => Promise<boolean>,
  ): Promise<void>;
  /** Makes a volume larger; one that is as large already stays. */
  grow(volumeId: string, gb: number): Promise<void>;
  /** The bytes of a volume as an image of this format, until `use` is done with the file. */
  exported<T>(volumeId: string, format: 'raw' | 'qcow2', use: (path: string) => Promise<T>): Promise<T>;
  remove(kind: FileKind, id: string): Promise<void>;
  /** Of the file system that they lie on. */
  room(): Promise<{ readonly totalGb: number; readonly freeGb: number }>;
  /** Removes what has no row, and what nobody finished. @returns how many files went */
  sweep(existing: (kind: FileKind, ids: readonly string[]) => Promise<ReadonlySet<string>>): Promise<number>;
}

const DRAFT = '.new';
const EXPORT = '.export';
const fileName = (kind: FileKind, id: string): string => `${kind}-${checkedUuid(id)}`;
const SWEPT_AT_ONCE = 500;
/** What nobody wrote to for so long is nobody's draft. */
const DRAFT_AGE_MS = 24 * 3_600_000;

const full = (cause?: unknown) =>
  new Fault('tooLarge', 'There is not enough space on the disk that volumes lie on.', { cause });

const isFull = (error: unknown): boolean => {
  const text = error instanceof Error ? `${error.message} ${JSON.stringify((error as Fault).detail ?? '')}` : '';
  return (error as NodeJS.ErrnoException).code === 'ENOSPC' || /No space left on device|Disk quota exceeded/.test(text);
};

async function bytesOn(path: string): Promise<number> {
  const { blocks } = await stat(path);
  return blocks * 512;
}

async function synced(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

interface Parts {
  readonly folder: string;
  readonly run: Run;
  readonly ending: AbortSignal;
  /** Who writes, by number: the later one is right. */
  readonly attempt: number;
  /** Whether what was written may take its name. */
  readonly mayFinish: () => Promise<boolean>;
}

/** Where an attempt writes, beside the file that it makes. */
const besideOf = (path: string, { attempt }: Parts, end: string): string => `${path}.${attempt}${end}`;

/** Removes what earlier attempts at a file left. */
async function dropEarlier({ folder, attempt }: Parts, name: string): Promise<void> {
  for (const one of await readdir(folder)) {
    const [, number] = one.startsWith(`${name}.`) ? (/^\.(\d+)\.\w+$/.exec(one.slice(name.length)) ?? []) : [];
    if (number !== undefined && Number(number) < attempt) await rm(join(folder, one), { force: true });
  }
}

/** @throws tooLarge unless so many bytes more leave the disk its reserve */
async function mustHaveRoom({ folder }: Parts, bytes: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize - bytes < limits.volumeDiskReserveBytes) throw full();
}

/** Makes a file under another name first. */
async function make(parts: Parts, name: string, write: (draft: string) => Promise<void>): Promise<void> {
  const path = join(parts.folder, name);
  const draft = besideOf(path, parts, DRAFT);
  await dropEarlier(parts, name);
  await rm(draft, { force: true });
  try {
    await write(draft);
    // libvirt gives it to QEMU's own user for as long as a guest has it
    await chmod(draft, 0o600);
    await synced(draft);
    // somebody else may have made it anew by now, and a guest may have it
    if (!(await parts.mayFinish())) throw unavailable('The work was begun again elsewhere.');
    await rename(draft, path);
    await syncDirectory(parts.folder);
  } catch (error) {
    await rm(draft, { force: true });
    throw isFull(error) ? full(error) : error;
  }
}

const sizeOf = async (path: string): Promise<number> => {
  const facts = await readQcow2File(path);
  if (facts === null) throw internal(`${path} is no qcow2`, { code: 'image.damaged' });
  return facts.virtualBytes;
};

async function growTo({ run }: Parts, path: string, bytes: number): Promise<void> {
  if ((await sizeOf(path)) < bytes) await qemuImg(run, ['resize', '-q', '-f', 'qcow2', '--', path, String(bytes)]);
}

/** Writes an image's bytes to a file and sees what QEMU would see in them. */
async function bring({ ending }: Parts, { format, pieces }: ImageData, path: string): Promise<number> {
  const source = Readable.from(pieces, { objectMode: false });
  await pipeline(source, createWriteStream(path, { mode: 0o600 }), { signal: ending });
  if (format === 'raw') return (await stat(path)).size;
  const facts = await readQcow2File(path);
  if (facts === null) throw badRequest('The image is said to be qcow2 and is not.');
  if (facts.problems.length > 0) throw badRequest(`The image is unacceptable: ${facts.problems.join(', ')}.`);
  return facts.virtualBytes;
}

async function makeFromImage(parts: Parts, volumeId: string, image: ImageData, gb: number): Promise<void> {
  await mustHaveRoom(parts, 0);
  const source = besideOf(join(parts.folder, fileName('volume', volumeId)), parts, '.image');
  try {
    const bytes = await bring(parts, image, source);
    if (bytes > gb * GIB) {
      const needed = Math.ceil(bytes / GIB);
      throw badRequest(`Image size ${needed}GB is larger than the volume size ${gb}GB.`);
    }
    await mustHaveRoom(parts, await bytesOn(source));
    await make(parts, fileName('volume', volumeId), async (draft) => {
      await qemuImg(parts.run, ['convert', '-q', '-f', image.format, '-O', 'qcow2', '--', source, draft]);
      await growTo(parts, draft, gb * GIB);
    });
  } catch (error) {
    throw isFull(error) ? full(error) : error;
  } finally {
    await rm(source, { force: true });
  }
}

async function sweep(parts: Parts, existing: Parameters<VolumeFiles['sweep']>[0]): Promise<number> {
  await mkdir(parts.folder, { recursive: true, mode: 0o711 });
  const names = await readdir(parts.folder);
  let removed = 0;
  const drop = async (name: string): Promise<void> => {
    await rm(join(parts.folder, name), { force: true });
    removed += 1;
  };
  for (const kind of ['volume', 'snapshot'] as const) {
    const ids = names
      .flatMap((name) => (name.startsWith(`${kind}-`) ? [name.slice(kind.length + 1)] : []))
      .filter(isUuidLike);
    for (let at = 0; at < ids.length; at += SWEPT_AT_ONCE) {
      const some = ids.slice(at, at + SWEPT_AT_ONCE);
      const kept = await existing(kind, some);
      for (const id of some) if (!kept.has(id)) await drop(fileName(kind, id));
    }
  }
  for (const name of names.filter((one) => /\.\d+\.(?:new|image|export)$/.test(one))) {
    const facts = await stat(join(parts.folder, name)).catch(() => null);
    if (facts !== null && Date.now() - facts.mtimeMs > DRAFT_AGE_MS) await drop(name);
  }
  return removed;
}

/**
 * @param folder made when missing; every host that runs guests with volumes has it under the same path
 * @param ending gives up what is being written; what `run` has started is its own to end
 */
export const makeVolumeFiles = (
  folder: string,
  run: Run,
  ending: AbortSignal = new AbortController().signal,
): VolumeFiles => filesOf({ folder, run, ending, attempt: 0, mayFinish: async () => true });

function filesOf(parts: Parts): VolumeFiles {
  const { folder, run } = parts;
  const pathOf = (kind: FileKind, id: string): string => join(folder, fileName(kind, id));
  return {
    pathOf: (id) => pathOf('volume', id),
    fenced: (attempt, mayFinish) => filesOf({ ...parts, attempt, mayFinish }),
    async makeEmpty(id, gb) {
      await mustHaveRoom(parts, 0);
      await make(parts, fileName('volume', id), async (draft) => {
        await qemuImg(run, ['create', '-q', '-f', 'qcow2', '--', draft, String(gb * GIB)]);
      });
    },
    makeFromImage: (id, image, gb) => makeFromImage(parts, id, image, gb),
    async copy(from, to, gb, instead = async () => false) {
      const source = pathOf(...from);
      await mustHaveRoom(parts, await bytesOn(source));
      await make(parts, fileName(...to), async (draft) => {
        if (!(await instead(draft))) await run('cp', ['--reflink=auto', '--sparse=always', '--', source, draft]);
        if (gb !== null) await growTo(parts, draft, gb * GIB);
      });
    },
    grow: (id, gb) => growTo(parts, pathOf('volume', id), gb * GIB),
    async exported(id, format, use) {
      const source = pathOf('volume', id);
      await mustHaveRoom(parts, await bytesOn(source));
      const path = besideOf(source, parts, EXPORT);
      await dropEarlier(parts, fileName('volume', id));
      try {
        await qemuImg(run, ['convert', '-q', '-f', 'qcow2', '-O', format, '--', source, path]);
        return await use(path);
      } finally {
        await rm(path, { force: true });
      }
    },
    async remove(kind, id) {
      const name = fileName(kind, id);
      const names = await readdir(folder).catch(() => []);
      for (const one of names.filter((each) => each === name || each.startsWith(`${name}.`))) {
        await rm(join(folder, one), { force: true });
      }
    },
    async room() {
      await mkdir(folder, { recursive: true, mode: 0o711 });
      const { blocks, bavail, bsize } = await statfs(folder);
      return { totalGb: (blocks * bsize) / GIB, freeGb: (bavail * bsize) / GIB };
    },
    sweep: (existing) => sweep(parts, existing),
  };
}

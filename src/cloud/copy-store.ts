// Why: snapshots and backups of servers are files in one directory that workers and hosts share under the same path. No file names another
// one (no backing file); a JSON note beside it has size, hash and parent, so a broken chain is found before it is needed.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, rmdir, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory, writeDurably } from '../base/durable-file.ts';
import { conflict, Fault, internal } from '../base/errors.ts';
import { checkedUuid, isCanonicalUuid } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { readQcow2File } from '../base/qcow2.ts';
import { qemuImg } from '../base/qemu-img.ts';
import type { Run } from '../base/run.ts';
import { chainSource, type SealedCopy } from '../domain/servers/server-copies.ts';

const GIB = 1024 ** 3;

type Named = Pick<SealedCopy, 'id' | 'serverUuid'>;

/** What is wrong with a chain, and with which of its copies that begins. */
export interface ChainProblem {
  readonly copyId: string;
  readonly problem: string;
}

export interface CopyStore {
  /** Where a host writes a copy. */
  pathOf(copy: Named): string;
  /**
   * Creates the folder of a copy and checks that there is space for it.
   * @param gb its maximum size
   * @param otherGb the maximum size of all copies that are in progress
   * @throws tooLarge if there is not enough space, conflict if the directory is missing
   */
  prepare(copy: Named, gb: number, otherGb: number): Promise<void>;
  /** Whether its file exists and has the recorded size. */
  isThere(copy: Pick<SealedCopy, 'id' | 'serverUuid' | 'bytes'>): Promise<boolean>;
  /** Syncs a copy to disk and writes its note. */
  seal(copy: Pick<SealedCopy, 'id' | 'serverUuid' | 'parentId' | 'virtualBytes'>): Promise<{
    readonly bytes: number;
    readonly sha256: string;
  }>;
  /** Reads a whole chain, the full copy first, and compares hashes; null: it is intact. */
  verify(chain: readonly SealedCopy[]): Promise<ChainProblem | null>;
  /**
   * Merges a chain into one temporary file, which exists until `use` has finished.
   * @param purpose an id that makes the file's name unique: others may export the same chain at the same time
   */
  flattened<T>(
    chain: readonly Named[],
    purpose: string,
    use: (file: { path: string; format: 'raw' | 'qcow2' }) => Promise<T>,
  ): Promise<T>;
  /** Does nothing if it does not exist. */
  remove(copy: Named): Promise<void>;
  /** Removes files without a row. @returns how many copies were removed */
  sweep(known: (ids: readonly string[]) => Promise<ReadonlySet<string>>): Promise<number>;
}

const SWEPT_AT_ONCE = 500;

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

const gone = (cause: unknown) =>
  conflict('The directory of snapshots and backups is not there.', { code: 'copy.noDirectory', cause });

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path) as AsyncIterable<Uint8Array>) hash.update(piece);
  return hash.digest('hex');
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

const noteOf = (path: string): string => `${path}.json`;

interface Note {
  readonly id: string;
  readonly server: string;
  readonly parent: string | null;
  readonly virtual_bytes: number | null;
  readonly bytes: number;
  readonly sha256: string;
}

/** Null: the note itself is damaged. */
function parsedNote(text: string): Partial<Note> | null {
  try {
    return JSON.parse(text) as Partial<Note> | null;
  } catch {
    return null;
  }
}

/** What is wrong with one file; null: nothing. */
async function problemOf(run: Run, path: string, copy: SealedCopy): Promise<string | null> {
  if (copy.sha256 === null) return 'was never finished';
  const facts = await stat(path).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (facts === null) return 'is missing';
  if (facts.size !== copy.bytes) return `has ${facts.size} bytes in place of ${copy.bytes}`;
  const note = await readFile(noteOf(path), 'utf8').catch(() => null);
  if (note === null) return 'has lost its note';
  const told = parsedNote(note);
  if (told?.sha256 !== copy.sha256 || told.parent !== copy.parentId) return 'is not what its note says';
  if ((await hashOf(path)) !== copy.sha256) return 'has other bytes than it was made with';
  const qcow2 = await readQcow2File(path);
  if (qcow2 === null) return null;
  if (qcow2.problems.length > 0) return `is unacceptable: ${qcow2.problems.join(', ')}`;
  return await qemuImg(run, ['check', '-q', '-f', 'qcow2', '--', path]).then(
    () => null,
    (error: unknown) => `is damaged: ${error instanceof Error ? error.message : String(error)}`,
  );
}

/** A marker that exists while a copy is being made, so that the folder is not empty and nobody removes it. */
const begunOf = (path: string): string => `${path}.begun`;

/** Creates the folder and the marker of a copy. */
async function begin(path: string, mayRetry = true): Promise<void> {
  await mkdir(dirname(path), { mode: 0o711 }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
  await writeFile(begunOf(path), '', { mode: 0o600 }).catch((error: unknown) => {
    // the empty folder was removed in between
    if (!isMissing(error) || !mayRetry) throw error;
    return begin(path, false);
  });
}

/** @param directory created at process start; if it is missing later, that is an error and it is not created again */
export function makeCopyStore(directory: string, run: Run): CopyStore {
  const folderOf = ({ serverUuid }: Named): string => join(directory, checkedUuid(serverUuid));
  const pathOf = (copy: Named): string => join(folderOf(copy), `${checkedUuid(copy.id)}.qcow2`);
  return {
    pathOf,
    async prepare(copy, gb, otherGb) {
      try {
        await begin(pathOf(copy));
        const { bavail, bsize } = await statfs(directory);
        const freeGb = (bavail * bsize - limits.volumeDiskReserveBytes) / GIB;
        if (freeGb < gb + otherGb) {
          const words = `it may take ${gb} GiB, others that are being made ${otherGb} GiB, and ${Math.max(0, Math.floor(freeGb))} GiB are free`;
          throw new Fault('tooLarge', `There is no room for it among snapshots and backups: ${words}.`, {
            code: 'copy.noRoom',
          });
        }
      } catch (error) {
        throw isMissing(error) ? gone(error) : error;
      }
    },
    isThere: (copy) =>
      stat(pathOf(copy)).then(
        ({ size }) => size === copy.bytes,
        () => false,
      ),
    async seal(copy) {
      const path = pathOf(copy);
      await syncFile(path).catch((error: unknown) => {
        if (isMissing(error))
          throw internal('The copy is not where its host should have put it.', { code: 'copy.broken' });
        throw error;
      });
      const sha256 = await hashOf(path);
      const { size: bytes } = await stat(path);
      const { id, serverUuid: server, parentId: parent, virtualBytes } = copy;
      const note: Note = { id, server, parent, virtual_bytes: virtualBytes, bytes, sha256 };
      await writeDurably(noteOf(path), JSON.stringify(note));
      await rm(begunOf(path), { force: true });
      await syncDirectory(dirname(path));
      return { bytes, sha256 };
    },
    async verify(chain) {
      await stat(directory).catch((error: unknown) => {
        throw isMissing(error) ? gone(error) : error;
      });
      for (const copy of chain) {
        const problem = await problemOf(run, pathOf(copy), copy);
        if (problem !== null) return { copyId: copy.id, problem: `${copy.id} ${problem}` };
      }
      return null;
    },
    async flattened(chain, purpose, use) {
      const last = chain.at(-1);
      if (last === undefined) throw internal('A chain of nothing.');
      const paths = chain.map(pathOf);
      // fake hosts do not write qcow2: their last copy has everything
      if ((await readQcow2File(pathOf(last))) === null) return use({ path: pathOf(last), format: 'raw' });
      const path = `${pathOf(last)}.${checkedUuid(purpose)}.export`;
      await rm(path, { force: true });
      try {
        await qemuImg(run, ['convert', '-q', '-O', 'qcow2', '--', chainSource(paths), path]);
        return await use({ path, format: 'qcow2' });
      } finally {
        await rm(path, { force: true });
      }
    },
    async remove(copy) {
      const folder = folderOf(copy);
      const names = await readdir(folder).catch((error: unknown) => {
        if (isMissing(error)) return [];
        throw error;
      });
      for (const name of names.filter((one) => one.startsWith(`${copy.id}.`)))
        await rm(join(folder, name), { force: true });
      // fails if the server has other copies
      await rmdir(folder).catch(() => undefined);
    },
    async sweep(known) {
      let removed = 0;
      for (const server of (await readdir(directory)).filter(isCanonicalUuid)) {
        const names = await readdir(join(directory, server));
        const ids = [...new Set(names.map((name) => name.split('.')[0] ?? ''))].filter(isCanonicalUuid);
        for (let at = 0; at < ids.length; at += SWEPT_AT_ONCE) {
          const some = ids.slice(at, at + SWEPT_AT_ONCE);
          const kept = await known(some);
          for (const id of some.filter((one) => !kept.has(one))) {
            await this.remove({ id, serverUuid: server });
            removed += 1;
          }
        }
        await rmdir(join(directory, server)).catch(() => undefined);
      }
      return removed;
    },
  };
}

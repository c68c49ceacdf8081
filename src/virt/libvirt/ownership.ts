// Why: what stands on a guest's disk and console is for its QEMU and for us. Where this process may give files away (root), they are
// QEMU's and closed to everybody else; where it may not, QEMU, which is another user, needs them open. The folder they are in stays
// ours: a guest that broke out into its QEMU could else put a link in the place of any of them, and have us follow it.

import { chmod, chown, lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Owner } from './reach.ts';

export interface Keeper {
  /** Whether files are closed to others, and QEMU can be lent a directory. */
  readonly closed: boolean;
  /** The mode of a file that QEMU shall read. */
  readonly fileMode: number;
  /** Closes a directory, which QEMU may enter and not write to, and the files in it that others could read, which become QEMU's. */
  close(dir: string): Promise<void>;
  /** Makes a directory in which QEMU makes files itself, where it can be lent one. What is in it is not to be trusted. */
  lend(dir: string): Promise<void>;
  /** Gives one file to QEMU. */
  give(path: string): Promise<void>;
}

const OPEN_FILE = 0o644;
const CLOSED_FILE = 0o600;
const CLOSED_DIR = 0o700;
const ENTERED_DIR = 0o710;
/** Of a file's mode: what others may do. */
const OTHERS = 0o077;

/**
 * @param owner the user that QEMU runs as; null: not known
 * @param uid of this process
 */
export function makeKeeper(owner: Owner | null, uid = process.getuid?.() ?? -1): Keeper {
  const closed = owner !== null && (uid === 0 || uid === owner.uid);
  const take = async (path: string, mode: number): Promise<void> => {
    await chmod(path, mode);
    if (owner !== null && uid === 0) await chown(path, owner.uid, owner.gid);
  };
  const enclose = async (dir: string): Promise<void> => {
    if (owner === null || uid !== 0) return await chmod(dir, CLOSED_DIR);
    await chown(dir, uid, owner.gid);
    await chmod(dir, ENTERED_DIR);
  };
  return {
    closed,
    fileMode: closed ? CLOSED_FILE : OPEN_FILE,
    async close(dir) {
      if (!closed) return;
      // first of all: from here on nobody exchanges what is looked at
      await enclose(dir);
      for (const name of await readdir(dir)) {
        const path = join(dir, name);
        const facts = await lstat(path);
        // our own notes are closed from the start and stay ours
        if (facts.isFile() && (facts.mode & OTHERS) !== 0) await take(path, CLOSED_FILE);
      }
    },
    async lend(dir) {
      if (!closed) return;
      await mkdir(dir, { recursive: true, mode: CLOSED_DIR });
      await take(dir, CLOSED_DIR);
    },
    give: (path) => (closed ? take(path, CLOSED_FILE) : chmod(path, OPEN_FILE)),
  };
}

// Why: what stands on a guest's disk and console is for its QEMU and for us. Where this process may give files away (root), they are
// QEMU's and closed to everybody else; where it may not, QEMU, which is another user, needs them open.

import { chmod, chown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Owner } from './reach.ts';

export interface Keeper {
  /** Whether files are closed to others; and QEMU may make its own in a guest's directory. */
  readonly closed: boolean;
  /** The mode of a file that QEMU shall read. */
  readonly fileMode: number;
  /** Closes a directory and the files in it that others could read. */
  close(dir: string): Promise<void>;
  /** Gives one file to QEMU. */
  give(path: string): Promise<void>;
}

const OPEN_FILE = 0o644;
const CLOSED_FILE = 0o600;
const CLOSED_DIR = 0o700;
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
  return {
    closed,
    fileMode: closed ? CLOSED_FILE : OPEN_FILE,
    async close(dir) {
      if (!closed) return;
      for (const name of await readdir(dir)) {
        const path = join(dir, name);
        const facts = await lstat(path);
        // our own notes are closed from the start and stay ours
        if (facts.isFile() && (facts.mode & OTHERS) !== 0) await take(path, CLOSED_FILE);
      }
      await take(dir, CLOSED_DIR);
    },
    give: (path) => (closed ? take(path, CLOSED_FILE) : chmod(path, OPEN_FILE)),
  };
}

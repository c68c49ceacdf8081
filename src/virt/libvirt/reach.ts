// Why: QEMU often runs as a user of its own, and a data directory that only root may enter would fail at the first server with
// QEMU's words. It is said at the start, with the directory and what to do.

import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { internal } from '../../base/errors.ts';
import { children, readXml, textOf, find } from './xml.ts';

/** A directory as far as its permissions go. */
export interface Folder {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The user that guests' QEMU runs as (libvirt's `dac` label); null where libvirt does not say. */
export function readQemuOwner(capabilities: string): Owner | null {
  const host = find(readXml(capabilities), 'host');
  for (const model of host === null ? [] : children(host, 'secmodel')) {
    if (textOf(model, 'model') !== 'dac') continue;
    const match = /^\+(\d+):\+(\d+)$/.exec(textOf(model, 'baselabel') ?? '');
    if (match !== null) return { uid: Number(match[1]), gid: Number(match[2]) };
  }
  return null;
}

/** The first of the directories that this user surely cannot enter; a group that it may be in by another way counts as its own. */
export function closedTo(owner: Owner, folders: readonly Folder[]): Folder | null {
  const open = ({ mode, uid }: Folder): boolean => {
    if (owner.uid === 0) return true;
    return (mode & (owner.uid === uid ? 0o100 : 0o011)) !== 0;
  };
  return folders.find((folder) => !open(folder)) ?? null;
}

/** Throws a Fault that names the directory on the way to `dir` that QEMU cannot enter. */
export async function assertReachable(capabilities: string, dir: string): Promise<void> {
  const owner = readQemuOwner(capabilities);
  if (owner === null) return;
  const paths: string[] = [];
  for (let path = resolve(dir); paths[0] !== path; path = dirname(path)) paths.unshift(path);
  const folders = await Promise.all(
    paths.map(async (path) => {
      const { mode, uid, gid } = await stat(path);
      return { path, mode, uid, gid };
    }),
  );
  const closed = closedTo(owner, folders);
  if (closed === null) return;
  throw internal(
    `QEMU runs as user ${owner.uid}, which cannot enter ${closed.path} (mode ${(closed.mode & 0o777).toString(8)}), where ` +
      `guests' disks stand: \`chmod o+x ${closed.path}\`, or choose another data directory.`,
    { code: 'virt.unreachable' },
  );
}

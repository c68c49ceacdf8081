// Why: a disk names what it lies over, and QEMU opens that for the guest. Of one that another program made we have only its word that
// nobody's file but an image of its cache is meant, and so it is read before anything is opened, linked or given away.

import { lstat, realpath } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { conflict } from '../../base/errors.ts';
import { isCanonicalUuid } from '../../base/ids.ts';
import { readQcow2File } from '../../base/qcow2.ts';
import { guestFiles, instanceDir } from './disks.ts';

const absent = (): null => null;

/** What a root disk lies over, and why it must not be opened. */
interface Below {
  /** Null: it stands alone, or is no qcow2. */
  readonly path: string | null;
  readonly problem: string | null;
}

/** Whether a path is a file of a folder beside those of guests (Nova's `_base`), or of the guest's own. */
function isImagePlace(instancesDir: string, dir: string, path: string): boolean {
  const folder = dirname(path);
  if (folder === dir) return true;
  const name = folder.startsWith(instancesDir + sep) ? folder.slice(instancesDir.length + 1) : '';
  return name !== '' && !name.includes(sep) && !isCanonicalUuid(name);
}

async function belowOf(instancesDir: string, uuid: string): Promise<Below> {
  const dir = instanceDir(instancesDir, uuid);
  const { root } = guestFiles(dir);
  const facts = await readQcow2File(root);
  if (facts === null) return { path: null, problem: null };
  const others = facts.problems.filter((problem) => problem !== 'it has a backing file');
  const refused = (why: string): Below => ({ path: null, problem: `its root disk is not opened here: ${why}` });
  if (others.length > 0) return refused(others.join(', '));
  if (facts.backing === null) return { path: null, problem: null };
  const named = resolve(dir, facts.backing);
  const [path, top, own] = await Promise.all([named, instancesDir, dir].map((one) => realpath(one).catch(absent)));
  if (path === null || path === undefined || !(await lstat(path)).isFile())
    return refused(`what it lies over is no file (${JSON.stringify(facts.backing)})`);
  if (!isImagePlace(top ?? '', own ?? '', path))
    return refused(`it lies over ${JSON.stringify(facts.backing)}, which is in no folder of images of ${instancesDir}`);
  const image = (await readQcow2File(path))?.problems ?? [];
  return image.length === 0
    ? { path: named, problem: null }
    : refused(`the image below it is unacceptable: ${image.join(', ')}`);
}

/** Why files of a guest that another program made must not be opened for it; empty: they name nothing but themselves and an image. */
export async function unsafeFiles(instancesDir: string, uuid: string): Promise<readonly string[]> {
  const { root, configDrive, kernel, ramdisk } = guestFiles(instanceDir(instancesDir, uuid));
  const odd: string[] = [];
  for (const path of [root, configDrive, kernel, ramdisk]) {
    const facts = await lstat(path).catch(absent);
    if (facts?.isFile() === false) odd.push(`${path} is no plain file`);
    else if (path === root && facts !== null) {
      const { problem } = await belowOf(instancesDir, uuid);
      if (problem !== null) odd.push(problem);
    }
  }
  return odd;
}

/** The image below a root disk that was taken over; null: there is none. @throws conflict for what must not be opened */
export async function imageBelow(instancesDir: string, uuid: string): Promise<string | null> {
  const [why] = await unsafeFiles(instancesDir, uuid);
  if (why !== undefined) throw conflict(`Instance ${uuid} cannot be started here: ${why}.`, { code: 'image.unsafe' });
  return (await belowOf(instancesDir, uuid)).path;
}

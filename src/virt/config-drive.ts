// Why: a guest that has no network yet, or no metadata service, learns who it is from a drive.

import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault, internal } from '../base/errors.ts';
import { configDriveFiles, SEED_BYTES, type TaggedDisk } from '../domain/servers/guest-metadata.ts';
import type { GuestSpec } from '../domain/servers/guests.ts';
import type { Run } from '../base/run.ts';

const PROGRAMS = ['genisoimage', 'mkisofs', 'xorrisofs'] as const;

/** Writes the drive as an ISO 9660 image at `path`, which is either whole or not there. */
export async function buildConfigDrive(
  run: Run,
  spec: GuestSpec,
  path: string,
  disks: readonly TaggedDisk[] = [],
): Promise<void> {
  if (spec.configDrive === null) return;
  const work = await mkdtemp(join(dirname(path), 'config-'));
  try {
    const tree = join(work, 'tree');
    for (const [name, content] of configDriveFiles(spec, spec.configDrive, randomBytes(SEED_BYTES), disks)) {
      await mkdir(join(tree, dirname(name)), { recursive: true });
      await writeFile(join(tree, name), content);
    }
    const image = join(work, 'image');
    await writeFile(image, '', { mode: 0o600 });
    await makeIso(run, tree, image);
    await rename(image, path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

// All three programs take mkisofs's options; the distributions differ in which one they have.
async function makeIso(run: Run, tree: string, image: string): Promise<void> {
  const options = [
    '-quiet',
    '-J',
    '-r',
    '-l',
    '-allow-lowercase',
    '-allow-multidot',
    '-V',
    'config-2',
    '-o',
    image,
    tree,
  ];
  for (const program of PROGRAMS) {
    try {
      await run(program, options);
      return;
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'program.missing') throw error;
    }
  }
  throw internal(`A config drive needs one of ${PROGRAMS.join(', ')}, and none is installed.`, {
    code: 'program.missing',
  });
}

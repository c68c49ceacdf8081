// Why: databases of tests make tables by the hundred and wait for a disk each time, for files that nobody will miss. In memory
// they are there at once.

import { accessSync, constants, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

const MEMORY = '/dev/shm';
/** What a run's databases may need at a time, and room to spare; containers often have far less. */
const NEEDED_BYTES = 2 ** 30;

function hasRoom(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize >= NEEDED_BYTES;
  } catch {
    return false;
  }
}

/** Where a test makes the directory of its database: in memory where there is room, among the temporary files elsewhere. */
export const scratchDir = (): string => (hasRoom(MEMORY) ? MEMORY : tmpdir());

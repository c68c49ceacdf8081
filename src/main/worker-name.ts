// Why: a process may end the leases of its predecessor at once, and nobody else's. Whoever holds the lock of a data directory knows
// that all before it on that directory are dead; so the name of its worker is the directory's.

import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** The directory's own number, made when it is asked for first. */
function idOf(dataDir: string): string {
  const path = join(dataDir, 'worker-id');
  try {
    writeFileSync(path, `${randomUUID()}\n`, { flag: 'wx', mode: 0o600, flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(path, 'utf8');
}

/** The same for each process on this directory of this machine, another for any other, a copy of it among them. Hold its lock. */
export function workerName(dataDir: string): string {
  const what = [idOf(dataDir), hostname(), realpathSync(dataDir)];
  return `serve@${createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 32)}`;
}

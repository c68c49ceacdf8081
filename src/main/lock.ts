// Why: two processes on one data directory would end each other's leases and sweep away each other's half-written files.

import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { Fault } from '../base/errors.ts';

/**
 * Holds a data directory for this process until it is released or the process ends, however it ends: the lock is the
 * kernel's, taken through SQLite, and leaves nothing to clean up after a crash.
 * @returns releases it; whoever lets go of this function lets go of the lock
 * @throws a Fault that says so when another process holds it
 */
export function lockDataDir(dataDir: string): () => void {
  const path = join(dataDir, 'lock');
  // nobody else may open it: a reader's lock would keep us out
  closeSync(openSync(path, 'a', 0o600));
  const lock = new Sqlite(path, { timeout: 0 });
  try {
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw error;
    throw new Fault('conflict', `another xloud is running on ${dataDir}: stop it, or give this one its own --data-dir`);
  }
  return () => lock.close();
}

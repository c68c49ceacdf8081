// Why: whoever names a nova.conf may name a device that never ends, or what is no text of anybody's.

import { closeSync, openSync, readSync } from 'node:fs';

/** Longer files are none that somebody wrote. */
const MOST_BYTES = 4 * 1024 * 1024;

/** @throws Error for a file that is longer, of which no more is read */
export function readWithin(file: string): string {
  const buffer = Buffer.alloc(MOST_BYTES + 1);
  const from = openSync(file, 'r');
  let bytes = 0;
  try {
    for (let more = -1; more !== 0 && bytes < buffer.length; bytes += more)
      more = readSync(from, buffer, bytes, buffer.length - bytes, null);
  } finally {
    closeSync(from);
  }
  if (bytes > MOST_BYTES) throw new Error('is too long for a nova.conf');
  return buffer.toString('utf8', 0, bytes);
}

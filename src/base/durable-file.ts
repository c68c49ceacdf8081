// Why: what must be there after a power cut is written whole and under another name first; its own name then stands for all of it or
// for what was there before.

import { open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the names in a directory last. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

const draftOf = (path: string): string => `${path}.new`;

/** Puts a text in the place of a file's, for its owner alone. One writer at a time. */
export async function writeDurably(path: string, text: string): Promise<void> {
  await writeFile(draftOf(path), text, { mode: 0o600, flush: true });
  await rename(draftOf(path), path);
  await syncDirectory(dirname(path));
}

/** Removes such a file, and what a crash left of its next. Not there: nothing happens. */
export async function removeWritten(path: string): Promise<void> {
  for (const one of [path, draftOf(path)]) await rm(one, { force: true });
}

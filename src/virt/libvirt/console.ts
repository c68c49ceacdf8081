// Why: what a guest says on its serial console is kept over reboots, within a bound: the file that QEMU appends to is emptied
// when it is full, and the one before it is kept, under the name that virtlogd would give it.

import { copyFile, open, rename, stat, truncate } from 'node:fs/promises';
import { limits } from '../../base/limits.ts';

const previous = (path: string): string => `${path}.0`;

/** The last `maxBytes` bytes as text, across the rotation; empty when there is nothing yet. */
export async function readConsole(path: string, maxBytes: number): Promise<string> {
  const now = await tail(path, maxBytes);
  const before = now.length < maxBytes ? await tail(previous(path), maxBytes - now.length) : Buffer.alloc(0);
  const bytes = Buffer.concat([before, now]);
  let from = 0;
  // not from the middle of a character
  while (from < bytes.length && from < 3 && ((bytes[from] as number) & 0xc0) === 0x80) from++;
  return bytes.subarray(from).toString('utf8');
}

async function tail(path: string, maxBytes: number): Promise<Buffer> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (file === null) return Buffer.alloc(0);
  try {
    const { size } = await file.stat();
    const length = Math.min(size, maxBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/**
 * Keeps the file under its limit. QEMU opened it for appending, so it goes on at the new end. Where virtlogd writes it, that
 * keeps it at the limit or below and is left to it. Returns whether it was too long.
 */
export async function rotateConsole(path: string, maxBytes: number = limits.consoleFileBytes): Promise<boolean> {
  const facts = await stat(path).catch(() => null);
  if (facts === null || facts.size <= maxBytes) return false;
  const copy = `${path}.new`;
  await copyFile(path, copy);
  await truncate(path, 0);
  await rename(copy, previous(path));
  return true;
}

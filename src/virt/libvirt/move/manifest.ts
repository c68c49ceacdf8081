// Why: what of a guest's directory goes with it to another host is said once: the names are fixed, so that whoever asks for a file
// chooses among them and never writes a path.

import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { guestFiles } from '../disks.ts';
import { readQcow2File } from '../../../base/qcow2.ts';

/** Its own disks, what they lie over, and what it said. */
const MOVED = /^(?:base|disk|disk\.config|disk\.eph\d{1,2}|disk\.swap|kernel|ramdisk|console\.log)$/;

export interface MovedFile {
  readonly name: string;
  readonly bytes: number;
  readonly changedMs: number;
  /** By what name the cache of its host has it, for what came from an image; null: it has it no more, or never had. */
  readonly image: string | null;
}

/** What of a guest that runs must be known where it goes. */
export interface LiveFacts {
  /** Its directory, which paths in its definitions begin with. */
  readonly dir: string;
  /** As it runs, and as it starts next. */
  readonly xml: string;
  readonly persistentXml: string;
  /** How many of its vCPUs shall be online, where the others are offline inside only; null: all that are plugged. */
  readonly online: number | null;
}

export interface Manifest {
  /** Null: the guest is off. */
  readonly live: LiveFacts | null;
  readonly files: readonly MovedFile[];
  /** The root disk's size as the guest sees it; null: it has none. */
  readonly rootBytes: number | null;
  /** What stands in the file `offered` beside the disks: who reads the same there has the same storage. */
  readonly mark: string;
}

/** What was written when a directory was offered last; null: it never was, or is not there. */
export async function markIn(dir: string): Promise<string | null> {
  return await readFile(guestFiles(dir).offered, 'utf8').catch(() => null);
}

/** The names of the cache's files, by inode. */
async function imagesByInode(imagesDir: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of await readdir(imagesDir).catch(() => [])) {
    const facts = await lstat(join(imagesDir, name)).catch(() => null);
    if (facts !== null) found.set(`${facts.dev}:${facts.ino}`, name);
  }
  return found;
}

/** What is in a guest's directory that goes with it. */
export async function readManifest(dir: string, imagesDir: string, live: LiveFacts | null = null): Promise<Manifest> {
  const images = await imagesByInode(imagesDir);
  const files: MovedFile[] = [];
  for (const name of (await readdir(dir)).filter((one) => MOVED.test(one)).toSorted()) {
    const facts = await lstat(join(dir, name));
    if (!facts.isFile()) continue;
    const image = images.get(`${facts.dev}:${facts.ino}`) ?? null;
    files.push({ name, bytes: facts.size, changedMs: Math.floor(facts.mtimeMs), image });
  }
  const { root } = guestFiles(dir);
  const hasRoot = files.some(({ name }) => name === 'disk');
  const rootBytes = hasRoot ? ((await readQcow2File(root))?.virtualBytes ?? null) : null;
  return { live, files, rootBytes, mark: (await markIn(dir)) ?? '' };
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): value is string => typeof value === 'string';

function isMovedFile(value: unknown): value is MovedFile {
  const { name, bytes, changedMs, image } = (value ?? {}) as Record<string, unknown>;
  return isText(name) && MOVED.test(name) && isSize(bytes) && isSize(changedMs) && (image === null || isText(image));
}

function isLive(value: unknown): value is LiveFacts | null {
  if (value === null) return true;
  const { dir, xml, persistentXml, online } = (value ?? {}) as Record<string, unknown>;
  return [dir, xml, persistentXml].every(isText) && (online === null || isSize(online));
}

/** What another host says that it has; null: that is no manifest. Its names become names of files here. */
export function parseManifest(text: string): Manifest | null {
  const { files, live, rootBytes, mark } = (JSON.parse(text) ?? {}) as Record<string, unknown>;
  if (!Array.isArray(files) || !files.every(isMovedFile) || !isLive(live)) return null;
  if (!isText(mark) || !(rootBytes === null || isSize(rootBytes))) return null;
  return { files, live, rootBytes, mark };
}

/** The file of that name in a manifest; null: it names none such. */
export const fileIn = ({ files }: Manifest, name: string): MovedFile | null =>
  files.find((file) => file.name === name) ?? null;

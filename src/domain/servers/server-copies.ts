// Why: a snapshot and a backup are one thing, the root disk of a server at one moment in a file of its own; a backup may hold only what
// changed since the one before it. What follows from a set of them (chains, what is too old) is decided here.

import type { ImageFacts } from '../machines/images.ts';

/** `full`, `incremental`: a backup. */
export type CopyKind = 'snapshot' | 'full' | 'incremental';
export type CopyStatus = 'creating' | 'available' | 'restoring' | 'deleting' | 'error';
/** What is done to a file without its server. */
export type CopyJob = 'verify' | 'delete';

export interface ServerCopy {
  readonly id: string;
  readonly serverUuid: string;
  readonly projectId: string;
  readonly userId: string;
  readonly kind: CopyKind;
  /** The backup that an incremental one says the difference to; null: it is whole. */
  readonly parentId: string | null;
  /** The whole one that it builds on; its own id, where it is whole. */
  readonly chainId: string;
  /** How many of its chain lie before it. */
  readonly position: number;
  readonly name: string;
  readonly description: string | null;
  readonly tags: readonly string[];
  readonly status: CopyStatus;
  /** Why it is in `error`. */
  readonly reason: string | null;
  /** Whether the guest's agent held its file systems still. */
  readonly quiesced: boolean;
  /** Whether the guest was on; null: not known yet. */
  readonly live: boolean | null;
  /** The size of the disk, of the file, and the file's SHA-256; null: not made yet. */
  readonly virtualBytes: number | null;
  readonly bytes: number | null;
  readonly sha256: string | null;
  /** What the server was made of then. */
  readonly imageRef: string;
  readonly image: ImageFacts | null;
  readonly rootGb: number;
  /** Whether its server's schedule made it, and may remove it. */
  readonly scheduled: boolean;
  readonly job: CopyJob | null;
  /** When whoever looks for work takes the job; while somebody is at it: when that counts as given up. */
  readonly jobDueAt: number | null;
  readonly verifiedAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What a file is checked against. */
export type SealedCopy = Pick<ServerCopy, 'id' | 'serverUuid' | 'parentId' | 'virtualBytes' | 'bytes' | 'sha256'>;

export const isBackup = ({ kind }: Pick<ServerCopy, 'kind'>): boolean => kind !== 'snapshot';

/**
 * A copy with all that it builds on, the whole one first.
 * @param chain of the copy's chain, in any order
 * @returns null: one is missing, or they do not follow one from the other
 */
export function chainTo<C extends Pick<ServerCopy, 'id' | 'parentId'>>(chain: readonly C[], id: string): C[] | null {
  const byId = new Map(chain.map((copy) => [copy.id, copy]));
  const found: C[] = [];
  for (let at: string | null = id; at !== null; ) {
    const copy = byId.get(at);
    if (copy === undefined || found.includes(copy)) return null;
    found.unshift(copy);
    at = copy.parentId;
  }
  return found;
}

/** The backup that the next one may say the difference to; null: the next one is whole. `backups`: of one server, newest first. */
export function nextParent(backups: readonly ServerCopy[], longestChain: number): ServerCopy | null {
  const [newest] = backups;
  if (newest === undefined || newest.status !== 'available' || newest.job === 'delete') return null;
  return newest.position + 1 < longestChain ? newest : null;
}

/** The newest whole backup's chain, and those before it, each as long as its incrementals. */
const chainsOf = (backups: readonly ServerCopy[]): ServerCopy[][] =>
  [...Map.groupBy(backups, ({ chainId }) => chainId).values()].toSorted(
    (one, other) =>
      Math.max(...other.map(({ createdAt }) => createdAt)) - Math.max(...one.map(({ createdAt }) => createdAt)),
  );

const inUse = ({ status, job }: ServerCopy): boolean =>
  status === 'creating' || status === 'restoring' || job === 'verify';

/**
 * What a schedule lets go: of the chains that it made, all but the newest `keep` that can be restored, each as a whole; of those that
 * failed, what is older than the newest that did not, and of those that were never made all but the last, or they would fill the place
 * of what comes after the trouble. What somebody made by hand, or uses now, stays.
 */
export function expired(backups: readonly ServerCopy[], keep: number): readonly ServerCopy[] {
  let kept = 0;
  return chainsOf(backups).flatMap((chain, newer) => {
    const usable = chain.some(({ status }) => status === 'available' || status === 'restoring');
    const old = kept >= keep;
    if (usable) kept += 1;
    const removable = chain.every((copy) => copy.scheduled && !inUse(copy) && copy.status !== 'deleting');
    const neverMade = chain.every(({ sha256 }) => sha256 === null);
    return removable && (usable ? old : kept > 0 || (neverMade && newer > 0)) ? chain : [];
  });
}

/** A chain of files, the whole one first, as qemu-img takes it: which lies over which is said here, and in none of the files. */
export const chainSource = (paths: readonly string[]): string =>
  `json:${JSON.stringify(
    paths.reduce<object | null>(
      (backing, filename) => ({ driver: 'qcow2', file: { driver: 'file', filename }, backing }),
      null,
    ),
  )}`;

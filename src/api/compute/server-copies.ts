// Why: snapshots and backups of servers are told of, named and found alike.

import { isoSeconds } from '../../base/clock.ts';
import { notFound } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { findCopy } from '../../db/server-copies.ts';
import { isBackup, type ServerCopy } from '../../domain/servers/server-copies.ts';
import { name, tag } from '../parameters.ts';
import type { Call } from '../resource.ts';

/** What may be said of a copy when it is made, and later. */
export const words = {
  name,
  description: { type: ['string', 'null'], maxLength: 255 },
  tags: { type: 'array', items: tag, maxItems: limits.tagsPerServer },
} as const;

export interface WordsBody {
  readonly name?: string;
  readonly description?: string | null;
  readonly tags?: readonly string[];
}

/** The words that are given. */
export const wordsOf = ({ name: called, description, tags }: WordsBody) => ({
  ...(called !== undefined && { name: called.trim() }),
  ...(description !== undefined && { description }),
  ...(tags !== undefined && { tags: [...new Set(tags)] }),
});

const time = (ms: number | null): string | null => (ms === null ? null : isoSeconds(ms));

export const copyView = (copy: ServerCopy) => ({
  id: copy.id,
  server_id: copy.serverUuid,
  name: copy.name,
  description: copy.description,
  tags: copy.tags,
  status: copy.status,
  reason: copy.reason,
  verifying: copy.job === 'verify',
  quiesced: copy.quiesced,
  live: copy.live,
  disk_bytes: copy.virtualBytes,
  file_bytes: copy.bytes,
  sha256: copy.sha256,
  image_ref: copy.imageRef,
  created_at: time(copy.createdAt),
  updated_at: time(copy.updatedAt),
  verified_at: time(copy.verifiedAt),
});

type Kind = 'snapshot' | 'backup';
type OwnCall = Pick<Call, 'services' | 'params' | 'op'>;

const missing = (kind: Kind, id: string) =>
  notFound(`${kind === 'snapshot' ? 'Snapshot' : 'Backup'} ${id} could not be found.`, { code: 'copy' });

const isOf = (kind: Kind, copy: ServerCopy): boolean => isBackup(copy) === (kind === 'backup');

/** The copy of the server that the path names. */
export async function copyOfTarget(
  { services, params, target }: Pick<Call<'server'>, 'services' | 'params' | 'target'>,
  kind: Kind,
): Promise<ServerCopy> {
  const id = params[`${kind}_id`] ?? '';
  const copy = await findCopy(services.db, id);
  if (copy === null || !isOf(kind, copy) || copy.serverUuid !== target.uuid) throw missing(kind, id);
  return copy;
}

/** The copy that the path names by itself, of the caller's project. */
async function ownCopy({ services, params, op }: OwnCall, kind: Kind): Promise<ServerCopy> {
  const id = params[`${kind}_id`] ?? '';
  const copy = await findCopy(services.db, id);
  const isSeen = copy !== null && (op.caller.isAdmin || copy.projectId === op.caller.projectId);
  if (!isSeen || !isOf(kind, copy)) throw missing(kind, id);
  return copy;
}

/** A backup, whose server may be gone. */
export const ownBackup = (call: OwnCall): Promise<ServerCopy> => ownCopy(call, 'backup');

export const ownSnapshot = (call: OwnCall): Promise<ServerCopy> => ownCopy(call, 'snapshot');

// Why: what a shelved server waits as, and since when.

import type { Reader } from './engine.ts';
import type { Tx } from './tx.ts';

export interface Shelved {
  /** Empty: it waits as the volume that it boots from. */
  readonly imageId: string;
}

export async function findShelved(reader: Reader, serverId: number): Promise<Shelved | null> {
  const row: { image_id: string } | undefined = await reader('shelved_servers')
    .select('image_id')
    .where({ server_id: serverId })
    .first();
  return row === undefined ? null : { imageId: row.image_id };
}

/** The server waits as this image from now on; twice is once. */
export async function putShelved(tx: Tx, serverId: number, imageId: string, nowMs: number): Promise<void> {
  await tx('shelved_servers')
    .insert({ server_id: serverId, image_id: imageId, shelved_at: nowMs })
    .onConflict('server_id')
    .merge();
}

export async function removeShelved(tx: Tx, serverId: number): Promise<void> {
  await tx('shelved_servers').where({ server_id: serverId }).delete();
}

/** Servers that are shelved since `beforeMs` or longer, still on their hosts and idle; the longest shelved first. */
export async function shelvedBefore(reader: Reader, beforeMs: number, limit: number): Promise<string[]> {
  const rows: { uuid: string }[] = await reader('shelved_servers')
    .join('servers', 'servers.id', 'shelved_servers.server_id')
    .where('shelved_at', '<=', beforeMs)
    .where({ 'servers.vm_state': 'shelved', 'servers.deleted': 0 })
    .whereNull('servers.task_state')
    .orderBy('shelved_at')
    .limit(limit)
    .select('servers.uuid');
  return rows.map(({ uuid }) => uuid);
}

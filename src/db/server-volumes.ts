// Why: the rows of volumes that servers have, or are about to have.

import type { ServerVolume } from '../domain/servers/server-volumes.ts';
import { amongNumbers, readRows, type Reader } from './engine.ts';
import { defineNoun, insertRow, updateRows } from './table.ts';
import type { Tx } from './tx.ts';

interface Kept extends ServerVolume {
  readonly serverId: number;
}

const volumeNoun = defineNoun<Kept>({
  table: 'server_volumes',
  columns: {
    serverId: ['server_id', 'number'],
    volumeId: ['volume_id', 'text'],
    attachmentId: ['attachment_id', 'text'],
    device: ['device', 'text'],
    tag: ['tag', 'text'],
    deleteOnTermination: ['delete_on_termination', 'bool'],
    bootIndex: ['boot_index', 'number'],
    disk: ['disk', 'json'],
    createdAt: ['created_at', 'time'],
  },
});

const columns = volumeNoun.columns.join(', ');

/** The volumes of some servers, by the servers' numbers, in the order in which they came. */
export async function volumesOfServers(
  reader: Reader,
  serverIds: readonly number[],
): Promise<ReadonlyMap<number, readonly ServerVolume[]>> {
  if (serverIds.length === 0) return new Map();
  const among = amongNumbers(reader, 'server_id', serverIds);
  const rows = await readRows(
    reader,
    `select ${columns} from server_volumes where ${among.sql} order by created_at, device`,
    among.bindings,
  );
  return Map.groupBy(volumeNoun.fromRows(rows), ({ serverId }) => serverId);
}

export const volumesOfServer = async (reader: Reader, serverId: number): Promise<readonly ServerVolume[]> =>
  (await volumesOfServers(reader, [serverId])).get(serverId) ?? [];

export async function addServerVolume(tx: Tx, serverId: number, volume: ServerVolume): Promise<void> {
  await insertRow(tx, volumeNoun, { serverId, ...volume });
}

/** False: the server has it no more. */
export async function updateServerVolume(
  tx: Tx,
  serverId: number,
  volumeId: string,
  fields: Partial<ServerVolume>,
): Promise<boolean> {
  return (await updateRows(tx, volumeNoun, { server_id: serverId, volume_id: volumeId }, fields)) === 1;
}

export async function removeServerVolume(tx: Tx, serverId: number, volumeId: string): Promise<void> {
  await tx('server_volumes').where({ server_id: serverId, volume_id: volumeId }).delete();
}

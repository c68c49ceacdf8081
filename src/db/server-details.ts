// Why: what stands beside a server's row (metadata, tags, interfaces, faults), read with one query each for a whole page.

import { limits } from '../base/limits.ts';
import type { Server, ServerDetail, ServerFault } from '../domain/servers/servers.ts';
import type { ServerVolume } from '../domain/servers/server-volumes.ts';
import type { NicSpec } from '../domain/networks/server-nics.ts';
import { amongNumbers, readRows, snapshotsOf, type Reader, type Row } from './engine.ts';
import { decodeNic, nicColumns } from './server-nics.ts';
import { volumesOfServers } from './server-volumes.ts';
import { defineNoun, insertRow } from './table.ts';
import { insertRows, type Tx } from './tx.ts';

/** The parts that a view shows; what is not needed is not read and stays empty. */
export interface DetailNeeds {
  readonly metadata?: boolean;
  readonly tags?: boolean;
  readonly nics?: boolean;
  readonly fault?: boolean;
  readonly groups?: boolean;
  readonly volumes?: boolean;
}

export const allDetails: DetailNeeds = {
  metadata: true,
  tags: true,
  nics: true,
  fault: true,
  groups: true,
  volumes: true,
};

const none: Readonly<Record<string, never>> = Object.freeze({});
const empty: readonly never[] = Object.freeze([]);

/** Compares rows by one column, numbers by size and text by its code units. */
const by =
  (column: string) =>
  (left: Row, right: Row): number => {
    const a = left[column] as string | number;
    const b = right[column] as string | number;
    return a < b ? -1 : a > b ? 1 : 0;
  };

function push<T>(groups: Map<number, T[]>, key: number, value: T): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}

/** Adds to each server what `need` names: at most six queries, whatever the number of servers. */
export async function loadDetails(
  reader: Reader,
  servers: readonly Server[],
  need: DetailNeeds,
): Promise<ServerDetail[]> {
  const ids = servers.map((server) => server.id);
  const among = amongNumbers(reader, 'server_id', ids);
  const failed = servers.filter((server) => server.vmState === 'error' || server.deleted).map((server) => server.id);
  // sorted here: for the few rows of one server, SQLite takes three times as long when it is told an order
  const rowsOf = async (wanted: boolean | undefined, from: string, order: string): Promise<Row[]> =>
    wanted && ids.length > 0
      ? (await readRows(reader, `select ${from} where ${among.sql}`, among.bindings)).sort(by(order))
      : [];
  const [metadataRows, tagRows, nicRows, latest, groupRows, volumes] = await Promise.all([
    rowsOf(need.metadata, 'server_id, `key`, value from server_metadata', 'key'),
    rowsOf(need.tags, 'server_id, tag from server_tags', 'tag'),
    rowsOf(need.nics, `${nicColumns} from server_nics`, 'position'),
    need.fault && failed.length > 0 ? latestFaults(reader, failed) : [],
    rowsOf(
      need.groups,
      'server_id, uuid from server_group_members join server_groups on server_groups.id = group_id',
      'uuid',
    ),
    need.volumes ? volumesOfServers(reader, ids) : new Map<number, readonly ServerVolume[]>(),
  ]);

  const metadata = new Map<number, Record<string, string>>();
  for (const row of metadataRows) {
    const id = row['server_id'] as number;
    let pairs = metadata.get(id);
    if (pairs === undefined) metadata.set(id, (pairs = {}));
    const key = row['key'] as string;
    // a plain assignment of this one key would set the prototype
    if (key === '__proto__') Object.defineProperty(pairs, key, { value: row['value'], enumerable: true });
    else pairs[key] = row['value'] as string;
  }
  const tags = new Map<number, string[]>();
  for (const row of tagRows) push(tags, row['server_id'] as number, row['tag'] as string);
  const parse = snapshotsOf(reader);
  const nics = new Map<number, NicSpec[]>();
  for (const row of nicRows) push(nics, row['server_id'] as number, decodeNic(row, parse));
  const groups = new Map<number, string[]>();
  for (const row of groupRows) push(groups, row['server_id'] as number, row['uuid'] as string);
  const faults = new Map(latest.map(({ serverId, ...fault }) => [serverId, fault]));

  return servers.map((server) => ({
    server,
    metadata: metadata.get(server.id) ?? none,
    tags: tags.get(server.id) ?? empty,
    nics: nics.get(server.id) ?? empty,
    fault: faults.get(server.id) ?? null,
    groups: groups.get(server.id) ?? empty,
    volumes: volumes.get(server.id) ?? empty,
  }));
}

const faultNoun = defineNoun<ServerFault & { readonly serverId: number }>({
  table: 'server_faults',
  columns: {
    serverId: ['server_id', 'number'],
    code: ['code', 'number'],
    message: ['message', 'text'],
    details: ['details', 'text'],
    createdAt: ['created_at', 'time'],
  },
});

async function latestFaults(reader: Reader, ids: readonly number[]) {
  const newest = reader('server_faults')
    .max('id')
    .whereIn('server_id', [...ids])
    .groupBy('server_id');
  return faultNoun.fromRows(await reader('server_faults').select(faultNoun.columns).whereIn('id', newest));
}

/** One server with everything beside it. */
export async function loadDetail(reader: Reader, server: Server): Promise<ServerDetail> {
  const [detail] = await loadDetails(reader, [server], allDetails);
  return detail as ServerDetail;
}

/** The server's metadata become exactly these pairs. */
export async function replaceMetadata(
  tx: Tx,
  serverId: number,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  await tx('server_metadata').where({ server_id: serverId }).delete();
  const rows = Object.entries(metadata).map(([key, value]) => ({ server_id: serverId, key, value }));
  await insertRows(tx, 'server_metadata', rows);
}

/** Gives new servers the same metadata and tags; doubles count once. */
export async function insertDetails(
  tx: Tx,
  serverIds: readonly number[],
  metadata: Readonly<Record<string, string>>,
  tags: readonly string[],
): Promise<void> {
  const pairs = Object.entries(metadata);
  const labels = [...new Set(tags)];
  await insertRows(
    tx,
    'server_metadata',
    serverIds.flatMap((server_id) => pairs.map(([key, value]) => ({ server_id, key, value }))),
  );
  await insertRows(
    tx,
    'server_tags',
    serverIds.flatMap((server_id) => labels.map((tag) => ({ server_id, tag }))),
  );
}

/** The server's tags become exactly these; doubles count once. */
export async function replaceTags(tx: Tx, serverId: number, tags: readonly string[]): Promise<void> {
  await tx('server_tags').where({ server_id: serverId }).delete();
  const rows = [...new Set(tags)].map((tag) => ({ server_id: serverId, tag }));
  if (rows.length > 0) await tx('server_tags').insert(rows);
}

/** Adds a tag that the server does not have. */
export async function insertTag(tx: Tx, serverId: number, tag: string): Promise<void> {
  await tx('server_tags').insert({ server_id: serverId, tag });
}

/** Whether the server had the tag that is gone now. */
export async function deleteTag(tx: Tx, serverId: number, tag: string): Promise<boolean> {
  return (await tx('server_tags').where({ server_id: serverId, tag }).delete()) > 0;
}

/** Records a failure; views show the latest. Texts are cut to what is kept. */
export async function insertFault(tx: Tx, serverId: number, fault: ServerFault): Promise<void> {
  await insertRow(tx, faultNoun, {
    serverId,
    code: fault.code,
    message: fault.message.slice(0, limits.faultMessageChars),
    details: fault.details?.slice(0, limits.faultDetailChars) ?? null,
    createdAt: fault.createdAt,
  });
}

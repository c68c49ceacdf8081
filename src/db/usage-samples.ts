// Why: a day of what guests and hosts took is kept in a ring of rows: however long they live, there are no more than the slots of a day for
// each. Whoever asks reads the rows of one, by their key.

import { limits } from '../base/limits.ts';
import type { GuestUsage, HostUsage } from '../domain/servers/measures.ts';
import { fromJson, toJson } from './codec.ts';
import { amongNumbers, readRows, type Reader, type Row } from './engine.ts';
import { inPieces, type Tx } from './tx.ts';

const DAY_MS = 86_400_000;
const SLOTS = DAY_MS / limits.usageSlotMs;

export interface Sample<T> {
  readonly atMs: number;
  readonly usage: T;
}

/** The slot of a moment: the same tomorrow. */
export const slotOf = (atMs: number): number => Math.floor(atMs / limits.usageSlotMs) % SLOTS;

/** Keeps what a host told of itself and of its servers: few statements, however many guests. */
export async function keepSamples(
  tx: Tx,
  hostId: number,
  host: HostUsage,
  guests: readonly { readonly serverId: number; readonly usage: GuestUsage }[],
  nowMs: number,
): Promise<void> {
  const common = { slot: slotOf(nowMs), at: nowMs };
  const rows = [
    { server_id: 0, host_id: hostId, ...common, sample: toJson(host) },
    ...guests.map(({ serverId, usage }) => ({ server_id: serverId, host_id: 0, ...common, sample: toJson(usage) })),
  ];
  for (const some of inPieces(rows)) {
    await tx('usage_samples').insert(some).onConflict(['server_id', 'host_id', 'slot']).merge(['at', 'sample']);
  }
}

async function samplesOf<T>(reader: Reader, key: object, sinceMs: number): Promise<Sample<T>[]> {
  const rows: Row[] = await reader('usage_samples')
    .select('at', 'sample')
    .where(key)
    .where('at', '>=', sinceMs)
    .orderBy('at');
  return rows.map((row) => ({ atMs: Number(row['at']), usage: fromJson<T>(row['sample']) }));
}

/** The last day of a server, the oldest first. */
export const serverSamples = (reader: Reader, serverId: number, nowMs: number): Promise<Sample<GuestUsage>[]> =>
  samplesOf(reader, { server_id: serverId, host_id: 0 }, nowMs - DAY_MS);

/** The last day of a host, the oldest first. */
export const hostSamples = (reader: Reader, hostId: number, nowMs: number): Promise<Sample<HostUsage>[]> =>
  samplesOf(reader, { server_id: 0, host_id: hostId }, nowMs - DAY_MS);

/** What a host told last, within two slots; null: nothing. */
export async function lastHostSample(reader: Reader, hostId: number, nowMs: number): Promise<Sample<HostUsage> | null> {
  const key = { server_id: 0, host_id: hostId };
  return (await samplesOf<HostUsage>(reader, key, nowMs - 2 * limits.usageSlotMs)).at(-1) ?? null;
}

/** What was told last of some servers within two slots, by their numbers: those that nobody told of are missing. */
export async function lastSamplesOf(
  reader: Reader,
  serverIds: readonly number[],
  nowMs: number,
): Promise<ReadonlyMap<number, Sample<GuestUsage>>> {
  if (serverIds.length === 0) return new Map();
  const sinceMs = nowMs - 2 * limits.usageSlotMs;
  const among = amongNumbers(reader, 'server_id', serverIds);
  // the slots are named, so that a row is found by its key and not among those of a day
  const rows = await readRows(
    reader,
    `select server_id, at, sample from usage_samples
     where ${among.sql} and host_id = 0 and slot in (?, ?, ?) and at >= ? order by at`,
    [...among.bindings, ...[0, 1, 2].map((back) => slotOf(nowMs - back * limits.usageSlotMs)), sinceMs],
  );
  return new Map(
    rows.map((row) => [
      Number(row['server_id']),
      { atMs: Number(row['at']), usage: fromJson<GuestUsage>(row['sample']) },
    ]),
  );
}

export interface ServerSample {
  readonly uuid: string;
  readonly projectId: string;
  readonly usage: GuestUsage;
}

/** What was told last of every server, within two slots. */
export async function lastServerSamples(reader: Reader, nowMs: number): Promise<ServerSample[]> {
  const rows: Row[] = await reader('usage_samples')
    .join('servers', 'servers.id', 'usage_samples.server_id')
    .select('servers.uuid', 'servers.project_id', 'usage_samples.sample')
    .where('usage_samples.at', '>=', nowMs - 2 * limits.usageSlotMs)
    .where('servers.deleted', 0)
    .orderBy('usage_samples.at');
  const last = new Map(rows.map((row) => [String(row['uuid']), row]));
  return [...last.values()].map((row) => ({
    uuid: String(row['uuid']),
    projectId: String(row['project_id']),
    usage: fromJson<GuestUsage>(row['sample']),
  }));
}

/** What was told last of every host, within two slots. */
export async function lastHostSamples(
  reader: Reader,
  nowMs: number,
): Promise<{ readonly host: string; readonly usage: HostUsage }[]> {
  const rows: Row[] = await reader('usage_samples')
    .join('hosts', 'hosts.id', 'usage_samples.host_id')
    .select('hosts.host', 'usage_samples.sample')
    .where('usage_samples.at', '>=', nowMs - 2 * limits.usageSlotMs)
    .orderBy('usage_samples.at');
  const last = new Map(rows.map((row) => [String(row['host']), fromJson<HostUsage>(row['sample'])]));
  return [...last].map(([host, usage]) => ({ host, usage }));
}

/** Forgets what is older than a day: of what was deleted, or runs no more, nothing writes over it. */
export const forgetSamples = async (tx: Tx, nowMs: number): Promise<number> =>
  tx('usage_samples')
    .where('at', '<', nowMs - DAY_MS)
    .delete();

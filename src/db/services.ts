// Why: the processes that make up the cloud, as operators see and switch them in os-services.

import { amongNumbers, readRows, type Reader, type Row } from './engine.ts';
import { moveHostsOn } from './hosts.ts';
import { defineNoun, updateRows } from './table.ts';
import type { Tx } from './tx.ts';
import { SERVICE_ZONE } from './zones.ts';

export interface Service {
  readonly id: number;
  readonly uuid: string;
  /** `nova-compute` for an agent's host; other roles by their name. */
  readonly binary: string;
  readonly host: string;
  readonly zone: string;
  readonly disabled: boolean;
  readonly disabledReason: string | null;
  readonly forcedDown: boolean;
  readonly lastSeenAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number | null;
}

const serviceNoun = defineNoun<Omit<Service, 'zone'>>({
  table: 'services',
  columns: {
    id: ['id', 'number'],
    uuid: ['uuid', 'text'],
    binary: ['binary', 'text'],
    host: ['host', 'text'],
    disabled: ['disabled', 'bool'],
    disabledReason: ['disabled_reason', 'text'],
    forcedDown: ['forced_down', 'bool'],
    lastSeenAt: ['last_seen_at', 'time'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

const selected = (reader: Reader) =>
  reader('services').select([...serviceNoun.columns, reader.raw(`${SERVICE_ZONE} as zone`)]);

const decode = (row: Row): Service => ({ ...serviceNoun.fromRow(row), zone: row['zone'] as string });

export async function listServices(
  reader: Reader,
  filter: { readonly host?: string; readonly binary?: string } = {},
): Promise<Service[]> {
  const rows: Row[] = await selected(reader).where(filter).orderBy('id');
  return rows.map(decode);
}

export async function findService(
  reader: Reader,
  by: { readonly uuid: string } | { readonly host: string; readonly binary: string },
): Promise<Service | null> {
  const row: Row | undefined = await selected(reader).where(by).first();
  return row === undefined ? null : decode(row);
}

/** The uuids of services, by their numbers. */
export async function serviceUuids(reader: Reader, ids: readonly number[]): Promise<ReadonlyMap<number, string>> {
  if (ids.length === 0) return new Map();
  const among = amongNumbers(reader, 'id', ids);
  const rows = await readRows(reader, `select id, uuid from services where ${among.sql}`, among.bindings);
  return new Map(rows.map((row) => [row['id'] as number, row['uuid'] as string]));
}

const SERVED = `select 1 from services where disabled = 0 and services.binary = 'nova-compute' and ${SERVICE_ZONE} = ? limit 1`;

/** Whether a zone has a host that is enabled. */
export async function isZoneServed(reader: Reader, zone: string): Promise<boolean> {
  return (await readRows(reader, SERVED, [zone])).length > 0;
}

export type NewService = Pick<Service, 'uuid' | 'binary' | 'host' | 'zone'> & { readonly nowMs: number };

/**
 * Notes that a service is alive, adding its row when there is none. Returns its number.
 * @param service its zone is the one of hosts that no aggregate puts into another
 */
export async function upsertService(tx: Tx, service: NewService): Promise<number> {
  const { uuid, binary, host, zone, nowMs } = service;
  const touched: number = await tx('services').where({ binary, host }).update({ last_seen_at: nowMs, zone });
  if (touched === 0) {
    await tx('services')
      .insert({ uuid, binary, host, zone, last_seen_at: nowMs, created_at: nowMs })
      .onConflict(['host', 'binary'])
      .merge({ last_seen_at: nowMs });
  }
  const row: Row = await tx('services').select('id').where({ binary, host }).first();
  return row['id'] as number;
}

/** Notes that a service is alive whose row is there; of one without a row nothing is noted until it tells all of itself. */
export const noteBeat = (tx: Tx, binary: string, host: string, nowMs: number): PromiseLike<unknown> =>
  tx('services').where({ binary, host }).update({ last_seen_at: nowMs });

/** How many services there are of a kind. */
export async function countServices(reader: Reader, binary: string): Promise<number> {
  const [row] = await readRows(reader, 'select count(*) as services from services where `binary` = ?', [binary]);
  return Number(row?.['services']);
}

export interface ServiceStatus {
  readonly disabled?: boolean;
  readonly disabledReason?: string | null;
  readonly forcedDown?: boolean;
}

/** Changes what is given; no claim is made any more on what was thought out before. */
export async function updateServiceStatus(
  tx: Tx,
  { id, host, binary }: Pick<Service, 'id' | 'host' | 'binary'>,
  status: ServiceStatus,
  nowMs: number,
): Promise<void> {
  if (binary === 'nova-compute') await moveHostsOn(tx, [host]);
  await updateRows(tx, serviceNoun, { id }, { ...status, updatedAt: nowMs });
}

export async function deleteServiceRow(tx: Tx, id: number): Promise<void> {
  await tx('services').where({ id }).delete();
}

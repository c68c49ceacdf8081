// Why: a host that is down cannot remove what a server had there. Until it did, that is on record: the server must not come back
// to it, and the host is asked when it answers again.

import type { Reader } from './engine.ts';
import { isUpSince } from './hosts.ts';
import type { Tx } from './tx.ts';

export interface Remnant {
  readonly serverUuid: string;
  readonly host: string;
}

/** Notes that something of a server may be left on a host; twice is once. */
export async function addRemnant(tx: Tx, { serverUuid, host }: Remnant, nowMs: number): Promise<void> {
  await tx('remnants')
    .insert({ server_uuid: serverUuid, host, created_at: nowMs })
    .onConflict(['server_uuid', 'host'])
    .ignore();
}

export async function removeRemnant(tx: Tx, { serverUuid, host }: Remnant): Promise<void> {
  await tx('remnants').where({ server_uuid: serverUuid, host }).delete();
}

/** What could not be removed now: its next turn comes after those of the others. */
export async function deferRemnant(tx: Tx, { serverUuid, host }: Remnant, nowMs: number): Promise<void> {
  await tx('remnants').where({ server_uuid: serverUuid, host }).update({ created_at: nowMs });
}

/** Of all servers, those that wait longest first, but for those on hosts that were last up before a moment; null: all. */
export async function listRemnants(
  reader: Reader,
  upSinceMs: number | null,
  limit: number,
): Promise<readonly (Remnant & { readonly isKnown: boolean })[]> {
  const rows: { server_uuid: string; host: string; known: number | null }[] = await reader('remnants')
    .leftJoin('hosts', 'hosts.host', 'remnants.host')
    .leftJoin('services', 'services.id', 'hosts.service_id')
    .select('remnants.server_uuid', 'remnants.host', 'hosts.id as known')
    .where((any) => {
      if (upSinceMs !== null) void any.whereNull('hosts.id').orWhere((up) => void isUpSince(up, upSinceMs));
    })
    .orderBy('remnants.created_at')
    .limit(limit);
  return rows.map(({ server_uuid: serverUuid, host, known }) => ({ serverUuid, host, isKnown: known !== null }));
}

/** The hosts on which something of a server may be left. */
export async function remnantHosts(reader: Reader, serverUuid: string): Promise<string[]> {
  const rows: { host: string }[] = await reader('remnants').select('host').where({ server_uuid: serverUuid });
  return rows.map((row) => row.host);
}

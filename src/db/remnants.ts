// Why: a host that is down cannot remove what a server had there. Until it did, that is on record: the server must not come back
// to it, and the host is asked when it answers again.

import type { Reader } from './engine.ts';
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

/** Of all servers, those that wait longest first, but for those on hosts that cannot be asked. */
export async function listRemnants(reader: Reader, except: readonly string[], limit: number): Promise<Remnant[]> {
  const rows: { server_uuid: string; host: string }[] = await reader('remnants')
    .select('server_uuid', 'host')
    .whereNotIn('host', [...except])
    .orderBy('created_at')
    .limit(limit);
  return rows.map((row) => ({ serverUuid: row.server_uuid, host: row.host }));
}

/** The hosts on which something of a server may be left. */
export async function remnantHosts(reader: Reader, serverUuid: string): Promise<string[]> {
  const rows: { host: string }[] = await reader('remnants').select('host').where({ server_uuid: serverUuid });
  return rows.map((row) => row.host);
}

// Why: single ports of floating addresses that lead to ports of servers: rows like the others of the built-in network service, and what
// happens to those whose port goes.

import { type Unnamed, unnamed } from './networks.ts';
import type { Reader } from './engine.ts';
import { defineNoun } from './table.ts';
import type { Tx } from './tx.ts';

export interface StoredForwarding extends Unnamed {
  readonly floatingIpId: string;
  readonly protocol: string;
  readonly externalPort: number;
  /** Where it leads: a port, its address, and the number there. */
  readonly portId: string;
  readonly fixedIp: string;
  readonly internalPort: number;
}

export const forwardingNoun = defineNoun<StoredForwarding>({
  table: 'port_forwardings',
  columns: {
    ...unnamed,
    floatingIpId: ['floatingip_id', 'text'],
    protocol: ['protocol', 'text'],
    externalPort: ['external_port', 'number'],
    portId: ['internal_port_id', 'text'],
    fixedIp: ['internal_ip_address', 'text'],
    internalPort: ['internal_port', 'number'],
  },
});

/** Floating addresses none of whose ports leads anywhere any more lead by no router. */
async function release(tx: Tx, floatingIpIds: readonly string[], now: number): Promise<void> {
  await tx('floating_ips')
    .whereIn('id', [...floatingIpIds])
    .whereNull('port_id')
    .whereNotIn('id', tx('port_forwardings').select('floatingip_id'))
    .update({ router_id: '', status: 'DOWN', revision: tx.raw('?? + 1', ['revision']), updated_at: now });
}

export async function deleteForwarding(
  tx: Tx,
  { id, floatingIpId }: Pick<StoredForwarding, 'id' | 'floatingIpId'>,
  now: number,
): Promise<void> {
  await tx('port_forwardings').where({ id }).delete();
  await release(tx, [floatingIpId], now);
}

export async function deleteForwardingsOf(tx: Tx, floatingIpId: string): Promise<void> {
  await tx('port_forwardings').where({ floatingip_id: floatingIpId }).delete();
}

/** Those that lead to a port go, but for those to addresses that it keeps. */
export async function dropForwardings(tx: Tx, portId: string, kept: readonly string[], now: number): Promise<void> {
  const rows: { id: string; floatingip_id: string }[] = await tx('port_forwardings')
    .where({ internal_port_id: portId })
    .whereNotIn('internal_ip_address', [...kept])
    .select('id', 'floatingip_id');
  if (rows.length === 0) return;
  const ids = rows.map(({ id }) => id);
  await tx('port_forwardings').whereIn('id', ids).delete();
  await release(tx, [...new Set(rows.map((row) => row.floatingip_id))], now);
}

/** The routers by which ports of floating addresses lead to a port. */
export async function routersForwardingTo(reader: Reader, portId: string): Promise<string[]> {
  const rows: { id: string }[] = await reader('floating_ips')
    .whereNot({ router_id: '' })
    .whereIn('id', reader('port_forwardings').select('floatingip_id').where({ internal_port_id: portId }))
    .distinct({ id: 'router_id' });
  return rows.map(({ id }) => id);
}

// Why: floating addresses of the built-in network service: rows like its others, and what happens to those whose port goes.

import { type Unnamed, unnamed } from './networks.ts';
import { defineNoun } from './table.ts';
import type { Tx } from './tx.ts';

export interface StoredFloatingIp extends Unnamed {
  /** The external network, the port there that holds the address, and the address. */
  readonly networkId: string;
  readonly floatingPortId: string;
  readonly address: string;
  /** Where it leads; both null: nowhere. */
  readonly portId: string | null;
  readonly fixedIp: string | null;
  readonly status: 'ACTIVE' | 'DOWN';
  /** By which it leads there; empty: by none, or there are no routers. */
  readonly routerId: string;
}

export const floatingIpNoun = defineNoun<StoredFloatingIp>({
  table: 'floating_ips',
  columns: {
    ...unnamed,
    networkId: ['floating_network_id', 'text'],
    floatingPortId: ['floating_port_id', 'text'],
    address: ['floating_ip_address', 'text'],
    portId: ['port_id', 'text'],
    fixedIp: ['fixed_ip_address', 'text'],
    status: ['status', 'text'],
    routerId: ['router_id', 'text'],
  },
});

/** Those that lead to a port lead nowhere, but for those to addresses that it keeps. */
export async function detachFloatingIps(tx: Tx, portId: string, kept: readonly string[], now: number): Promise<void> {
  await tx('floating_ips')
    .where({ port_id: portId })
    .whereNotIn('fixed_ip_address', [...kept])
    .update({
      port_id: null,
      fixed_ip_address: null,
      router_id: '',
      status: 'DOWN',
      revision: tx.raw('?? + 1', ['revision']),
      updated_at: now,
    });
}

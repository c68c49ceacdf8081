// Why: routers of the built-in network service: rows like its others, and the ports by which they are on networks. Which ports those are
// stands in a table of its own: what a port says of its device is for anybody to write.

import type { Reader, Row } from './engine.ts';
import { portNoun, stored, type Stored, type StoredPort } from './networks.ts';
import { defineNoun } from './table.ts';
import type { Tx } from './tx.ts';

export interface StoredRouter extends Stored {
  readonly adminStateUp: boolean;
  /** The external network that it leads to, and its port there; both null: to none. */
  readonly gatewayNetworkId: string | null;
  readonly gatewayPortId: string | null;
  /** Whether what has no floating address goes out by the gateway's own. */
  readonly enableSnat: boolean;
  readonly routes: readonly { readonly destination: string; readonly nexthop: string }[];
}

export const routerNoun = defineNoun<StoredRouter>({
  table: 'routers',
  columns: {
    ...stored,
    adminStateUp: ['admin_state_up', 'bool'],
    gatewayNetworkId: ['gateway_network_id', 'text'],
    gatewayPortId: ['gateway_port_id', 'text'],
    enableSnat: ['enable_snat', 'bool'],
    routes: ['routes', 'json'],
  },
});

export interface InterfacePort {
  readonly routerId: string;
  readonly port: StoredPort;
}

/**
 * The ports by which routers are on networks, oldest first.
 * @param routerIds null: of all routers
 * @param portIds only these
 */
export async function interfacePorts(
  reader: Reader,
  routerIds: readonly string[] | null,
  portIds?: readonly string[],
): Promise<InterfacePort[]> {
  const query = reader('router_interfaces')
    .join('ports', 'ports.id', 'router_interfaces.port_id')
    .select('ports.*', 'router_interfaces.router_id')
    .orderBy(['ports.created_at', 'ports.id']);
  if (routerIds !== null) void query.whereIn('router_interfaces.router_id', [...routerIds]);
  if (portIds !== undefined) void query.whereIn('router_interfaces.port_id', [...portIds]);
  const rows: Row[] = await query;
  return rows.map((row) => ({ routerId: String(row['router_id']), port: portNoun.fromRow(row) }));
}

export async function insertInterface(tx: Tx, routerId: string, portId: string): Promise<void> {
  await tx('router_interfaces').insert({ router_id: routerId, port_id: portId });
}

export async function deleteInterface(tx: Tx, portId: string): Promise<void> {
  await tx('router_interfaces').where({ port_id: portId }).delete();
}

/** The routers that are on subnets, or lead to the outside by them. */
export async function routersOnSubnets(reader: Reader, subnetIds: readonly string[]): Promise<string[]> {
  const held = reader('ip_allocations')
    .select('port_id')
    .whereIn('subnet_id', [...subnetIds]);
  const inside: { id: string }[] = await reader('router_interfaces')
    .whereIn('port_id', held.clone())
    .distinct({ id: 'router_id' });
  const outside: { id: string }[] = await reader('routers').whereIn('gateway_port_id', held.clone()).select('id');
  return [...new Set([...inside, ...outside].map(({ id }) => id))];
}

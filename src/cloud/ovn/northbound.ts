// Why: our rows in OVN's Northbound database are marked by three keys in `external_ids`, which name their origin. Rows without them belong to
// others and are left alone.

import type { Row } from './ovsdb/values.ts';

/** The columns of each table that we write or read. */
const columns = {
  Logical_Switch: ['name', 'ports', 'qos_rules', 'other_config', 'external_ids'],
  Logical_Switch_Port: [
    ...['name', 'type', 'options', 'addresses', 'port_security', 'up', 'enabled', 'tag'],
    ...['dhcpv4_options', 'dhcpv6_options', 'external_ids'],
  ],
  DHCP_Options: ['cidr', 'options', 'external_ids'],
  Port_Group: ['name', 'ports', 'acls', 'external_ids'],
  ACL: ['priority', 'direction', 'match', 'action', 'external_ids'],
  Logical_Router: ['name', 'ports', 'static_routes', 'nat', 'load_balancer', 'enabled', 'external_ids'],
  Logical_Router_Port: ['name', 'gateway_chassis', 'options', 'networks', 'mac', 'ipv6_ra_configs', 'external_ids'],
  Logical_Router_Static_Route: ['ip_prefix', 'nexthop', 'external_ids'],
  Load_Balancer: ['name', 'protocol', 'vips', 'external_ids'],
  QoS: ['priority', 'direction', 'match', 'bandwidth', 'external_ids'],
  NAT: ['type', 'external_ip', 'logical_ip', 'external_ids'],
  Gateway_Chassis: ['name', 'chassis_name', 'priority', 'external_ids'],
} as const;

export type Table = keyof typeof columns;
export const northboundTables: Readonly<Record<Table, readonly string[]>> = columns;

/** Root tables; a row of any other table is deleted by OVSDB once no row references it. */
export const rootTables: ReadonlySet<Table> = new Set([
  'Logical_Switch',
  'DHCP_Options',
  'Port_Group',
  'Logical_Router',
  'Load_Balancer',
]);

/** Tables in which OVN enforces unique names. */
export const uniqueTables: ReadonlySet<Table> = new Set([
  'Logical_Switch_Port',
  'Port_Group',
  'Logical_Router_Port',
  'Gateway_Chassis',
]);

/** Columns that reference rows of another table. */
export const listings: Readonly<Partial<Record<Table, readonly string[]>>> = {
  Logical_Switch: ['ports', 'qos_rules'],
  Port_Group: ['ports', 'acls'],
  Logical_Router: ['ports', 'static_routes', 'nat', 'load_balancer'],
  Logical_Router_Port: ['gateway_chassis'],
};

/** An object of ours, whose rows are created, changed and removed together. */
export type Unit = string;

/** A row that should exist. */
export interface WantedRow {
  readonly table: Table;
  /** Unique among all our rows, and stable. */
  readonly key: string;
  readonly columns: Row;
  /** Columns that reference other rows, by their keys. */
  readonly refs?: Readonly<Record<string, readonly string[]>>;
  /** The row that lists this one, by its key. */
  readonly within?: { readonly key: string; readonly column: string };
  /** The port groups that it belongs to, by their keys. */
  readonly groups?: readonly string[];
}

/** Units by kind, in the order of creation. */
export const units = {
  /** The port group of all ports with port security. */
  guard: 'guard',
  network: (id: string): Unit => `network/${id}`,
  group: (id: string): Unit => `group/${id}`,
  router: (id: string): Unit => `router/${id}`,
  port: (id: string): Unit => `port/${id}`,
} as const;

const order = ['guard', 'network', 'group', 'router', 'port'] as const;
export type UnitKind = (typeof order)[number];

export function readUnit(unit: Unit): { readonly kind: UnitKind; readonly id: string } | null {
  const [kind = '', id = '', ...rest] = unit.split('/');
  return rest.length === 0 && order.includes(kind as UnitKind) ? { kind: kind as UnitKind, id } : null;
}

/** A unit's position in the order of creation: referenced units come first. */
export const rankOf = (unit: Unit): number => order.indexOf(readUnit(unit)?.kind ?? 'port');

/** The unit of a row that other units reference, by the row's key. */
export function unitOfKey(key: string): Unit {
  const [kind, id = ''] = key.split('/');
  return kind === 'subnet' ? units.network(id) : key;
}

export const KEY = 'xloud:key';
const UNIT = 'xloud:unit';
const REVISION = 'xloud:revision';

export interface Mark {
  readonly key: string;
  readonly unit: Unit;
  readonly revision: number;
}

/** Our keys in a row's `external_ids`. */
export const markWords = ({ key, unit, revision }: Mark): Record<string, string> => ({
  [KEY]: key,
  [UNIT]: unit,
  [REVISION]: String(revision),
});

/** A row's mark; null: it is not ours. */
export function markOf(row: Row): Mark | null {
  const ids = row['external_ids'] as Readonly<Record<string, string>> | undefined;
  const [key, unit] = [ids?.[KEY], ids?.[UNIT]];
  if (key === undefined || unit === undefined) return null;
  return { key, unit, revision: Number(ids?.[REVISION] ?? 0) };
}

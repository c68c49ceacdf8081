// Why: which part of OVN's Northbound database is ours, and how a row of it tells of what it was made: by three words in `external_ids`.
// Rows without them are somebody else's and are left alone.

import type { Row } from './ovsdb/values.ts';

/** The columns of each table that we write or look at. */
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

/** Rows of these stand by themselves; any other goes once no row lists it. */
export const rootTables: ReadonlySet<Table> = new Set([
  'Logical_Switch',
  'DHCP_Options',
  'Port_Group',
  'Logical_Router',
  'Load_Balancer',
]);

/** Of these OVN itself takes no second row of one name. */
export const uniqueTables: ReadonlySet<Table> = new Set([
  'Logical_Switch_Port',
  'Port_Group',
  'Logical_Router_Port',
  'Gateway_Chassis',
]);

/** Columns that list rows of another table. */
export const listings: Readonly<Partial<Record<Table, readonly string[]>>> = {
  Logical_Switch: ['ports', 'qos_rules'],
  Port_Group: ['ports', 'acls'],
  Logical_Router: ['ports', 'static_routes', 'nat', 'load_balancer'],
  Logical_Router_Port: ['gateway_chassis'],
};

/** What one object of ours comes to: its rows are made, changed and removed together. */
export type Unit = string;

/** What a row that should be there looks like. */
export interface WantedRow {
  readonly table: Table;
  /** Its name among all of ours, the same for ever. */
  readonly key: string;
  readonly columns: Row;
  /** Columns that name other rows, by their keys. */
  readonly refs?: Readonly<Record<string, readonly string[]>>;
  /** The row that lists this one, by its key. */
  readonly within?: { readonly key: string; readonly column: string };
  /** The port groups that it belongs to, by their keys. */
  readonly groups?: readonly string[];
}

/** Units by what they are made of, in the order in which they are to be made. */
export const units = {
  /** What all guarded ports have in common. */
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

/** The place of a unit among others: what is referred to comes before what refers to it. */
export const rankOf = (unit: Unit): number => order.indexOf(readUnit(unit)?.kind ?? 'port');

/** The unit of a row that rows of other units refer to, by its key. */
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

/** What a row of ours has in `external_ids`, beside what others put there. */
export const markWords = ({ key, unit, revision }: Mark): Record<string, string> => ({
  [KEY]: key,
  [UNIT]: unit,
  [REVISION]: String(revision),
});

/** Of what a row was made; null: it is not ours. */
export function markOf(row: Row): Mark | null {
  const ids = row['external_ids'] as Readonly<Record<string, string>> | undefined;
  const [key, unit] = [ids?.[KEY], ids?.[UNIT]];
  if (key === undefined || unit === undefined) return null;
  return { key, unit, revision: Number(ids?.[REVISION] ?? 0) };
}

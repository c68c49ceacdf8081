// Why: the rows of the built-in network service. What a column is called and how it reads back stands in one table per noun.

import { fromJson, holdsText } from './codec.ts';
import { readRows, type Reader, type Row } from './engine.ts';
import { keyset, type SortKey } from './page.ts';
import { defineNoun, insertRow, joined, type Noun, updateRows } from './table.ts';
import type { Tx } from './tx.ts';

/** What network objects have in common, with or without a name. Times are milliseconds since the epoch. */
export interface Unnamed {
  readonly id: string;
  readonly projectId: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface Stored extends Unnamed {
  readonly name: string;
}

export interface StoredNetwork extends Stored {
  readonly adminStateUp: boolean;
  readonly shared: boolean;
  readonly external: boolean;
  readonly isDefault: boolean;
  readonly portSecurityEnabled: boolean;
  readonly mtu: number;
  /** The policy of its ports that name none. */
  readonly qosPolicyId: string | null;
  /** `flat`, `vlan` or `geneve`; null: what the engine makes of it. */
  readonly networkType: string | null;
  /** The wire that it is on. */
  readonly physicalNetwork: string | null;
  /** Its VLAN there, or the number of its tunnels. */
  readonly segmentationId: number | null;
}

export interface Pool {
  readonly start: string;
  readonly end: string;
}

export interface StoredSubnet extends Stored {
  readonly networkId: string;
  readonly ipVersion: 4 | 6;
  readonly cidr: string;
  readonly gatewayIp: string | null;
  readonly enableDhcp: boolean;
  readonly allocationPools: readonly Pool[];
  readonly dnsNameservers: readonly string[];
  readonly hostRoutes: readonly { readonly destination: string; readonly nexthop: string }[];
  /** The pool that its range is of; null: it was named. */
  readonly subnetPoolId: string | null;
}

export interface Binding {
  /** Empty: bound to no host. */
  readonly host_id: string;
  readonly vnic_type: string;
  readonly vif_type: string;
  readonly vif_details: Readonly<Record<string, unknown>>;
  readonly profile: Readonly<Record<string, unknown>>;
}

export interface StoredPort extends Stored {
  readonly networkId: string;
  readonly macAddress: string;
  readonly adminStateUp: boolean;
  readonly status: string;
  readonly deviceId: string;
  readonly deviceOwner: string;
  readonly portSecurityEnabled: boolean;
  readonly securityGroups: readonly string[];
  readonly binding: Binding;
  readonly allowedAddressPairs: readonly { readonly ip_address: string; readonly mac_address?: string }[];
  /** Null: that of its network. */
  readonly qosPolicyId: string | null;
  /** What DHCP tells it beside what its subnet says; null: nothing. */
  readonly extraDhcpOpts: readonly { readonly opt_name: string; readonly opt_value: string }[] | null;
}

export interface StoredGroup extends Stored {
  readonly stateful: boolean;
}

export interface StoredRule {
  readonly id: string;
  readonly projectId: string;
  readonly securityGroupId: string;
  readonly direction: string;
  readonly ethertype: string;
  readonly protocol: string | null;
  readonly portRangeMin: number | null;
  readonly portRangeMax: number | null;
  readonly remoteIpPrefix: string | null;
  readonly remoteGroupId: string | null;
  readonly remoteAddressGroupId: string | null;
  readonly description: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface Allocation {
  readonly subnetId: string;
  readonly address: string;
  readonly portId: string;
}

export const unnamed = {
  id: ['id', 'text'],
  projectId: ['project_id', 'text'],
  description: ['description', 'text'],
  tags: ['tags', 'json'],
  revision: ['revision', 'number'],
  createdAt: ['created_at', 'time'],
  updatedAt: ['updated_at', 'time'],
} as const;

export const stored = { ...unnamed, name: ['name', 'text'] } as const;

export const networkNoun = defineNoun<StoredNetwork>({
  table: 'networks',
  columns: {
    ...stored,
    adminStateUp: ['admin_state_up', 'bool'],
    shared: ['shared', 'bool'],
    external: ['external', 'bool'],
    isDefault: ['is_default', 'bool'],
    portSecurityEnabled: ['port_security_enabled', 'bool'],
    mtu: ['mtu', 'number'],
    qosPolicyId: ['qos_policy_id', 'text'],
    networkType: ['network_type', 'text'],
    physicalNetwork: ['physical_network', 'text'],
    segmentationId: ['segmentation_id', 'number'],
  },
});

/** How many networks of a type have a part of a wire, or a number among tunnels. */
export async function networksOnSegment(
  reader: Reader,
  type: string,
  wire: string | null,
  segment: number | null,
): Promise<number> {
  const [row] = (await reader('networks')
    .where({ network_type: type, physical_network: wire, segmentation_id: segment })
    .count({ count: '*' })) as { count: number }[];
  return Number(row?.count ?? 0);
}

export const subnetNoun = defineNoun<StoredSubnet>({
  table: 'subnets',
  columns: {
    ...stored,
    networkId: ['network_id', 'text'],
    ipVersion: ['ip_version', 'number'],
    cidr: ['cidr', 'text'],
    gatewayIp: ['gateway_ip', 'text'],
    enableDhcp: ['enable_dhcp', 'bool'],
    allocationPools: ['allocation_pools', 'json'],
    dnsNameservers: ['dns_nameservers', 'json'],
    hostRoutes: ['host_routes', 'json'],
    subnetPoolId: ['subnetpool_id', 'text'],
  },
});

export const portNoun = defineNoun<StoredPort>({
  table: 'ports',
  columns: {
    ...stored,
    networkId: ['network_id', 'text'],
    macAddress: ['mac_address', 'text'],
    adminStateUp: ['admin_state_up', 'bool'],
    status: ['status', 'text'],
    deviceId: ['device_id', 'text'],
    deviceOwner: ['device_owner', 'text'],
    portSecurityEnabled: ['port_security_enabled', 'bool'],
    securityGroups: ['security_groups', 'json'],
    binding: ['binding', 'json'],
    allowedAddressPairs: ['allowed_address_pairs', 'json'],
    qosPolicyId: ['qos_policy_id', 'text'],
    extraDhcpOpts: ['extra_dhcp_opts', 'json'],
  },
});

export const groupNoun = defineNoun<StoredGroup>({
  table: 'security_groups',
  columns: { ...stored, stateful: ['stateful', 'bool'] },
});

export const ruleNoun = defineNoun<StoredRule>({
  table: 'security_group_rules',
  columns: {
    id: ['id', 'text'],
    projectId: ['project_id', 'text'],
    securityGroupId: ['security_group_id', 'text'],
    direction: ['direction', 'text'],
    ethertype: ['ethertype', 'text'],
    protocol: ['protocol', 'text'],
    portRangeMin: ['port_range_min', 'number'],
    portRangeMax: ['port_range_max', 'number'],
    remoteIpPrefix: ['remote_ip_prefix', 'text'],
    remoteGroupId: ['remote_group_id', 'text'],
    remoteAddressGroupId: ['remote_address_group_id', 'text'],
    description: ['description', 'text'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

/** Which rows a caller may see; null: all of them. */
export interface Scope {
  readonly projectId: string;
  /** Networks: also those that are shared or external. Other nouns: also those on such networks, where the noun allows. */
  readonly alsoShared: boolean;
}

export interface RowFilters {
  /** Column to the values it may have. */
  readonly oneOf: Readonly<Record<string, readonly (string | number)[]>>;
  /** Ports: each must hold for one of the port's addresses. */
  readonly addresses: readonly { readonly column: 'ip_address' | 'subnet_id'; readonly values: readonly string[] }[];
  /** Ports: a part of one of its addresses. */
  readonly addressPart: string | null;
  /** Texts that JSON lists must hold, by column. */
  readonly listed: Readonly<Record<string, readonly string[]>>;
  /** Whether one has all of these tags, or one of them, or (`not`) whether not. */
  readonly tags: readonly { readonly all: boolean; readonly not: boolean; readonly values: readonly string[] }[];
}

export const noFilters: RowFilters = { oneOf: {}, addresses: [], addressPart: null, listed: {}, tags: [] };

export interface RowPage {
  readonly sort: readonly SortKey[];
  readonly markerId: string | null;
  /** Null: everything. */
  readonly limit: number | null;
}

export const everything: RowPage = {
  sort: [
    { column: 'created_at', dir: 'asc' },
    { column: 'id', dir: 'asc' },
  ],
  markerId: null,
  limit: null,
};

/** The rows of a noun that a scope sees and filters keep; null where the marker is no row. */
export async function listRows<T>(
  reader: Reader,
  noun: Noun<T>,
  scope: Scope | null,
  filters: RowFilters = noFilters,
  page: RowPage = everything,
): Promise<T[] | null> {
  const query = reader(noun.table).select(`${noun.table}.*`);
  if (scope !== null) {
    query.where((seen) => {
      seen.where('project_id', scope.projectId);
      const given = reader('network_rbac').select('object_id').where('target_project', scope.projectId);
      if (noun.table === 'networks' && scope.alsoShared)
        seen.orWhere('shared', 1).orWhere('external', 1).orWhereIn('id', given);
      if (['qos_policies', 'subnetpools'].includes(noun.table) && scope.alsoShared) seen.orWhere('shared', 1);
      if (noun.table === 'subnets') {
        const own = reader('networks').select('id').where('project_id', scope.projectId);
        if (scope.alsoShared) own.orWhere('shared', 1).orWhereIn('id', given.where('action', 'access_as_shared'));
        seen.orWhereIn('network_id', own);
      }
      if (noun.table === 'ports') {
        seen.orWhereIn('network_id', reader('networks').select('id').where('project_id', scope.projectId));
      }
    });
  }
  for (const [column, values] of Object.entries(filters.oneOf)) query.whereIn(column, [...values]);
  for (const { column, values } of filters.addresses) {
    query.whereIn(
      'id',
      reader('ip_allocations')
        .select('port_id')
        .whereIn(column, [...values]),
    );
  }
  if (filters.addressPart !== null) {
    const holders = reader('ip_allocations').select('port_id');
    holders.whereRaw('instr(ip_address, ?) > 0', [filters.addressPart]);
    query.whereIn('id', holders);
  }
  const listed = Object.entries(filters.listed).filter(([, values]) => values.length > 0);
  const [hint] = listed;
  // the engine looks for one text; each more would be another walk through what the row holds
  if (hint !== undefined) query.whereRaw('instr(??, ?) > 0', [hint[0], JSON.stringify(hint[1][0])]);
  for (const { all, not, values } of filters.tags) {
    const each = values.map((value) => holdsText('tags', value));
    const has = each.map(([sql]) => sql).join(all ? ' and ' : ' or ');
    query.whereRaw(
      not ? `not (${has})` : `(${has})`,
      each.flatMap(([, bindings]) => bindings),
    );
  }
  let marker: Row | null = null;
  if (page.markerId !== null) {
    marker = (await reader(noun.table).where('id', page.markerId).first()) ?? null;
    if (marker === null) return null;
  }
  keyset(query, page.sort, marker, false);
  if (page.limit !== null && hint === undefined) query.limit(page.limit);
  const rows: Row[] = await query;
  const kept = hint === undefined ? rows : rows.filter((row) => holdsAll(row, listed));
  return noun.fromRows(kept.slice(0, page.limit ?? kept.length));
}

/** Whether the JSON lists of a row hold everything that is asked for. */
const holdsAll = (row: Row, listed: readonly (readonly [column: string, values: readonly string[]])[]): boolean =>
  listed.every(([column, values]) => {
    const has = new Set(fromJson<readonly string[]>(row[column]));
    return values.every((value) => has.has(value));
  });

/** Rows by a column's values, oldest first. */
export async function rowsBy<T>(
  reader: Reader,
  noun: Noun<T>,
  column: string,
  values: readonly string[],
): Promise<T[]> {
  if (values.length === 0) return [];
  const rows: Row[] = await reader(noun.table)
    .whereIn(column, [...values])
    .orderBy([{ column: 'created_at' }, { column: 'id' }]);
  return noun.fromRows(rows);
}

/** The ports of a network that DHCP tells something else than its subnets say. */
export async function portsWithOptions(reader: Reader, networkId: string): Promise<string[]> {
  const rows: { id: string }[] = await reader('ports')
    .where({ network_id: networkId })
    .whereNotNull('extra_dhcp_opts')
    .select('id');
  return rows.map(({ id }) => id);
}

/** Whether another port of a network has a MAC address. */
export const hasMac = async (tx: Tx, networkId: string, mac: string, except: string): Promise<boolean> =>
  (await tx('ports').where({ network_id: networkId, mac_address: mac }).whereNot({ id: except }).first('id')) !==
  undefined;

export interface NetworkWithSubnets {
  readonly network: StoredNetwork;
  /** Oldest first. */
  readonly subnets: readonly StoredSubnet[];
}

const subnetOf = joined(subnetNoun, 'subnet_', 'id');

/** Networks with their subnets, all of them oldest first: those of these ids, or those that a project may put a server on. */
export async function networksWithSubnets(
  reader: Reader,
  which: { readonly ids: readonly string[] } | { readonly usableBy: string },
): Promise<NetworkWithSubnets[]> {
  const query = reader('networks')
    .leftJoin('subnets', 'subnets.network_id', 'networks.id')
    .select('networks.*', ...subnetOf.columns)
    .orderBy(['networks.created_at', 'networks.id', 'subnets.created_at', 'subnets.id']);
  if ('ids' in which) void query.whereIn('networks.id', [...which.ids]);
  else void query.where((of) => void of.where('networks.project_id', which.usableBy).orWhere('networks.shared', 1));
  const rows: Row[] = await query;
  return [...Map.groupBy(rows, (row) => row['id']).values()].map((of) => ({
    network: networkNoun.fromRow(of[0] as Row),
    subnets: of.map(subnetOf.fromRow).filter((subnet) => subnet !== null),
  }));
}

/** What a new port of a project has to be asked of. */
export interface PortGround {
  readonly network: StoredNetwork;
  /** Whether the project has the group that it gets by default. */
  readonly hasGroup: boolean;
  /** The limit that an administrator set (null: none did), and how many there are; 0 where the limit is none at all (-1). */
  readonly ports: { readonly limit: number | null; readonly used: number };
}

/** What a new port on a network needs to know, in one statement; null: there is no such network. */
export async function findForPort(
  tx: Tx,
  networkId: string,
  groupId: string,
  projectId: string,
): Promise<PortGround | null> {
  const row: Row | undefined = await tx('networks')
    .where({ id: networkId })
    .select(
      'networks.*',
      tx('security_groups').where({ id: groupId }).count('*').as('has_group'),
      tx('network_quotas').where({ project_id: projectId, resource: 'port' }).select('hard_limit').as('port_limit'),
      tx.raw(
        'case when coalesce((select hard_limit from network_quotas where project_id = ? and resource = ?), 0) < 0 ' +
          'then 0 else (select count(*) from ports where project_id = ?) end as port_count',
        [projectId, 'port', projectId],
      ),
    )
    .first();
  if (row === undefined) return null;
  return {
    network: networkNoun.fromRow(row),
    hasGroup: Number(row['has_group']) > 0,
    ports: { limit: row['port_limit'] as number | null, used: Number(row['port_count']) },
  };
}

/** The subnets of a network, oldest first; whoever else allocates in one of them waits until this transaction ends. */
export async function lockSubnets(tx: Tx, networkId: string): Promise<StoredSubnet[]> {
  // by their ids, as everywhere: two ports never wait for each other
  const rows: Row[] = await tx('subnets').where({ network_id: networkId }).orderBy('id').forUpdate();
  return subnetNoun.fromRows(rows).sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}

export async function replaceRow<T extends { readonly id: string }>(tx: Tx, noun: Noun<T>, value: T): Promise<void> {
  await updateRows(tx, noun, { id: value.id }, value);
}

export async function deleteRow<T>(tx: Tx, noun: Noun<T>, id: string): Promise<void> {
  await tx(noun.table).where({ id }).delete();
}

/**
 * What an administrator set for a resource of a project (null: nothing), and how many of its rows the project has; 0 where no limit
 * asks for it.
 * @param byDefault the limit where nothing was set; -1: none
 */
export async function limitAndUse<T>(
  reader: Reader,
  noun: Noun<T>,
  resource: string,
  projectId: string,
  byDefault: number,
): Promise<{ readonly limit: number; readonly used: number }> {
  const sql =
    'select q.hard_limit, case when coalesce(q.hard_limit, p.fallback) < 0 then 0 else ' +
    `(select count(*) from ${noun.table} where project_id = p.id) end as used ` +
    'from (select ? as id, ? as fallback) p left join network_quotas q on q.project_id = p.id and q.resource = ?';
  const [row] = (await readRows(reader, sql, [projectId, byDefault, resource])) as [Row];
  return { limit: Number(row['hard_limit'] ?? byDefault), used: Number(row['used']) };
}

export async function countRows<T>(reader: Reader, noun: Noun<T>, projectId: string): Promise<number> {
  const row: Row | undefined = await reader(noun.table).where({ project_id: projectId }).count({ count: '*' }).first();
  return Number(row?.['count'] ?? 0);
}

/** The ranges of all subnets, with whose and of which networks they are, and whether those are external. */
export async function subnetCidrs(
  reader: Reader,
): Promise<{ cidr: string; projectId: string; networkId: string; poolId: string | null; external: boolean }[]> {
  const rows: { cidr: string; projectId: string; networkId: string; poolId: string | null; external: unknown }[] =
    await reader('subnets').join('networks', 'networks.id', 'subnets.network_id').select('subnets.cidr', {
      projectId: 'subnets.project_id',
      networkId: 'subnets.network_id',
      poolId: 'subnets.subnetpool_id',
      external: 'networks.external',
    });
  return rows.map((row) => ({ ...row, external: Number(row.external) === 1 }));
}

const allocationNoun = defineNoun<Allocation>({
  table: 'ip_allocations',
  columns: {
    subnetId: ['subnet_id', 'text'],
    address: ['ip_address', 'text'],
    portId: ['port_id', 'text'],
  },
});

/** The addresses of ports, each port's in the order of subnet and address. */
export async function allocationsBy(
  reader: Reader,
  column: 'port_id' | 'subnet_id',
  values: readonly string[],
): Promise<Allocation[]> {
  if (values.length === 0) return [];
  const rows: Row[] = await reader('ip_allocations')
    .whereIn(column, [...values])
    .orderBy(['subnet_id', 'ip_address']);
  return allocationNoun.fromRows(rows);
}

/** Whoever else allocates in the subnet waits until this transaction ends. */
export async function lockAddresses(tx: Tx, subnetId: string): Promise<void> {
  await tx('subnets').where({ id: subnetId }).forUpdate().first('id');
}

/**
 * The addresses that are taken in a subnet.
 * @param among only these are asked for
 */
export async function takenAddresses(tx: Tx, subnetId: string, among?: readonly string[]): Promise<Set<string>> {
  const query = tx('ip_allocations').where({ subnet_id: subnetId }).select('ip_address');
  if (among !== undefined) query.whereIn('ip_address', [...among]);
  const rows: { ip_address: string }[] = await query;
  return new Set(rows.map((row) => row.ip_address));
}

/** Takes an address; rejects with a duplicate-key error when another has it. */
export async function insertAllocation(tx: Tx, allocation: Allocation): Promise<void> {
  await insertRow(tx, allocationNoun, allocation);
}

export async function deleteAllocations(tx: Tx, portId: string): Promise<void> {
  await tx('ip_allocations').where({ port_id: portId }).delete();
}

export async function deleteRulesOf(tx: Tx, groupId: string): Promise<void> {
  await tx('security_group_rules').where({ security_group_id: groupId }).delete();
}

/** The quotas that an administrator set for a project; -1 is unlimited. */
export async function quotasOf(reader: Reader, projectId: string): Promise<Record<string, number>> {
  const rows: { resource: string; hard_limit: number }[] = await reader('network_quotas').where({
    project_id: projectId,
  });
  return Object.fromEntries(rows.map((row) => [row.resource, row.hard_limit]));
}

export async function projectsWithQuotas(reader: Reader): Promise<string[]> {
  const rows: { project_id: string }[] = await reader('network_quotas').distinct('project_id').orderBy('project_id');
  return rows.map((row) => row.project_id);
}

export async function setQuota(tx: Tx, projectId: string, resource: string, limit: number): Promise<void> {
  await tx('network_quotas')
    .insert({ project_id: projectId, resource, hard_limit: limit })
    .onConflict(['project_id', 'resource'])
    .merge();
}

export async function deleteQuotas(tx: Tx, projectId: string): Promise<void> {
  await tx('network_quotas').where({ project_id: projectId }).delete();
}

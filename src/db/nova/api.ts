// Why: what a Nova has beside servers stands in the database of its API, in tables that are small but for the keys of users.

import { boolIn, type NovaRow, numberIn, textIn } from '../../domain/moving/nova-rows.ts';
import { type NovaDatabase, novaPages, novaRows } from './open.ts';

/** The cell of servers that never had a host. */
export const CELL0 = '00000000-0000-0000-0000-000000000000';

export interface CellMapping {
  readonly uuid: string;
  readonly name: string;
  /** With a password in it. */
  readonly connection: string;
  readonly disabled: boolean;
}

export async function novaCells(api: NovaDatabase): Promise<readonly CellMapping[]> {
  const rows = await novaRows(api, 'cell_mappings', ['uuid', 'name', 'database_connection', 'disabled']);
  return rows.map((row) => ({
    uuid: textIn(row, 'uuid') ?? '',
    name: textIn(row, 'name') ?? '',
    connection: textIn(row, 'database_connection') ?? '',
    disabled: boolIn(row, 'disabled'),
  }));
}

/** A flavor's row, its extra specs, and the projects that may use it. */
export interface NovaFlavor {
  readonly row: NovaRow;
  readonly extraSpecs: Readonly<Record<string, string>>;
  readonly projects: readonly string[];
}

const FLAVOR = [
  'name',
  'flavorid',
  'memory_mb',
  'vcpus',
  'root_gb',
  'ephemeral_gb',
  'swap',
  'rxtx_factor',
  'vcpu_weight',
  'disabled',
  'is_public',
  'description',
  'created_at',
];

const numberKey = (row: NovaRow, column: string): number => numberIn(row, column) ?? 0;

const pairsBy = (rows: readonly NovaRow[], column: string) => {
  const groups = Map.groupBy(rows, (row) => numberKey(row, column));
  return (id: number): Readonly<Record<string, string>> =>
    Object.fromEntries((groups.get(id) ?? []).map((row) => [textIn(row, 'key') ?? '', textIn(row, 'value') ?? '']));
};

const valuesBy = (rows: readonly NovaRow[], column: string, value: string) => {
  const groups = Map.groupBy(rows, (row) => numberKey(row, column));
  return (id: number): readonly string[] => (groups.get(id) ?? []).map((row) => textIn(row, value) ?? '').toSorted();
};

export async function novaFlavors(api: NovaDatabase): Promise<readonly NovaFlavor[]> {
  const rows = await novaRows(api, 'flavors', FLAVOR);
  const specs = pairsBy(await novaRows(api, 'flavor_extra_specs', ['flavor_id', 'key', 'value']), 'flavor_id');
  const access = valuesBy(
    await novaRows(api, 'flavor_projects', ['flavor_id', 'project_id']),
    'flavor_id',
    'project_id',
  );
  return rows.map((row) => {
    const id = numberKey(row, 'id');
    return { row, extraSpecs: specs(id), projects: access(id) };
  });
}

const KEYPAIR = ['name', 'user_id', 'fingerprint', 'public_key', 'type', 'created_at'];
const PAGE = 500;

export async function* novaKeypairs(api: NovaDatabase): AsyncGenerator<NovaRow> {
  for await (const page of novaPages(api, 'key_pairs', KEYPAIR, PAGE)) yield* page;
}

export interface NovaLimit {
  readonly scope: 'class' | 'project' | 'user';
  readonly scopeId: string;
  readonly userId: string;
  readonly resource: string;
  readonly limit: number;
}

export async function novaLimits(api: NovaDatabase): Promise<readonly NovaLimit[]> {
  const of = async (
    table: string,
    scope: NovaLimit['scope'],
    id: string,
    user: string | null,
  ): Promise<readonly NovaLimit[]> => {
    const columns = [id, 'resource', 'hard_limit', ...(user === null ? [] : [user])];
    return (await novaRows(api, table, columns)).flatMap((row) => {
      const limit = numberIn(row, 'hard_limit');
      if (limit === null) return [];
      const resource = textIn(row, 'resource') ?? '';
      const userId = user === null ? '' : (textIn(row, user) ?? '');
      return [{ scope, scopeId: textIn(row, id) ?? '', userId, resource, limit }];
    });
  };
  return [
    ...(await of('quota_classes', 'class', 'class_name', null)),
    ...(await of('quotas', 'project', 'project_id', null)),
    ...(await of('project_user_quotas', 'user', 'project_id', 'user_id')),
  ];
}

export interface NovaGroup {
  readonly row: NovaRow;
  readonly policy: string;
  /** JSON. */
  readonly rules: unknown;
}

export async function novaGroups(api: NovaDatabase): Promise<readonly NovaGroup[]> {
  const rows = await novaRows(api, 'instance_groups', ['uuid', 'name', 'user_id', 'project_id', 'created_at']);
  const policies = await novaRows(api, 'instance_group_policy', ['group_id', 'policy', 'rules']);
  const policyOf = new Map(policies.map((row) => [numberKey(row, 'group_id'), row]));
  return rows.map((row) => {
    const policy = policyOf.get(numberKey(row, 'id')) ?? {};
    return { row, policy: textIn(policy, 'policy') ?? '', rules: policy['rules'] ?? null };
  });
}

export interface NovaAggregate {
  readonly row: NovaRow;
  readonly hosts: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

export async function novaAggregates(api: NovaDatabase): Promise<readonly NovaAggregate[]> {
  const rows = await novaRows(api, 'aggregates', ['uuid', 'name', 'created_at']);
  const hosts = valuesBy(await novaRows(api, 'aggregate_hosts', ['aggregate_id', 'host']), 'aggregate_id', 'host');
  const said = pairsBy(await novaRows(api, 'aggregate_metadata', ['aggregate_id', 'key', 'value']), 'aggregate_id');
  return rows.map((row) => {
    const id = numberKey(row, 'id');
    return { row, hosts: hosts(id), metadata: said(id) };
  });
}

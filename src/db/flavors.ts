// Why: flavors, who may see the private ones, and their extra specs.

import type { Knex } from 'knex';
import { badRequest } from '../base/errors.ts';
import type { Flavor } from '../domain/machines/flavor.ts';
import { fromBool, fromJson, toBool, toJson } from './codec.ts';
import { readQuery, type Reader } from './engine.ts';
import { keyset, type SortKey, wherePattern } from './page.ts';
import type { Tx } from './tx.ts';

type Row = Readonly<Record<string, unknown>>;

/** A flavor with the times that its row keeps, in milliseconds. */
export interface FlavorRow extends Flavor {
  readonly createdAt: number;
  readonly updatedAt: number | null;
}

const columns = [
  'id',
  'flavorid',
  'name',
  'vcpus',
  'memory_mb',
  'root_gb',
  'ephemeral_gb',
  'swap_mb',
  'rxtx_factor',
  'is_public',
  'disabled',
  'description',
  'extra_specs',
  'created_at',
  'updated_at',
];

const decode = (row: Row): FlavorRow => ({
  id: row['id'] as number,
  flavorid: row['flavorid'] as string,
  name: row['name'] as string,
  vcpus: row['vcpus'] as number,
  memoryMb: row['memory_mb'] as number,
  rootGb: row['root_gb'] as number,
  ephemeralGb: row['ephemeral_gb'] as number,
  swapMb: row['swap_mb'] as number,
  rxtxFactor: row['rxtx_factor'] as number,
  isPublic: fromBool(row['is_public']),
  disabled: fromBool(row['disabled']),
  description: row['description'] as string | null,
  extraSpecs: fromJson<Record<string, string>>(row['extra_specs']),
  createdAt: Number(row['created_at']),
  updatedAt: row['updated_at'] == null ? null : Number(row['updated_at']),
});

/** Nova's names of the keys that may sort flavors, with our columns. */
const flavorSortColumns = {
  created_at: 'created_at',
  description: 'description',
  disabled: 'disabled',
  ephemeral_gb: 'ephemeral_gb',
  flavorid: 'flavorid',
  id: 'id',
  is_public: 'is_public',
  memory_mb: 'memory_mb',
  name: 'name',
  root_gb: 'root_gb',
  rxtx_factor: 'rxtx_factor',
  swap: 'swap_mb',
  updated_at: 'updated_at',
  vcpus: 'vcpus',
} as const;
export type FlavorSortKey = keyof typeof flavorSortColumns;

export interface FlavorFilter {
  /** Null or absent: both. Who sees private ones is decided by `projectId`. */
  readonly isPublic?: boolean | null;
  readonly minMemoryMb?: number;
  readonly minRootGb?: number;
  readonly disabled?: boolean;
  /** A pattern, see src/db/regexp.ts. */
  readonly name?: string;
  /** Private flavors only where this project has access; absent: all (administrators). */
  readonly projectId?: string;
}

export interface FlavorPage {
  readonly limit: number;
  /** A flavorid. */
  readonly marker: string | null;
  readonly sort: { readonly key: FlavorSortKey; readonly dir: 'asc' | 'desc' };
}

const shared = (reader: Reader, projectId: string) =>
  reader('flavor_projects').select('flavor_id').where('project_id', projectId);

/** Leaves of a query of flavors those that a project may see. */
const seenBy = (reader: Reader, query: Knex.QueryBuilder, projectId: string) =>
  query.where((either) => void either.where('is_public', 1).orWhereIn('id', shared(reader, projectId)));

/** One page of flavors. Throws a badRequest Fault for a marker that is not there. */
export async function listFlavors(reader: Reader, filter: FlavorFilter, page: FlavorPage): Promise<FlavorRow[]> {
  if (page.limit === 0) return [];
  const keys: SortKey[] = [
    { column: flavorSortColumns[page.sort.key], dir: page.sort.dir },
    { column: 'id', dir: page.sort.dir },
  ];
  let marker: Row | null = null;
  if (page.marker !== null) {
    const behind = reader('flavors').select(columns).where({ flavorid: page.marker });
    if (filter.projectId !== undefined) void seenBy(reader, behind, filter.projectId);
    marker = ((await behind.first()) as Row | undefined) ?? null;
    if (marker === null) throw badRequest(`marker [${page.marker}] not found`);
  }
  const query = reader('flavors').select(columns).limit(page.limit);
  if (filter.isPublic != null) void query.where('is_public', toBool(filter.isPublic));
  if (filter.minMemoryMb !== undefined) void query.where('memory_mb', '>=', filter.minMemoryMb);
  if (filter.minRootGb !== undefined) void query.where('root_gb', '>=', filter.minRootGb);
  if (filter.disabled !== undefined) void query.where('disabled', toBool(filter.disabled));
  if (filter.name !== undefined) wherePattern(query, 'name', filter.name);
  if (filter.projectId !== undefined) void seenBy(reader, query, filter.projectId);
  keyset(query, keys, marker, false);
  return (await readQuery(reader, query)).map(decode);
}

/** The flavor with this flavorid; with a project only one that it may see. */
export async function findFlavor(reader: Reader, flavorid: string, projectId?: string): Promise<FlavorRow | null> {
  const query = reader('flavors').select(columns).where({ flavorid });
  if (projectId !== undefined) void seenBy(reader, query, projectId);
  const [row] = await readQuery(reader, query);
  return row === undefined ? null : decode(row);
}

export async function findFlavorByName(reader: Reader, name: string): Promise<FlavorRow | null> {
  const row: Row | undefined = await reader('flavors').select(columns).where({ name }).first();
  return row === undefined ? null : decode(row);
}

/** The projects that may use a private flavor, sorted. */
export async function flavorProjects(reader: Reader, flavorId: number): Promise<string[]> {
  const rows: { project_id: string }[] = await reader('flavor_projects')
    .select('project_id')
    .where({ flavor_id: flavorId })
    .orderBy('project_id');
  return rows.map((row) => row.project_id);
}

/** Adds a flavor and returns its number; a taken name or flavorid is a duplicate (`isDuplicate`). */
export async function insertFlavor(tx: Tx, flavor: Omit<Flavor, 'id'>, nowMs: number): Promise<number> {
  const [id] = (await tx('flavors').insert({
    flavorid: flavor.flavorid,
    name: flavor.name,
    vcpus: flavor.vcpus,
    memory_mb: flavor.memoryMb,
    root_gb: flavor.rootGb,
    ephemeral_gb: flavor.ephemeralGb,
    swap_mb: flavor.swapMb,
    rxtx_factor: flavor.rxtxFactor,
    is_public: toBool(flavor.isPublic),
    disabled: toBool(flavor.disabled),
    description: flavor.description,
    extra_specs: toJson(flavor.extraSpecs),
    created_at: nowMs,
  })) as [number];
  return id;
}

/** The only field of a flavor that may change (2.55). */
export async function updateFlavorDescription(
  tx: Tx,
  id: number,
  description: string | null,
  nowMs: number,
): Promise<void> {
  await tx('flavors').where({ id }).update({ description, updated_at: nowMs });
}

/** The flavor for a change of its extra specs: locked until the transaction ends. */
export async function lockFlavor(tx: Tx, flavorid: string): Promise<FlavorRow | null> {
  const row: Row | undefined = await tx('flavors').select(columns).where({ flavorid }).forUpdate().first();
  return row === undefined ? null : decode(row);
}

export async function replaceExtraSpecs(
  tx: Tx,
  id: number,
  extraSpecs: Readonly<Record<string, string>>,
  nowMs: number,
): Promise<void> {
  await tx('flavors')
    .where({ id })
    .update({ extra_specs: toJson(extraSpecs), updated_at: nowMs });
}

export async function deleteFlavorRow(tx: Tx, id: number): Promise<void> {
  await tx('flavors').where({ id }).delete();
}

/** Gives a project access; one that has it is a duplicate (`isDuplicate`). */
export async function insertFlavorProject(tx: Tx, flavorId: number, projectId: string): Promise<void> {
  await tx('flavor_projects').insert({ flavor_id: flavorId, project_id: projectId });
}

/** Takes access away. Returns whether the project had it. */
export async function deleteFlavorProject(tx: Tx, flavorId: number, projectId: string): Promise<boolean> {
  return (await tx('flavor_projects').where({ flavor_id: flavorId, project_id: projectId }).delete()) === 1;
}

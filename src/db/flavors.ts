// Why: flavors, who may see the private ones, and their extra specs.

import type { Knex } from 'knex';
import { badRequest } from '../base/errors.ts';
import type { Flavor } from '../domain/machines/flavors.ts';
import { toBool } from './codec.ts';
import { readQuery, type Reader, type Row } from './engine.ts';
import { keyset, type SortKey, wherePattern } from './page.ts';
import { defineNoun, findRow, insertRow, lockRow, updateRows } from './table.ts';
import type { Tx } from './tx.ts';

/** A flavor with the times that its row keeps, in milliseconds. */
export interface FlavorRow extends Flavor {
  readonly createdAt: number;
  readonly updatedAt: number | null;
}

const flavorNoun = defineNoun<FlavorRow>({
  table: 'flavors',
  columns: {
    id: ['id', 'number'],
    flavorid: ['flavorid', 'text'],
    name: ['name', 'text'],
    vcpus: ['vcpus', 'number'],
    memoryMb: ['memory_mb', 'number'],
    rootGb: ['root_gb', 'number'],
    ephemeralGb: ['ephemeral_gb', 'number'],
    swapMb: ['swap_mb', 'number'],
    rxtxFactor: ['rxtx_factor', 'number'],
    isPublic: ['is_public', 'bool'],
    disabled: ['disabled', 'bool'],
    description: ['description', 'text'],
    extraSpecs: ['extra_specs', 'json'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});
const { columns } = flavorNoun;

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
  return flavorNoun.fromRows(await readQuery(reader, query));
}

/** The flavor with this flavorid; with a project only one that it may see. */
export async function findFlavor(reader: Reader, flavorid: string, projectId?: string): Promise<FlavorRow | null> {
  const query = reader('flavors').select(columns).where({ flavorid });
  if (projectId !== undefined) void seenBy(reader, query, projectId);
  const [row] = await readQuery(reader, query);
  return row === undefined ? null : flavorNoun.fromRow(row);
}

export const findFlavorByName = (reader: Reader, name: string): Promise<FlavorRow | null> =>
  findRow(reader, flavorNoun, { name });

/** The projects that may use a private flavor, sorted. */
export async function flavorProjects(reader: Reader, flavorId: number): Promise<string[]> {
  const rows: { project_id: string }[] = await reader('flavor_projects')
    .select('project_id')
    .where({ flavor_id: flavorId })
    .orderBy('project_id');
  return rows.map((row) => row.project_id);
}

/** How many flavors whose names begin so a project was let use. */
export async function countFlavorsOf(reader: Reader, projectId: string, beginning: string): Promise<number> {
  const row: { count?: number | string } | undefined = await reader('flavors')
    .whereIn('id', shared(reader, projectId))
    .where('name', 'like', `${beginning}%`)
    .count({ count: '*' })
    .first();
  return Number(row?.count ?? 0);
}

/** Whether any flavor has a price. */
export async function isAnyPriced(reader: Reader): Promise<boolean> {
  return (await reader('flavors').select('id').where('extra_specs', 'like', '%"price:%').first()) !== undefined;
}

/** Adds a flavor and returns its number; a taken name or flavorid is a duplicate (`isDuplicate`). */
export const insertFlavor = (tx: Tx, flavor: Omit<Flavor, 'id'>, nowMs: number): Promise<number> =>
  insertRow(tx, flavorNoun, { ...flavor, createdAt: nowMs });

/** The only field of a flavor that may change (2.55). */
export async function updateFlavorDescription(
  tx: Tx,
  id: number,
  description: string | null,
  nowMs: number,
): Promise<void> {
  await updateRows(tx, flavorNoun, { id }, { description, updatedAt: nowMs });
}

/** The flavor for a change of its extra specs: locked until the transaction ends. */
export const lockFlavor = (tx: Tx, flavorid: string): Promise<FlavorRow | null> =>
  lockRow(tx, flavorNoun, { flavorid });

export async function replaceExtraSpecs(
  tx: Tx,
  id: number,
  extraSpecs: Readonly<Record<string, string>>,
  nowMs: number,
): Promise<void> {
  await updateRows(tx, flavorNoun, { id }, { extraSpecs, updatedAt: nowMs });
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

// Why: the rows of types of volumes, the projects that they are for, and QoS specs.

import type { Reader } from './engine.ts';
import { defineNoun, findRow, insertRow, updateRows } from './table.ts';
import type { Tx } from './tx.ts';
import type { Texts } from './volumes.ts';

export interface StoredType {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly isPublic: boolean;
  readonly qosId: string | null;
  readonly extraSpecs: Texts;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export const typeNoun = defineNoun<StoredType>({
  table: 'volume_types',
  columns: {
    id: ['id', 'text'],
    name: ['name', 'text'],
    description: ['description', 'text'],
    isPublic: ['is_public', 'bool'],
    qosId: ['qos_id', 'text'],
    extraSpecs: ['extra_specs', 'json'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

/** Every type; an administrator makes them, so there are few. */
export async function allTypes(reader: Reader): Promise<StoredType[]> {
  return typeNoun.fromRows(await reader('volume_types').select(typeNoun.columns).orderBy(['created_at', 'id']));
}

export const findType = (reader: Reader, id: string): Promise<StoredType | null> => findRow(reader, typeNoun, { id });

export const findTypeNamed = (reader: Reader, name: string): Promise<StoredType | null> =>
  findRow(reader, typeNoun, { name });

export async function insertType(tx: Tx, type: StoredType): Promise<void> {
  await insertRow(tx, typeNoun, type);
}

export async function updateType(tx: Tx, id: string, fields: Partial<StoredType>): Promise<void> {
  await updateRows(tx, typeNoun, { id }, fields);
}

export async function deleteTypeRow(tx: Tx, id: string): Promise<void> {
  await tx('volume_types').where({ id }).delete();
}

/** The projects that a type which is not public is for. */
export async function projectsOfType(reader: Reader, typeId: string): Promise<string[]> {
  const rows: { project_id: string }[] = await reader('volume_type_projects')
    .where({ type_id: typeId })
    .select('project_id');
  return rows.map(({ project_id }) => project_id);
}

/** The types that are not public and that a project may use. */
export async function typesForProject(reader: Reader, projectId: string): Promise<ReadonlySet<string>> {
  const rows: { type_id: string }[] = await reader('volume_type_projects')
    .where({ project_id: projectId })
    .select('type_id');
  return new Set(rows.map(({ type_id }) => type_id));
}

export async function addTypeProject(tx: Tx, typeId: string, projectId: string): Promise<void> {
  await tx('volume_type_projects').insert({ type_id: typeId, project_id: projectId });
}

/** False: it was not there. */
export async function removeTypeProject(tx: Tx, typeId: string, projectId: string): Promise<boolean> {
  return (await tx('volume_type_projects').where({ type_id: typeId, project_id: projectId }).delete()) === 1;
}

/** Whether volumes of a type are there. */
export const isTypeUsed = async (reader: Reader, typeId: string): Promise<boolean> =>
  (await reader('volumes').where({ type_id: typeId }).first('id')) !== undefined;

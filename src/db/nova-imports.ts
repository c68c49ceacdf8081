// Why: what was taken over from a Nova is remembered until somebody says that it stays, so that it can be given back.

import type { Reader } from './engine.ts';
import { defineNoun, findRow, insertRow, updateRows } from './table.ts';
import type { Tx } from './tx.ts';

export const importKinds = [
  'flavor',
  'keypair',
  'quota_class',
  'quota',
  'aggregate',
  'server_group',
  'server',
] as const;
export type ImportKind = (typeof importKinds)[number];

export interface NovaImport {
  readonly id: number;
  readonly kind: ImportKind;
  /** As Nova knows it: of a server its uuid. */
  readonly name: string;
  /** `leaving`: it is not here, and its host may have notes of it: on its way back to Nova, or here, and cut off. */
  readonly state: 'adopted' | 'leaving';
  readonly host: string | null;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
}

const importNoun = defineNoun<NovaImport>({
  table: 'nova_imports',
  columns: {
    id: ['id', 'number'],
    kind: ['kind', 'text'],
    name: ['name', 'text'],
    state: ['state', 'text'],
    host: ['host', 'text'],
    facts: ['facts', 'json'],
    createdAt: ['created_at', 'time'],
  },
});

export const findImport = (reader: Reader, kind: ImportKind, name: string): Promise<NovaImport | null> =>
  findRow(reader, importNoun, { kind, name });

/** Those of a kind behind a number, the oldest first. */
export async function importsAfter(reader: Reader, kind: ImportKind, id: number, limit: number): Promise<NovaImport[]> {
  const query = reader('nova_imports').select(importNoun.columns).where({ kind }).where('id', '>', id);
  return importNoun.fromRows(await query.orderBy('id').limit(limit));
}

/** How many there are of each kind; one that is absent has none. */
export async function countImports(reader: Reader): Promise<Readonly<Record<string, number>>> {
  const rows: { kind: string; count: number | string }[] = await reader('nova_imports')
    .select('kind')
    .count({ count: '*' })
    .groupBy('kind');
  return Object.fromEntries(rows.map(({ kind, count }) => [kind, Number(count)]));
}

/** @param state default: `adopted` */
export async function insertImport(
  tx: Tx,
  one: Omit<NovaImport, 'id' | 'state'>,
  state: NovaImport['state'] = 'adopted',
): Promise<void> {
  await insertRow(tx, importNoun, { ...one, state });
}

/** The same as `findImport`, locked until the transaction ends. */
export async function lockImport(tx: Tx, kind: ImportKind, name: string): Promise<NovaImport | null> {
  await tx('nova_imports').select('id').where({ kind, name }).forUpdate();
  return findImport(tx, kind, name);
}

export async function updateImport(
  tx: Tx,
  id: number,
  change: Partial<Pick<NovaImport, 'state' | 'host' | 'facts' | 'createdAt'>>,
): Promise<void> {
  await updateRows(tx, importNoun, { id }, change);
}

export async function removeImport(tx: Tx, id: number): Promise<void> {
  await tx('nova_imports').where({ id }).delete();
}

/** Nothing that was taken over can be given back any more. Returns how many there were. */
export const removeImports = (tx: Tx): Promise<number> => tx('nova_imports').where({ state: 'adopted' }).delete();

// Why: a noun's value and its row are two spellings of one thing. Which column a field stands in and how it reads back is one entry
// of the noun's table; the list of columns, reading and writing all follow from it.

import {
  type Codec,
  fromBool,
  fromNullableJson,
  fromTime,
  parseAlone,
  type ParseShared,
  toBool,
  toNullableJson,
} from './codec.ts';
import type { Reader, Row } from './engine.ts';
import type { Tx } from './tx.ts';

/** `time`: milliseconds since the epoch. `json`: SQL's null where the value is null. */
type Word = 'text' | 'number' | 'bool' | 'time' | 'json';

type WordFor<V> = [V] extends [string | null]
  ? 'text'
  : [V] extends [number | null]
    ? 'number' | 'time'
    : [V] extends [boolean]
      ? 'bool'
      : 'json';

/** A field's column, or the columns of its own fields. */
type Entry<V> =
  | readonly [column: string, as: WordFor<V> | Codec<V>]
  | (V extends readonly unknown[] ? never : V extends object ? Columns<V> : never);

/** A column for every field of a value. */
export type Columns<T> = { readonly [K in keyof T]-?: Entry<T[K]> };

type AnyEntry = readonly [column: string, as: Word | Codec<unknown>] | AnyColumns;
interface AnyColumns {
  readonly [field: string]: AnyEntry;
}

const isColumn = (entry: AnyEntry): entry is Exclude<AnyEntry, AnyColumns> => Array.isArray(entry);

const same = (value: unknown): unknown => value;

const words: Readonly<Record<Word, Codec<unknown>>> = {
  text: { read: (cell) => cell ?? null, write: same },
  number: { read: fromTime, write: same },
  bool: { read: fromBool, write: (value) => toBool(value === true) },
  time: { read: fromTime, write: same },
  json: { read: fromNullableJson, write: toNullableJson },
};

const codecOf = (as: Word | Codec<unknown>): Codec<unknown> => (typeof as === 'string' ? words[as] : as);

/** A noun's table. `Beside` are fields that are written with the value and read by other ways. */
export interface Noun<T, Beside = unknown> {
  readonly table: string;
  /** The names of the columns of a whole value. */
  readonly columns: readonly string[];
  /** As they were given. */
  readonly entries: AnyColumns;
  /** A row as a value; a column that was not selected reads like SQL's null. `parse` lets rows share equal JSON. */
  fromRow(row: Row, parse?: ParseShared): T;
  fromRows(rows: readonly Row[], parse?: ParseShared): T[];
  /** What is to be written for some of a value's fields; one that is undefined is left out. */
  toRow(fields: Partial<T & Beside>): Record<string, unknown>;
}

/** How a noun is kept. */
interface Layout<T, Beside> {
  readonly table: string;
  readonly columns: Columns<T>;
  /** Columns that follow from fields, or belong to what is beside them. */
  readonly also?: (fields: Partial<T & Beside>) => Record<string, unknown>;
}

const columnNames = (entries: AnyColumns): string[] =>
  Object.values(entries).flatMap((entry) => (isColumn(entry) ? [entry[0]] : columnNames(entry)));

type Read = (row: Row, parse: ParseShared) => unknown;

/**
 * Makes the reader of a row from the names in the program's own tables: `(row, parse) => ({ "id": row["id"] ?? null, ... })`.
 * A loop over the same names takes twenty times as long, which is a twelfth of a list of 1,000 servers.
 * @param prefix of the columns' names in the row
 */
function rowReader(entries: AnyColumns, prefix = ''): Read {
  const reads: Codec<unknown>['read'][] = [];
  const textOf = (entry: AnyEntry): string => {
    if (!isColumn(entry)) {
      const fields = Object.entries(entry).map(([field, of]) => `${JSON.stringify(field)}: ${textOf(of)}`);
      return `{ ${fields.join(', ')} }`;
    }
    const [column, as] = entry;
    const cell = `row[${JSON.stringify(prefix + column)}]`;
    if (as === 'text') return `${cell} ?? null`;
    const read = `reads[${reads.push(codecOf(as).read) - 1}]`;
    // what is parsed may be shared
    return as === 'json' || typeof as !== 'string' ? `parse(${cell}, ${read})` : `${read}(${cell})`;
  };
  // oxlint-disable-next-line typescript/no-implied-eval -- of nothing but the names of fields and columns, once for each table
  const made = new Function('reads', `return (row, parse) => (${textOf(entries)})`) as (of: typeof reads) => Read;
  return made(reads);
}

function writeInto(row: Record<string, unknown>, entries: AnyColumns, fields: object): void {
  for (const [field, value] of Object.entries(fields) as [string, unknown][]) {
    const entry = entries[field];
    if (entry === undefined || value === undefined) continue;
    if (isColumn(entry)) row[entry[0]] = codecOf(entry[1]).write(value);
    else writeInto(row, entry, value as object);
  }
}

/** The columns of a noun's values as the table or an alias has them, without those of some fields. */
export function columnsOf<T>(
  { table, entries }: Noun<T>,
  { as = table, without = [] }: { readonly as?: string; readonly without?: readonly (keyof T & string)[] } = {},
): string[] {
  const kept = Object.entries(entries).filter(([field]) => !without.some((name) => name === field));
  return columnNames(Object.fromEntries(kept)).map((column) => `${as}.${column}`);
}

/** The table of a noun whose fields are `T`. */
export function defineNoun<T extends object, Beside = unknown>({
  table,
  columns,
  also,
}: Layout<T, Beside>): Noun<T, Beside> {
  const entries = columns as AnyColumns;
  const read = rowReader(entries) as (row: Row, parse: ParseShared) => T;
  return {
    table,
    columns: columnNames(entries),
    entries,
    fromRow: (row, parse = parseAlone) => read(row, parse),
    fromRows: (rows, parse = parseAlone) => rows.map((row) => read(row, parse)),
    toRow(fields) {
      const row: Record<string, unknown> = {};
      writeInto(row, entries, fields);
      return also === undefined ? row : Object.assign(row, also(fields));
    },
  };
}

/**
 * A noun that is joined to another: its columns, named apart by a prefix, and the value in such a row.
 * @param key a column that every value has; a row without one has no value (a left join)
 */
export function joined<T>({ table, columns, entries }: Noun<T>, prefix: string, key: string) {
  const read = rowReader(entries, prefix) as (row: Row, parse: ParseShared) => T;
  return {
    columns: columns.map((column) => `${table}.${column} as ${prefix}${column}`),
    fromRow: (row: Row): T | null => (row[prefix + key] == null ? null : read(row, parseAlone)),
  } as const;
}

type Where = Readonly<Record<string, string | number | null>>;

/** The first row whose columns have these values, or null. */
export async function findRow<T>(reader: Reader, noun: Noun<T>, where: Where): Promise<T | null> {
  const row: Row | undefined = await reader(noun.table).select(noun.columns).where(where).first();
  return row === undefined ? null : noun.fromRow(row);
}

/** As `findRow`, and nobody else changes the row until the transaction ends. */
export async function lockRow<T>(tx: Tx, noun: Noun<T>, where: Where): Promise<T | null> {
  const row: Row | undefined = await tx(noun.table).select(noun.columns).where(where).forUpdate().first();
  return row === undefined ? null : noun.fromRow(row);
}

/** Adds a row and returns its number, where the table numbers its rows. Fields that are not given are what the table says. */
export async function insertRow<T, B>(tx: Tx, noun: Noun<T, B>, value: NoInfer<Partial<T & B>>): Promise<number> {
  const [id] = (await tx(noun.table).insert(noun.toRow(value))) as [number];
  return id;
}

/** Changes fields of the rows whose columns have these values; returns how many there were. */
export const updateRows = async <T, B>(
  tx: Tx,
  noun: Noun<T, B>,
  where: Where,
  fields: NoInfer<Partial<T & B>>,
): Promise<number> => tx(noun.table).where(where).update(noun.toRow(fields));

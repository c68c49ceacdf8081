// Why: what a transaction asks for is written with column names and values that the schema knows; a wrong one is refused here, with its
// name, and not by a server that answers for the whole transaction.

import { type Atom, type ColumnType, encode, encodeAtom, type Row, type TableType, type Value } from './values.ts';

export type Schema = Readonly<Record<string, TableType>>;

/** A row by its uuid. */
interface One {
  readonly table: string;
  readonly uuid: string;
}

export type Operation =
  | { readonly op: 'insert'; readonly table: string; readonly row: Row; readonly name?: string }
  | ({ readonly op: 'update'; readonly row: Row } & One)
  /** Members that come to a set, or go from it. */
  | ({ readonly op: 'add' | 'remove'; readonly column: string; readonly members: readonly Atom[] } & One)
  /** A number of a row becomes so much more. */
  | ({ readonly op: 'increase'; readonly column: string; readonly by: number } & One)
  | ({ readonly op: 'delete' } & One)
  /** Nothing of the transaction happens unless the row is there and its column has this value. */
  | ({ readonly op: 'require'; readonly column: string; readonly value: Value } & One)
  /** Nothing of it happens if a row has all of this in a map. */
  | {
      readonly op: 'absent';
      readonly table: string;
      readonly column: string;
      readonly holds: Readonly<Record<string, Atom>>;
    };

function typeOf(schema: Schema, table: string, column: string): ColumnType {
  const type = schema[table]?.[column];
  if (type === undefined) throw new TypeError(`the database has no column ${column} of ${table}`);
  return type;
}

const encodeRow = (schema: Schema, table: string, row: Row): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      try {
        return [column, encode(typeOf(schema, table, column), value)];
      } catch (error) {
        throw new TypeError(`${table}.${column}: ${(error as Error).message}`, { cause: error });
      }
    }),
  );

const byUuid = (operation: Operation): unknown =>
  'uuid' in operation ? [['_uuid', '==', encodeAtom('uuid', operation.uuid)]] : [];

/** An operation as it is sent. @throws TypeError for what the schema does not know */
export function encodeOperation(schema: Schema, operation: Operation): object {
  const { table } = operation;
  const where = byUuid(operation);
  switch (operation.op) {
    case 'insert': {
      const { row, name } = operation;
      return { op: 'insert', table, row: encodeRow(schema, table, row), ...(name && { 'uuid-name': name }) };
    }
    case 'update':
      return { op: 'update', table, where, row: encodeRow(schema, table, operation.row) };
    case 'delete':
      return { op: 'delete', table, where };
    case 'absent': {
      const { column, holds } = operation;
      const includes = [[column, 'includes', encode(typeOf(schema, table, column), holds)]];
      return { op: 'wait', table, where: includes, columns: [column], until: '==', rows: [], timeout: 0 };
    }
    case 'increase':
      return { op: 'mutate', table, where, mutations: [[operation.column, '+=', operation.by]] };
    case 'require': {
      const { column, value } = operation;
      const rows = [encodeRow(schema, table, { [column]: value })];
      return { op: 'wait', table, where, columns: [column], until: '==', rows, timeout: 0 };
    }
    default: {
      const { column, members } = operation;
      const type = typeOf(schema, table, column);
      const set = ['set', members.map((atom) => encodeAtom(type.key, atom))];
      return { op: 'mutate', table, where, mutations: [[column, operation.op === 'add' ? 'insert' : 'delete', set]] };
    }
  }
}

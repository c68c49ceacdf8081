// Why: operations are checked against the schema before they are sent: a wrong column or value is reported here by its name, whereas the server
// would only refuse the whole transaction.

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
  /** Adds members to a set, or removes them. */
  | ({ readonly op: 'add' | 'remove'; readonly column: string; readonly members: readonly Atom[] } & One)
  /** Adds to a number. */
  | ({ readonly op: 'increase'; readonly column: string; readonly by: number } & One)
  | ({ readonly op: 'delete' } & One)
  /** Aborts the transaction unless the row exists and its column has this value. */
  | ({ readonly op: 'require'; readonly column: string; readonly value: Value } & One)
  /** Aborts the transaction if a row's map contains all of these entries. */
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

/** An operation in wire format. @throws TypeError for a column or value that does not fit the schema */
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

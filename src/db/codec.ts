// Why: what a column reads back as differs by engine (JSON as text or object, booleans as 0/1, big integers as text);
// rows become values here and nowhere else.

/** A JSON column: text on SQLite, text or an object on MySQL. */
export function fromJson<T>(value: unknown): T {
  return (typeof value === 'string' ? JSON.parse(value) : value) as T;
}

/** How a value is written into a column, and read back. */
export interface Codec<V> {
  read(this: void, cell: unknown): V;
  write(this: void, value: V): unknown;
}

export const toJson = (value: unknown): string => JSON.stringify(value);

export const fromNullableJson = <T>(value: unknown): T | null => (value == null ? null : fromJson<T>(value));

export const toNullableJson = (value: unknown): string | null => (value == null ? null : toJson(value));

/** A row has four such columns. */
const RECENT = 8;

/** A JSON column as `read` makes it; equal texts are one value. A text is always of one shape. */
export type ParseShared = <T>(value: unknown, read?: (value: unknown) => T) => T;

/** Shares nothing. */
export const parseAlone: ParseShared = (value, read = fromJson) => read(value);

/**
 * A reader of JSON columns that many rows share to the letter (flavor and image snapshots, networks): each text is parsed
 * once per reader. Make one per page or keep one with a bound; the values are shared, so they must not be changed.
 */
export function sharedJson(entries: number): ParseShared {
  const parsed = new Map<string, unknown>();
  // the texts met last: comparing them is quicker than the hash that the map needs, and neighbouring rows are mostly alike
  const recent: { text: string; value: unknown }[] = [];
  let turn = 0;
  const remember = (text: string, value: unknown): void => {
    recent[turn] = { text, value };
    turn = (turn + 1) % RECENT;
  };
  return <T>(value: unknown, read: (value: unknown) => T = fromJson): T => {
    if (typeof value !== 'string') return read(value);
    for (const entry of recent) if (entry.text === value) return entry.value as T;
    const known = parsed.get(value);
    if (known !== undefined || parsed.has(value)) {
      remember(value, known);
      return known as T;
    }
    if (parsed.size >= entries) parsed.clear();
    const fresh: unknown = read(value);
    parsed.set(value, fresh);
    remember(value, fresh);
    return fresh as T;
  };
}

export const fromBool = (value: unknown): boolean => value === 1 || value === true || value === '1';

export const toBool = (value: boolean): number => (value ? 1 : 0);

/** Times are milliseconds since the epoch in a BIGINT, so that both engines agree to the last digit. */
export const fromTime = (value: unknown): number | null => (value == null ? null : Number(value));

/**
 * A condition of SQL: the list of texts in a column of JSON has one. A text begins after the bracket or after a comma; within a text a
 * quotation mark has a backslash before it.
 */
export function holdsText(column: string, text: string): [sql: string, bindings: string[]] {
  const written = JSON.stringify(text);
  return ['(instr(??, ?) = 1 or instr(??, ?) > 0)', [column, `[${written}`, column, `,${written}`]];
}

// Why: what a column reads back as differs by engine (JSON as text or object, booleans as 0/1, big integers as text);
// rows become values here and nowhere else.

/** A JSON column: text on SQLite, text or an object on MySQL. */
export function fromJson<T>(value: unknown): T {
  return (typeof value === 'string' ? JSON.parse(value) : value) as T;
}

export const toJson = (value: unknown): string => JSON.stringify(value);

export const fromBool = (value: unknown): boolean => value === 1 || value === true || value === '1';

export const toBool = (value: boolean): number => (value ? 1 : 0);

/** Times are milliseconds since the epoch in a BIGINT, so that both engines agree to the last digit. */
export const fromTime = (value: unknown): number | null => (value == null ? null : Number(value));

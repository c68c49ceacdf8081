// Why: readers for raw rows of Nova's databases: columns may be missing, since releases differ, and no value is trusted.

export type Cell = unknown;
/** A row of Nova's by column name; columns that this Nova does not have are absent. */
export type NovaRow = Readonly<Record<string, Cell>>;

/** All rows of one server. */
export interface NovaServer {
  /** Of `instances`. */
  readonly instance: NovaRow;
  /** Of `instance_extra`. */
  readonly extra: NovaRow;
  /** `network_info` of `instance_info_caches`. */
  readonly networkInfo: Cell;
  readonly metadata: Readonly<Record<string, string>>;
  readonly systemMetadata: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  /** Rows of `block_device_mapping` that are not deleted. */
  readonly blockDevices: readonly NovaRow[];
  /** The number of its rows in `pci_devices`. */
  readonly pciDevices: number;
  /** The states of its unfinished migrations. */
  readonly moves: readonly string[];
  /** `spec` of `request_specs`. */
  readonly requestSpec: Cell;
  /** The uuid of its server group; null: none. */
  readonly group: string | null;
}

/** A cell as text, whatever type the engine returns. */
function plainText(cell: Cell): string {
  if (typeof cell === 'string') return cell;
  if (typeof cell === 'number' || typeof cell === 'bigint' || typeof cell === 'boolean') return `${cell}`;
  return Buffer.isBuffer(cell) ? cell.toString('utf8') : JSON.stringify(cell);
}

export const textIn = (row: NovaRow, name: string): string | null => {
  const cell = row[name];
  if (cell === null || cell === undefined) return null;
  return plainText(cell);
};

export const numberIn = (row: NovaRow, name: string): number | null => {
  const cell = row[name];
  if (cell === null || cell === undefined || cell === '') return null;
  const number = Number(cell);
  return Number.isFinite(number) ? number : null;
};

export const boolIn = (row: NovaRow, name: string): boolean => {
  const cell = row[name];
  return cell === true || cell === 1 || cell === '1' || cell === 'True' || cell === 'true';
};

/** A time in milliseconds; Nova writes UTC without a time zone. */
export function timeIn(row: NovaRow, name: string): number | null {
  const cell = row[name];
  if (cell === null || cell === undefined) return null;
  if (cell instanceof Date) return cell.getTime();
  const text = plainText(cell);
  const ms = Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text.replace(' ', 'T')}Z`);
  return Number.isNaN(ms) ? null : ms;
}

/** Parses JSON in a cell; null: it is empty or invalid. */
export function jsonIn(cell: Cell): unknown {
  if (cell === null || cell === undefined) return null;
  if (typeof cell === 'object' && !Buffer.isBuffer(cell)) return cell;
  try {
    return JSON.parse(plainText(cell)) as unknown;
  } catch {
    return null;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const objectIn = (value: unknown): Readonly<Record<string, unknown>> => (isObject(value) ? value : {});

export const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The fields of a serialized versioned object. */
export const objectData = (value: unknown): Readonly<Record<string, unknown>> =>
  objectIn(objectIn(value)['nova_object.data']);

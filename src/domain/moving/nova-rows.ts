// Why: what is read of a Nova's databases, as it stands there: cells may be missing, since releases differ, and nothing is believed.

export type Cell = unknown;
/** A row of Nova's by the names of its columns; one that this Nova does not have is absent. */
export type NovaRow = Readonly<Record<string, Cell>>;

/** All that Nova has of one server. */
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
  /** Of `block_device_mapping`, those that are not deleted. */
  readonly blockDevices: readonly NovaRow[];
  /** How many of `pci_devices` are its. */
  readonly pciDevices: number;
  /** The states of its migrations that are not over. */
  readonly moves: readonly string[];
  /** `spec` of `request_specs`. */
  readonly requestSpec: Cell;
  /** The uuid of its server group; null: none. */
  readonly group: string | null;
}

/** A cell as text, whatever the engine gives for it. */
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

/** A moment in milliseconds; Nova writes them in UTC, without saying so. */
export function timeIn(row: NovaRow, name: string): number | null {
  const cell = row[name];
  if (cell === null || cell === undefined) return null;
  if (cell instanceof Date) return cell.getTime();
  const text = plainText(cell);
  const ms = Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text.replace(' ', 'T')}Z`);
  return Number.isNaN(ms) ? null : ms;
}

/** JSON in a cell; null where there is none, or it is none. */
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

/** The fields of one of Nova's versioned objects, as it writes them into its databases. */
export const objectData = (value: unknown): Readonly<Record<string, unknown>> =>
  objectIn(objectIn(value)['nova_object.data']);

// Why: OVSDB encodes the same value in several ways (a set of one as its only member). Here each value has one form, given by the column's type,
// so that values can be compared and mistakes are found before they are sent.

/** A uuid is its text; a row that the same transaction inserts is `@` and its name. */
export type Atom = string | number | boolean;
/** A set is sorted and without duplicates; an optional value is a set of one or none. Maps have any key order. */
export type Value = Atom | readonly Atom[] | { readonly [key: string]: Atom };
export type Row = Readonly<Record<string, Value>>;

export interface ColumnType {
  readonly form: 'scalar' | 'set' | 'map';
  readonly key: 'integer' | 'real' | 'boolean' | 'string' | 'uuid';
  /** Of a map. */
  readonly value: ColumnType['key'];
  /** The maximum number of members. */
  readonly most: number;
}

export type TableType = Readonly<Record<string, ColumnType>>;

interface WireType {
  readonly key: string | { readonly type: string };
  readonly value?: string | { readonly type: string };
  readonly min?: number;
  readonly max?: number | 'unlimited';
}

const base = (type: string | { readonly type: string }): ColumnType['key'] =>
  (typeof type === 'string' ? type : type.type) as ColumnType['key'];

/** Parses a column's type from a schema. */
export function columnType(wire: string | WireType): ColumnType {
  if (typeof wire === 'string') return { form: 'scalar', key: wire as ColumnType['key'], value: 'string', most: 1 };
  const { key, value, min = 1, max = 1 } = wire;
  const most = max === 'unlimited' ? Number.POSITIVE_INFINITY : max;
  if (value !== undefined) return { form: 'map', key: base(key), value: base(value), most };
  return { form: min === 1 && most === 1 ? 'scalar' : 'set', key: base(key), value: 'string', most };
}

/** A reference to a row that the same transaction inserts. */
export const named = (name: string): string => `@${name}`;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function encodeAtom(type: ColumnType['key'], atom: Atom): unknown {
  const is = typeof atom;
  const wants = type === 'integer' || type === 'real' ? 'number' : type === 'boolean' ? 'boolean' : 'string';
  if (is !== wants) throw new TypeError(`${JSON.stringify(atom)} is no ${type}`);
  if (type !== 'uuid') return atom;
  const text = atom as string;
  if (text.startsWith('@')) return ['named-uuid', text.slice(1)];
  if (!UUID.test(text)) throw new TypeError(`${JSON.stringify(atom)} is no uuid`);
  return ['uuid', text];
}

/** A value in wire format. @throws TypeError if it does not have the column's type */
export function encode(type: ColumnType, value: Value): unknown {
  if (type.form === 'scalar') return encodeAtom(type.key, value as Atom);
  if (type.form === 'set') {
    if (!Array.isArray(value) || value.length > type.most)
      throw new TypeError(`${JSON.stringify(value)} is no set of at most ${type.most}`);
    return ['set', (value as readonly Atom[]).map((atom) => encodeAtom(type.key, atom))];
  }
  if (typeof value !== 'object' || Array.isArray(value)) throw new TypeError(`${JSON.stringify(value)} is no map`);
  const pairs = Object.entries(value as Readonly<Record<string, Atom>>);
  return ['map', pairs.map(([key, of]) => [encodeAtom(type.key, key), encodeAtom(type.value, of)])];
}

const order = (a: Atom, b: Atom): number => (a < b ? -1 : a > b ? 1 : 0);

/** A set in its normal form. */
export const inOrder = (atoms: readonly Atom[]): readonly Atom[] => [...new Set(atoms)].sort(order);

const decodeAtom = (wire: unknown): Atom => (Array.isArray(wire) ? String(wire[1]) : (wire as Atom));

/** Decodes a value from wire format. */
export function decode({ form }: ColumnType, wire: unknown): Value {
  const [word, members] = Array.isArray(wire) ? (wire as [string, unknown]) : [null, null];
  if (form === 'map') {
    const pairs = word === 'map' ? (members as readonly [unknown, unknown][]) : [];
    return Object.fromEntries(pairs.map(([key, value]) => [String(decodeAtom(key)), decodeAtom(value)]));
  }
  if (form === 'scalar') return decodeAtom(wire);
  return inOrder((word === 'set' ? (members as readonly unknown[]) : [wire]).map(decodeAtom));
}

/**
 * A value after a modification in an `update2`: for sets and maps with several members it contains the members that are added or removed,
 * for anything else the new value.
 */
export function patched(type: ColumnType, before: Value | undefined, wire: unknown): Value {
  const told = decode(type, wire);
  if (type.form === 'scalar' || type.most === 1) return told;
  if (type.form === 'set') {
    const now = new Set((before ?? []) as readonly Atom[]);
    for (const atom of told as readonly Atom[]) if (!now.delete(atom)) now.add(atom);
    return inOrder([...now]);
  }
  const now = new Map(Object.entries((before ?? {}) as Record<string, Atom>));
  for (const [key, value] of Object.entries(told as Record<string, Atom>)) {
    if (now.get(key) === value) now.delete(key);
    else now.set(key, value);
  }
  // keys come from others: one may be `__proto__`
  return Object.fromEntries(now);
}

/** Whether two values of one column are the same. */
export function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [from, to] = [Object.entries(a), Object.entries(b)];
  return (
    from.length === to.length && from.every(([key, value]) => Object.hasOwn(b, key) && value === (b as never)[key])
  );
}

// Why: a microversion is a change in a history, not a branch in a handler. A shape is written once, as its first form and
// the list of changes; readers ask for the form at a version and get one folded object, remembered.

export interface Change<T> {
  /** The microversion that brought the change, e.g. `2.26`. */
  readonly at: string;
  /** Entries that appear or take a new value. */
  readonly add?: Readonly<Record<string, T>>;
  /** Entries that go. */
  readonly drop?: readonly string[];
}

export interface History<T> {
  /** The entries in force at minor version `minor`; the same object for every version between two changes. */
  at(minor: number): Readonly<Record<string, T>>;
  /** The minor versions at which something changes, ascending, beginning with 1. */
  readonly changePoints: readonly number[];
}

/** `2.26` -> 26. Throws on anything else: histories are source code. */
export function minorOf(version: string): number {
  const found = /^2\.([1-9]\d*)$/.exec(version);
  if (!found) throw new Error(`no microversion: ${version}`);
  return Number(found[1]);
}

/** The number of changePoints at or below `minor`, less one: the index of the form in force. */
function indexAt(changePoints: readonly number[], minor: number): number {
  let index = 0;
  while (index + 1 < changePoints.length && (changePoints[index + 1] as number) <= minor) index += 1;
  return index;
}

/** A record that changes over the microversions: properties of a body schema, fields of a view, named flags. */
export function history<T>(first: Readonly<Record<string, T>>, changes: readonly Change<T>[] = []): History<T> {
  const forms: Record<string, T>[] = [{ ...first }];
  const changePoints = [1];
  for (const change of changes) {
    const minor = minorOf(change.at);
    const last = changePoints.at(-1) as number;
    if (minor < last) throw new Error(`history out of order at ${change.at}`);
    const next = { ...(forms.at(-1) as Record<string, T>), ...change.add };
    for (const key of change.drop ?? []) {
      if (!(key in next)) throw new Error(`nothing named ${key} to drop at ${change.at}`);
      delete next[key];
    }
    if (minor === last) forms[forms.length - 1] = next;
    else {
      forms.push(next);
      changePoints.push(minor);
    }
  }
  return { changePoints, at: (minor) => forms[indexAt(changePoints, minor)] as Record<string, T> };
}

/** A history of entries that each appear at a version, and may take a new value at another; in any order. */
export function appearing<T>(entries: readonly (readonly [name: string, since: string, value: T])[]): History<T> {
  const formAt = (version: string) =>
    Object.fromEntries(entries.flatMap(([name, since, value]) => (since === version ? [[name, value]] : [])));
  const [first = '2.1', ...later] = [...new Set(['2.1', ...entries.map(([, since]) => since)])].toSorted(
    (a, b) => minorOf(a) - minorOf(b),
  );
  return history(
    formAt(first),
    later.map((at) => ({ at, add: formAt(at) })),
  );
}

/** One value that changes over the microversions, such as a success status or a whole schema. */
export interface Versioned<T> {
  at(minor: number): T;
  readonly changePoints: readonly number[];
}

/** `versioned(202, ['2.101', 200])`: 202 up to 2.100, 200 from 2.101. */
export function versioned<T>(first: T, ...changes: readonly (readonly [at: string, value: T])[]): Versioned<T> {
  const changePoints = [1, ...changes.map(([at]) => minorOf(at))];
  const values = [first, ...changes.map(([, value]) => value)];
  return { changePoints, at: (minor) => values[indexAt(changePoints, minor)] as T };
}

/** Whether a value is a history of values rather than a plain one. */
export function isVersioned<T>(value: T | Versioned<T>): value is Versioned<T> {
  return typeof value === 'object' && value !== null && 'changePoints' in value && 'at' in value;
}

/** Values made from a history's forms, each made once on first use: a whole body schema from its properties. */
export function derive<T, U>(source: History<T>, make: (form: Readonly<Record<string, T>>) => U): Versioned<U> {
  const made = new Map<object, U>();
  return {
    changePoints: source.changePoints,
    at(minor) {
      const form = source.at(minor);
      let value = made.get(form);
      if (value === undefined) {
        value = make(form);
        made.set(form, value);
      }
      return value;
    },
  };
}

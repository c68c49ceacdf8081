// Why: two schemas may be written differently and mean the same. Where they have the same form they are compared part by part;
// where a part is written differently, by what both say to many values, fitting and nearly fitting.

import fc from 'fast-check';

type Schema = Readonly<Record<string, unknown>>;

/** Lists whose order says nothing. */
const UNORDERED = new Set(['enum', 'required', 'type', 'oneOf', 'anyOf', 'allOf']);

function canonical(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    const parts = value.map((part) => canonical(part));
    return UNORDERED.has(key) ? parts.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : parts;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, part]) => !(name === 'required' && Array.isArray(part) && part.length === 0))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, part]) => [name, canonical(part, name)]),
  );
}

const same = (a: Schema, b: Schema): boolean => JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));

const scalars: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    'true',
    'True',
    '0',
    '1',
    '-1',
    '',
    ' ',
    'a',
    'a b',
    ' a',
    'é',
    '\u0007',
    'x:y',
    'none',
    'auto',
  ),
  fc.constantFrom<unknown>(0, 1, -1, 1.5, 2_147_483_647, 2_147_483_648, '2147483648', '1.5', '1e3'),
  fc.constantFrom<unknown>(
    '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111',
    '7d9dc71e0a4c4a0f9c0e1f1a6b8ec111',
    '10.0.0.1',
    'fe80::1',
    '2026-11-21T10:00:00Z',
    'host-1.example.org',
    '^a.*$',
    '(',
    'aGVsbG8=',
    '???',
  ),
  fc.string({ maxLength: 8 }),
  fc.integer({ min: 250, max: 260 }).map((length) => 'x'.repeat(length)),
  fc.constantFrom<unknown>([], {}, ['a'], { a: 1 }),
);

/** Values that a schema takes, or nearly takes. */
export function sampleOf(schema: Schema): fc.Arbitrary<unknown> {
  const branches = [schema['oneOf'], schema['anyOf'], schema['allOf']].filter(Array.isArray).flat() as Schema[];
  const options: fc.Arbitrary<unknown>[] = branches.map(sampleOf);
  if (Array.isArray(schema['enum'])) options.push(fc.constantFrom(...(schema['enum'] as unknown[])));
  if (schema['type'] === 'array' || schema['items'] !== undefined) {
    const items = schema['items'] === undefined ? scalars : sampleOf(schema['items'] as Schema);
    options.push(fc.array(items, { minLength: 0, maxLength: 3 }));
  }
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Schema>>;
  const patterns = Object.values((schema['patternProperties'] ?? {}) as Readonly<Record<string, Schema>>);
  if (schema['type'] === 'object' || Object.keys(properties).length > 0) {
    const required = new Set((schema['required'] ?? []) as string[]);
    const fields = Object.fromEntries(
      Object.entries(properties).map(([name, part]) => [
        name,
        fc.option(sampleOf(part), { nil: undefined, freq: required.has(name) ? 50 : 2 }),
      ]),
    );
    const extras = fc.dictionary(
      fc.constantFrom('unknown', 'hw:cpu_policy', 'key with blanks', 'é', '_x', 'x'.repeat(256)),
      patterns.length > 0 ? fc.oneof(...patterns.map(sampleOf), scalars) : scalars,
      { maxKeys: 2 },
    );
    // `freq` is the one in how many that is left out
    const withExtras = fc.option(extras, { nil: {}, freq: patterns.length > 0 ? 5 : 2 });
    options.push(
      fc.tuple(fc.record(fields), withExtras).map(([known, extra]) => {
        const kept = Object.entries({ ...extra, ...known }).filter(([, part]) => part !== undefined);
        return Object.fromEntries(kept);
      }),
    );
  }
  if (options.length === 0) return scalars;
  return fc.oneof({ weight: 9, arbitrary: fc.oneof(...options) }, { weight: 1, arbitrary: scalars });
}

type Takes = (schema: Schema, value: unknown) => boolean;

const LISTS = new Set(['oneOf', 'anyOf', 'allOf', 'prefixItems']);
const MAPS = new Set(['properties', 'patternProperties']);

/** The pairs of parts of two schemas of one form; null when the forms differ. */
function partsOf(ours: Schema, theirs: Schema): [string, Schema, Schema][] | null {
  const parts: [string, Schema, Schema][] = [];
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const [a, b] = [ours[key], theirs[key]];
    if (same({ [key]: a }, { [key]: b })) continue;
    const [left, right] = [a as Record<string, Schema>, b as Record<string, Schema>];
    if (key === 'items' && typeof a === 'object' && typeof b === 'object') parts.push([key, a as Schema, b as Schema]);
    else if (
      (MAPS.has(key) && a !== undefined && b !== undefined) ||
      (LISTS.has(key) && Array.isArray(a) && Array.isArray(b))
    ) {
      const names = new Set([...Object.keys(left), ...Object.keys(right)]);
      for (const name of names) {
        if (left[name] === undefined || right[name] === undefined) return null;
        parts.push([`${key}.${name}`, left[name], right[name]]);
      }
    } else return null;
  }
  return parts;
}

/**
 * A sentence on where two schemas differ in what they take, or null.
 * @param takes whether a schema takes a value
 */
export function difference(ours: Schema, theirs: Schema, takes: Takes): string | null {
  if (same(ours, theirs)) return null;
  const parts = partsOf(ours, theirs);
  if (parts !== null) {
    for (const [name, a, b] of parts) {
      const found = difference(a, b, takes);
      if (found !== null) return `${name}: ${found}`;
    }
    return null;
  }
  let taken = 0;
  for (const schema of [ours, theirs]) {
    for (const value of fc.sample(sampleOf(schema), { numRuns: 500, seed: 7 })) {
      const [us, them] = [takes(ours, value), takes(theirs, value)];
      if (us) taken += 1;
      if (us !== them)
        return `${us ? 'only the first takes' : 'only the second takes'} ${JSON.stringify(value).slice(0, 300)}`;
    }
  }
  return taken === 0 ? 'no sample fitted, so nothing was compared' : null;
}

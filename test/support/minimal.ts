// Why: tests that walk every route need bodies that each schema takes: the least of them, and many at the bounds.

import fc from 'fast-check';
import type { RouteEntry } from '../../src/api/resource.ts';
import { makeValidator, type JsonSchema } from '../../src/api/schema.ts';
import { isVersioned, type Versioned } from '../../src/base/history.ts';
import { sampleOf } from './schemas.ts';

const validator = makeValidator();

const texts = [
  'walk',
  '1',
  'ab',
  '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111',
  '10.0.0.1',
  '2026-11-21T10:00:00Z',
  'd2Fsaw==',
  '/24',
];
const candidates: readonly unknown[] = [...texts, 1, 0, true, null, [], {}];

function takes(schema: JsonSchema, value: unknown): boolean {
  try {
    validator.check(schema, structuredClone(value), 'body');
    return true;
  } catch {
    return false;
  }
}

/** The least that a schema takes. Throws where none can be found. */
function minimalOf(schema: JsonSchema): unknown {
  if (Array.isArray(schema['enum'])) return schema['enum'][0];
  if (schema['type'] === 'object') {
    const properties = (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>;
    const required = (schema['required'] ?? []) as readonly string[];
    const made = Object.fromEntries(required.map((key) => [key, minimalOf(properties[key] ?? {})]));
    const [pattern] = Object.values((schema['patternProperties'] ?? {}) as Readonly<Record<string, JsonSchema>>);
    const needed = Number(schema['minProperties'] ?? 0);
    if (Object.keys(made).length < needed && pattern !== undefined) made['walk'] = minimalOf(pattern);
    if (takes(schema, made)) return made;
  }
  if (schema['type'] === 'array' && schema['items'] !== undefined) {
    const item = schema['items'] as JsonSchema;
    const made = Array.from({ length: Number(schema['minItems'] ?? 0) }, () => minimalOf(item));
    if (takes(schema, made)) return made;
  }
  // branches that say which properties of the whole are needed
  const whole = (Array.isArray(schema['anyOf']) ? (schema['anyOf'] as JsonSchema[]) : []).find(
    (branch) => branch['required'] !== undefined && branch['type'] === undefined,
  );
  if (whole !== undefined) {
    const { anyOf: _anyOf, ...rest } = schema;
    return minimalOf({ ...rest, ...whole });
  }
  const branches = [schema['oneOf'], schema['anyOf']].filter(Array.isArray).flat() as JsonSchema[];
  const found = [...candidates, ...branches.map(minimalOf)].find((value) => takes(schema, value));
  if (found === undefined) throw new Error(`no value for ${JSON.stringify(schema)}`);
  return found;
}

/** The least body that a route takes at a minor version; undefined where it takes none. */
export function leastBody({ body, action }: Pick<RouteEntry, 'body' | 'action'>, minor: number): unknown {
  const schema = isVersioned<JsonSchema | null>(body as never)
    ? (body as Versioned<JsonSchema | null>).at(minor)
    : body;
  if (schema != null) return minimalOf(schema as JsonSchema);
  return action === null ? undefined : { [action]: null };
}

/** What databases stumble over although schemas take it. */
const hard: readonly unknown[] = [
  '語'.repeat(255),
  'é'.repeat(255),
  '語'.repeat(30_000),
  'x'.repeat(255),
  'x'.repeat(65),
  `a'"\\;--`,
  '%s %(x)s ?',
  '__proto__',
  2_147_483_647,
  '2147483647',
  '0000000000000000000000000000000000000001',
  -1,
  1e308,
];

/** Parts of schemas are many routes', and at many versions: what they take is tried out once. */
const fitting = new WeakMap<JsonSchema, fc.Arbitrary<unknown>>();

/** Values that a schema takes: what it requires and some of the rest, each at or near its bounds. */
export function fittingOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  const known = fitting.get(schema);
  if (known !== undefined) return known;
  const found = triedOut(schema);
  fitting.set(schema, found);
  return found;
}

function triedOut(schema: JsonSchema): fc.Arbitrary<unknown> {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>;
  if (schema['type'] === 'object' && Object.keys(properties).length > 0) {
    const required = new Set((schema['required'] ?? []) as readonly string[]);
    const fields = Object.fromEntries(Object.entries(properties).map(([key, part]) => [key, fittingOf(part)]));
    return fc.record(fields, { requiredKeys: [...required] as never[] });
  }
  const samples = [...fc.sample(sampleOf(schema), { numRuns: 60, seed: 3 }), ...candidates, ...hard];
  const taken = samples.filter((value) => takes(schema, value));
  return taken.length === 0 ? fc.constant(minimalOf(schema)) : fc.constantFrom(...taken);
}

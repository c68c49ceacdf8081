// Why: tests that walk every route need a body that each schema takes, and no more than it requires.

import { makeValidator, type JsonSchema } from '../../src/api/schema.ts';

const validator = makeValidator();

const texts = [
  'walk',
  '1',
  'ab',
  '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111',
  '10.0.0.1',
  '2026-11-21T10:00:00Z',
  'd2Fsaw==',
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
export function minimalOf(schema: JsonSchema): unknown {
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
  const branches = [schema['oneOf'], schema['anyOf']].filter(Array.isArray).flat() as JsonSchema[];
  const found = [...candidates, ...branches.map(minimalOf)].find((value) => takes(schema, value));
  if (found === undefined) throw new Error(`no value for ${JSON.stringify(schema)}`);
  return found;
}

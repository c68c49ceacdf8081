// Why: the built-in services check what they are given against schemas, by one validator; each says what is wrong in its service's words.

import Ajv2020, { type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';

/**
 * JSON Schema, and beyond it: `minimum` and `maximum` hold for a number written as text too, `maxJson` bounds the characters of a value's
 * JSON, and `says` has a service's own words for what is wrong, which are read from the problem (`parentSchema`).
 */
export type Schema = Readonly<Record<string, unknown>>;

const ajv = new Ajv2020.default({ allowUnionTypes: true, verbose: true });
ajv.addKeyword({ keyword: 'says', schemaType: 'object' });
ajv.addKeyword({
  keyword: 'maxJson',
  schemaType: 'number',
  validate: (limit: number, value: unknown) => JSON.stringify(value).length <= limit,
});
for (const [keyword, holds] of [
  ['minimum', (number: number, limit: number) => number >= limit],
  ['maximum', (number: number, limit: number) => number <= limit],
] as const) {
  ajv.removeKeyword(keyword);
  ajv.addKeyword({
    keyword,
    schemaType: 'number',
    type: ['number', 'string'],
    validate: (limit: number, value: number | string) => Number.isNaN(Number(value)) || holds(Number(value), limit),
  });
}

/** Lets schemas name what a text may be. The name is the program's alone: `neutron-mac`. */
export const addFormat = (name: string, takes: (text: string) => boolean): void => void ajv.addFormat(name, takes);

const compiled = new WeakMap<Schema, ValidateFunction>();

/** What fails last in a choice says that nothing of it fits; the branches' own failures stand before it. */
const isChoice = (problem: ErrorObject): boolean =>
  ['anyOf', 'oneOf'].includes(problem.keyword) && saidOf(problem) !== undefined;

/** A schema's own words for a problem: what its `says` has for the keyword that failed, or for any (`*`). */
export function saidOf({ keyword, parentSchema }: ErrorObject): unknown {
  const { says } = parentSchema as { readonly says?: Readonly<Record<string, unknown>> };
  return says?.[keyword] ?? says?.['*'];
}

/**
 * The first thing in which a value is not what a schema says, with that part of both; null: it is. Of a choice for which there are words
 * it is the whole choice. A schema is compiled when it is first used.
 */
export function problemOf(schema: Schema, value: unknown): ErrorObject | null {
  let validate = compiled.get(schema);
  if (validate === undefined) compiled.set(schema, (validate = ajv.compile(schema)));
  if (validate(value)) return null;
  const errors = validate.errors ?? [];
  return errors.findLast(isChoice) ?? errors[0] ?? null;
}

// Why: bodies are checked against a schema before anything reads them; the pieces that several nouns share stand here.

import type { ErrorObject } from 'ajv';
import { badRequest } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { problemOf, type Schema } from '../schema.ts';

export type { Schema } from '../schema.ts';

export const id: Schema = { type: 'string', minLength: 1, maxLength: 64, pattern: '^[a-zA-Z0-9-]+$' };
export const nullableId: Schema = { ...id, type: ['string', 'null'] };
export const name = (maxLength: number): Schema => ({ type: 'string', minLength: 1, maxLength, pattern: '\\S' });
export const description: Schema = { type: ['string', 'null'], maxLength: 4096 };
export const boolean: Schema = { type: 'boolean' };
export const password: Schema = { type: 'string', maxLength: limits.passwordChars };
export const tags: Schema = {
  type: 'array',
  maxItems: 80,
  uniqueItems: true,
  items: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[^,/]*$' },
};

/** A resource that is never locked: the only value of Keystone's `immutable` that this service can keep. */
export const mutableOptions: Schema = {
  type: 'object',
  properties: { immutable: { enum: [false, null] } },
  additionalProperties: false,
};

/** `{noun: {...}}` with named properties only. */
export const strict = (noun: string, properties: Schema, required: readonly string[]): Schema => ({
  type: 'object',
  required: [noun],
  additionalProperties: false,
  properties: { [noun]: { type: 'object', required, properties, additionalProperties: false } },
});

/** `{noun: {...}}` whose further properties are stored and shown, as Keystone does for this noun. */
export const open = (noun: string, properties: Schema, required: readonly string[]): Schema => ({
  type: 'object',
  required: [noun],
  properties: {
    [noun]: { type: 'object', required, properties, ...(required.length === 0 ? { minProperties: 1 } : {}) },
  },
});

function textOf(error: ErrorObject): string {
  const path = error.instancePath.slice(1).replaceAll('/', '.');
  const extra = error.keyword === 'additionalProperties' ? ` ('${String(error.params['additionalProperty'])}')` : '';
  return path === ''
    ? `The request body ${error.message}${extra}`
    : `Invalid input for field '${path}': ${error.message}${extra}`;
}

/** Checks bodies. @throws a Fault `badRequest` that names the field */
export function checkBody(schema: Schema, body: unknown): void {
  const problem = problemOf(schema, body);
  if (problem !== null) throw badRequest(textOf(problem));
}

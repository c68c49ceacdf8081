// Why: what a schema says is wrong with a body becomes Neutron's words and type, which clients show and compare.

import type { ErrorObject } from 'ajv';
import type { Fault } from '../../base/errors.ts';
import { saidOf } from '../schema.ts';
import type { Words } from './forms.ts';
import { invalid } from './faults.ts';

export const shown = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value));

const ofType: Readonly<Record<string, Words>> = {
  string: '{value} is not a valid string.',
  integer: '{value} is not an integer.',
  array: '{value} is not a list.',
  object: '{value} is not a dictionary.',
};

/** Words for each keyword where a schema has none of its own. */
const common: Readonly<Record<string, Words>> = {
  maxLength: '{value} exceeds maximum length of {limit}.',
  minimum: "{value} is too small - must be at least '{limit}'.",
  maximum: "{value} is too large - must be no larger than '{limit}'.",
  maxItems: 'more than {limit} entries are given.',
  enum: '{value} is not in {limit}.',
  required: "Validation of dictionary's keys failed. Expected keys: {limit}.",
  additionalProperties: "Validation of dictionary's keys failed. Unknown key: '{key}'.",
};

function wordsOf(problem: ErrorObject): Words {
  const own = saidOf(problem) as Words | undefined;
  if (own !== undefined) return own;
  const { keyword, schema } = problem;
  const byType = keyword === 'type' ? ofType[String([schema].flat()[0])] : undefined;
  return byType ?? common[keyword] ?? '{value} is not valid.';
}

function limitOf({ keyword, schema }: ErrorObject): string {
  if (keyword === 'enum') return `[${(schema as unknown[]).map(shown).join(', ')}]`;
  // a number, or the names that are required
  return JSON.stringify(schema);
}

/** The words with what they speak of; what a caller wrote is not looked through for more of it. */
function filled(words: string, problem: ErrorObject, name: string): string {
  const { data, params } = problem;
  const { additionalProperty, missingProperty } = params as Readonly<Record<string, string | undefined>>;
  const parts: Readonly<Record<string, () => string>> = {
    value: () => shown(data),
    limit: () => limitOf(problem),
    key: () => additionalProperty ?? missingProperty ?? '',
    name: () => name,
  };
  return words.replaceAll(/\{(value|limit|key|name)\}/g, (_, part: string) => (parts[part] as () => string)());
}

/** The fault that a problem is, with an attribute or with what stands in it. */
export function faultOf(problem: ErrorObject, name: string): Fault {
  const words = wordsOf(problem);
  return typeof words === 'string'
    ? invalid(`Invalid input for ${name}. Reason: ${filled(words, problem, name)}`)
    : invalid(filled(words[0], problem, name), words[1]);
}

/** The name of the attribute in a body in which a problem is; empty: it is with the body itself. */
export const attributeIn = ({ instancePath }: ErrorObject): string =>
  (instancePath.split('/')[1] ?? '').replaceAll('~1', '/').replaceAll('~0', '~');

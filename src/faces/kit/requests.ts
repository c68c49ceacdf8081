// Why: what a request brings is held against the schemas of its call before anything is asked for, and refused in words of one form.

import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { badRequest, Fault, notFound } from '../../base/errors.ts';
import { type FaceRoute, parameters } from './route.ts';
import type { JsonSchema } from './schemas.ts';

const ajv = new Ajv2020({ strict: false, allowUnionTypes: true });
const compiled = new WeakMap<JsonSchema, ValidateFunction>();

function validatorOf(schema: JsonSchema): ValidateFunction {
  let validate = compiled.get(schema);
  if (validate === undefined) compiled.set(schema, (validate = ajv.compile(schema)));
  return validate;
}

function wordsOf({ instancePath, message, keyword, params }: ErrorObject): string {
  const where = instancePath === '' ? 'The body' : instancePath.slice(1).replaceAll('/', '.');
  const named =
    keyword === 'additionalProperties' ? ` (${(params as { additionalProperty: string }).additionalProperty})` : '';
  const choices = keyword === 'enum' ? ` (${(params as { allowedValues: unknown[] }).allowedValues.join(', ')})` : '';
  return `${where} ${message ?? 'is not valid'}${named}${choices}.`;
}

/** What does not fit a schema, in words; null: it fits. */
export function misfit(schema: JsonSchema, value: unknown): string | null {
  const validate = validatorOf(schema);
  if (validate(value)) return null;
  const errors = validate.errors ?? [];
  // what is wrong within a choice stands before the choice itself
  return wordsOf((errors.find(({ keyword }) => keyword === 'oneOf') ?? errors[0]) as ErrorObject);
}

/** Throws 404 for a part of a path that names nothing: what no id can be is no id. */
export function checkParams(params: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(params)) {
    const schema = parameters[name];
    if (schema === undefined || misfit(schema, value) !== null)
      throw notFound(`There is no ${name.replace(/_id$/, '')} '${value.slice(0, 255)}'.`);
  }
}

/** Throws 400 for a body that does not fit, one that is missing, and one that nobody asked for. */
export function checkBody({ body, bodyOptional }: FaceRoute, value: unknown): void {
  if (body === undefined) {
    if (value !== null && misfit({ type: 'object', maxProperties: 0 }, value) !== null)
      throw badRequest('This call takes no body.');
    return;
  }
  if (value === null && bodyOptional === true) return;
  if (value === null) throw badRequest('A body is wanted, in JSON.');
  const problem = misfit(body, value);
  if (problem !== null) throw badRequest(problem);
}

/** Throws 415 for a body that says that it is something else than JSON: forms that any page may send are among that. */
export function checkMediaType(type: string): void {
  const media = (type.split(';', 1)[0] ?? '').trim().toLowerCase();
  if (media !== '' && media !== 'application/json')
    throw new Fault('badMediaType', `The body is to be application/json, not ${media.slice(0, 100)}.`);
}

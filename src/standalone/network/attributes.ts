// Why: what a network object may be asked to be stands in one table per noun: who may set it, when, its default and its
// form. A body's schema is made of the table, and nothing else reads bodies.

import { limits } from '../../base/limits.ts';
import type { Caller } from '../../base/op.ts';
import { problemOf, type Schema } from '../schema.ts';
import { invalid } from './faults.ts';
import { converted, type Form, saying, type Words } from './forms.ts';
import { attributeIn, faultOf } from './words.ts';

export interface Attribute {
  readonly form: Form;
  readonly onCreate: boolean;
  readonly onUpdate: boolean;
  readonly required?: true;
  /** The value where none is given; absent: the attribute stays unset. */
  readonly byDefault?: unknown;
}

export type Attributes = Readonly<Record<string, Attribute>>;
export type Values = Readonly<Record<string, unknown>>;

interface Named {
  readonly singular: string;
  readonly attributes: Attributes;
}

type Verb = 'create' | 'update';

const whole = (message: string): Words => [message, 'HTTPBadRequest'];

const never: Readonly<Record<Verb, Schema>> = {
  create: { not: {}, ...saying({ '*': whole("Attribute '{name}' not allowed in POST") }) },
  update: { not: {}, ...saying({ '*': whole('Cannot update read-only attribute {name}') }) },
};

/** Whose an object is to be, which has two names; never changed. */
const project: Schema = {
  type: ['string', 'null'],
  minLength: 1,
  maxLength: 64,
  ...saying({ '*': '{value} is not a valid string.' }),
};

/** What a body may say of one object. */
function schemaFor(attributes: Attributes, verb: Verb): Schema {
  const ofProject = verb === 'create' ? project : never.update;
  const maySet = ({ onCreate, onUpdate }: Attribute): boolean => (verb === 'create' ? onCreate : onUpdate);
  const table = Object.entries(attributes);
  return {
    type: 'object',
    properties: {
      ...Object.fromEntries(table.map(([name, one]) => [name, maySet(one) ? one.form.schema : never[verb]])),
      project_id: ofProject,
      tenant_id: ofProject,
    },
    additionalProperties: false,
    required: verb === 'create' ? table.filter(([, one]) => one.required).map(([name]) => name) : [],
    ...saying({
      additionalProperties: whole("Unrecognized attribute(s) '{key}'"),
      required: whole("Failed to parse request. Required attribute '{key}' not specified"),
    }),
  };
}

/** Schemas of what tables allow, made when they are first asked for. */
const made: Readonly<Record<Verb, WeakMap<Attributes, Schema>>> = { create: new WeakMap(), update: new WeakMap() };

function bodySchema(attributes: Attributes, verb: Verb): Schema {
  const known = made[verb].get(attributes);
  if (known !== undefined) return known;
  const schema = schemaFor(attributes, verb);
  made[verb].set(attributes, schema);
  return schema;
}

/** Throws Neutron's words where a value is not what a schema says. */
export function checkForm(schema: Schema, value: unknown, name?: string): void {
  const problem = problemOf(schema, value);
  if (problem !== null) throw faultOf(problem, name ?? attributeIn(problem));
}

/** One value by its form. */
export function valueOf(form: Form, value: unknown, name: string): unknown {
  checkForm(form.schema, value, name);
  return converted(form, value);
}

function projectOf(body: Values, caller: Caller): string {
  const given = body['project_id'] ?? body['tenant_id'];
  if (body['project_id'] !== undefined && body['tenant_id'] !== undefined && body['project_id'] !== body['tenant_id']) {
    throw invalid("'project_id' and 'tenant_id' do not match");
  }
  if (given === undefined || given === null) {
    if (caller.projectId === null) throw invalid("A token without a project needs 'project_id' in the request");
    return caller.projectId;
  }
  if (given !== caller.projectId && !caller.isAdmin) {
    throw invalid(
      "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges",
    );
  }
  return given as string;
}

function valuesFrom(attributes: Attributes, body: Values, caller: Caller, verb: Verb): Values {
  checkForm(bodySchema(attributes, verb), body);
  const values: Record<string, unknown> = {};
  for (const [name, raw] of Object.entries(body)) {
    const attribute = attributes[name];
    if (attribute !== undefined && raw !== undefined) values[name] = converted(attribute.form, raw);
  }
  if (verb === 'update') return values;
  for (const [name, { onCreate, byDefault }] of Object.entries(attributes)) {
    if (values[name] === undefined && onCreate && byDefault !== undefined) values[name] = byDefault;
  }
  return { ...values, project_id: projectOf(body, caller) };
}

/** `{noun: {...}}`; what else stands beside the noun is nobody's. */
const envelope = (singular: string): Schema => ({
  type: 'object',
  required: [singular],
  properties: { [singular]: { type: 'object', ...saying({ '*': unfound(singular) }) } },
  ...saying({ '*': unfound(singular) }),
});

const unfound = (singular: string): Words => whole(`Unable to find '${singular}' in request body`);

const bulk = (collection: string): Schema => ({
  type: 'object',
  required: [collection],
  properties: {
    [collection]: {
      type: 'array',
      minItems: 1,
      maxItems: limits.networkBulk,
      ...saying({ '*': whole('Resources required'), maxItems: whole('More than {limit} resources in one request') }),
    },
  },
});

const aBody: Schema = { type: 'object', ...saying({ '*': whole('Resource body required') }) };

const envelopes = new Map<string, Schema>();

function remembered(name: string, make: (name: string) => Schema): Schema {
  const schema = envelopes.get(name) ?? make(name);
  envelopes.set(name, schema);
  return schema;
}

/** What stands under a noun's name. */
function inside({ singular }: Pick<Named, 'singular'>, body: unknown): Values {
  checkForm(remembered(singular, envelope), body);
  return (body as Readonly<Record<string, Values>>)[singular] as Values;
}

/** An entry of several may come bare or under its own name. */
const wrapped = (singular: string, entry: unknown): unknown =>
  typeof entry === 'object' && entry !== null && Object.hasOwn(entry, singular) ? entry : { [singular]: entry };

/**
 * What a creation asks for: one object under its name, or several under the collection's.
 * @returns the values of each, with `project_id`, and whether they came as several
 */
export function readCreation(
  noun: Named & { readonly collection: string },
  body: unknown,
  caller: Caller,
): { readonly values: readonly Values[]; readonly bulk: boolean } {
  const { singular, collection, attributes } = noun;
  checkForm(aBody, body);
  const many = (body as Values)[collection];
  if (many === undefined)
    return { values: [valuesFrom(attributes, inside(noun, body), caller, 'create')], bulk: false };
  checkForm(remembered(collection, bulk), body);
  const values = (many as readonly unknown[]).map((entry) =>
    valuesFrom(attributes, inside(noun, wrapped(singular, entry)), caller, 'create'),
  );
  return { values, bulk: true };
}

/** What an update asks for. */
export const readUpdate = (noun: Named, body: unknown, caller: Caller): Values =>
  valuesFrom(noun.attributes, inside(noun, body), caller, 'update');

// Why: what most first starts have in common is written once, by us or by the operator, and a server names it. What its creator says of the
// variables goes in as values, never as text: a template is a tree by then, so nothing that is said can become another part of it.

import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020.js';
import { type Document, isSeq, parseDocument, Scalar, visit, YAMLSeq } from 'yaml';
import { badRequest } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';

/** Metadata of a server that name a template, and what begin the names of its variables. */
export const TEMPLATE_KEY = 'xloud:template';
const VARIABLE_KEYS = `${TEMPLATE_KEY}.`;

/** The tags of a scalar in whose place a variable goes: as it is, and as a text whatever it is, as arguments of commands must be. */
const VARIABLE_TAG = '!variable';
const TEXT_TAG = '!text';

/** What every document for cloud-init begins with. */
const CLOUD_CONFIG = '#cloud-config\n';

export interface VariableSchema {
  readonly type: 'string' | 'integer' | 'boolean' | 'array';
  readonly description: string;
  /** Absent: it must be said. */
  readonly default?: VariableValue;
  readonly [keyword: string]: unknown;
}

export type VariableValue = string | number | boolean | readonly string[];

export interface CloudInitTemplate {
  readonly name: string;
  readonly version: number;
  readonly description: string;
  readonly source: 'built-in' | 'operator';
  readonly variables: Readonly<Record<string, VariableSchema>>;
  /** A `#cloud-config` document, with `!variable NAME` or `!text NAME` where a variable goes. */
  readonly userData: string;
}

/** All that there are, each version by itself: by name, newest first. */
export type CloudInitTemplates = readonly CloudInitTemplate[];

/** What a server has of a template: as it was when the server was made, whatever becomes of the template. */
export interface FilledTemplate {
  readonly name: string;
  readonly version: number;
  readonly userData: string;
}

/** JSON Schema of all variables of a template together. */
export const schemaOf = ({ variables }: Pick<CloudInitTemplate, 'variables'>) => ({
  type: 'object',
  properties: variables,
  required: Object.keys(variables).filter((name) => variables[name]?.default === undefined),
  additionalProperties: false,
});

const ajv = new Ajv2020.default({ strict: true, useDefaults: true });
const checks = new WeakMap<CloudInitTemplate, ValidateFunction>();

/** Throws where the schema is none. */
function checkOf(template: CloudInitTemplate): ValidateFunction {
  const known = checks.get(template);
  if (known !== undefined) return known;
  const made = ajv.compile(schemaOf(template));
  checks.set(template, made);
  return made;
}

// what is not of its type stays a text, which the schema refuses
const readers: Readonly<Record<VariableSchema['type'], (text: string) => VariableValue>> = {
  string: (text) => text,
  integer: (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : text),
  boolean: (text) => (text === 'true' || text === 'false' ? text === 'true' : text),
  array: (text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
};

/** Line ends and what else no line of text has. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\ufeff\ufffe\uffff]/u;

/** Throws 400 for a variable that there is not, lacks, or may not have this value. */
function valuesOf(
  template: CloudInitTemplate,
  said: ReadonlyMap<string, string>,
): Readonly<Record<string, VariableValue>> {
  const { name: of, variables } = template;
  const values: Record<string, VariableValue> = {};
  for (const [name, text] of said) {
    const schema = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (schema === undefined) {
      const names = Object.keys(variables).join(', ') || 'none';
      throw badRequest(`The cloud-init template '${of}' has no variable '${name}'; it has: ${names}.`);
    }
    if (UNPRINTABLE.test(text)) {
      throw badRequest(`Variable '${name}' of the cloud-init template '${of}' has a character that is not printable.`);
    }
    values[name] = readers[schema.type](text);
  }
  const check = checkOf(template);
  if (check(values)) return values;
  const [problem] = check.errors ?? [];
  const missing = (problem?.params as { readonly missingProperty?: string } | undefined)?.missingProperty;
  const which = missing ?? problem?.instancePath.split('/')[1] ?? '';
  const why = missing === undefined ? (problem?.message ?? 'is wrong') : 'must be given, since it has no default';
  throw badRequest(`Variable '${which}' of the cloud-init template '${of}' ${why}.`);
}

/** A value as a scalar in quotes, whatever is in it. */
function quoted(value: string | number | boolean): Scalar {
  const scalar = new Scalar(value);
  if (typeof value === 'string') scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}

function listOf(items: readonly string[]): YAMLSeq {
  const list = new YAMLSeq();
  list.items = items.map(quoted);
  list.flow = true;
  return list;
}

/** Puts a value, by its name, where each variable stands; a list that stands in a list becomes items of that. */
function putValues(document: Document, valueOf: (name: string) => VariableValue): void {
  visit(document, {
    Scalar(key, node, path) {
      if (node.tag !== VARIABLE_TAG && node.tag !== TEXT_TAG) return undefined;
      const value = valueOf(String(node.value));
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
        return quoted(node.tag === TEXT_TAG ? String(value) : value);
      }
      const parent = path.at(-1);
      if (typeof key !== 'number' || !isSeq(parent)) return listOf(value);
      parent.items.splice(key, 1, ...value.map(quoted));
      return key + value.length;
    },
  });
}

/** The names of the variables that a document has a place for. Throws where it is no YAML. */
export function variablesIn(userData: string): ReadonlySet<string> {
  const names = new Set<string>();
  const document = parseDocument(userData);
  for (const error of document.errors) throw error;
  putValues(document, (name) => {
    names.add(name);
    return '';
  });
  return names;
}

/**
 * What a server has of a template.
 * @throws badRequest with the reason for a variable that there is not, lacks, or may not have this value
 */
export function fillTemplate(template: CloudInitTemplate, said: ReadonlyMap<string, string>): FilledTemplate {
  const { name, version } = template;
  const values = valuesOf(template, said);
  const document = parseDocument(template.userData);
  putValues(document, (variable) => values[variable] ?? '');
  // the first line says what it is to cloud-init, wherever the comments of a tree go
  const text = document.toString({ lineWidth: 0 });
  const userData = text.startsWith(CLOUD_CONFIG) ? text : CLOUD_CONFIG + text;
  if (Buffer.byteLength(userData) > limits.cloudInitTemplateBytes) {
    throw badRequest(
      `The cloud-init template '${name}' with these variables is longer than ${limits.cloudInitTemplateBytes} bytes.`,
    );
  }
  return { name, version, userData };
}

type Metadata = Readonly<Record<string, string>>;

/** What metadata say of a template: its name or `NAME@VERSION`, and variables. */
function saidOf(metadata: Metadata): { readonly wanted: string | null; readonly said: Map<string, string> } {
  const said = new Map(
    Object.entries(metadata).flatMap(([key, value]) =>
      key.startsWith(VARIABLE_KEYS) ? [[key.slice(VARIABLE_KEYS.length), value] as const] : [],
    ),
  );
  const wanted = Object.hasOwn(metadata, TEMPLATE_KEY) ? (metadata[TEMPLATE_KEY] ?? '') : null;
  return { wanted, said };
}

/** The newest template of a name, or the one of `NAME@VERSION`. */
export function findTemplate(templates: CloudInitTemplates, wanted: string): CloudInitTemplate | null {
  const [name, version] = wanted.split('@');
  return (
    templates.find((one) => one.name === name && (version === undefined || String(one.version) === version)) ?? null
  );
}

/**
 * The template that metadata ask for; null: none.
 * @throws badRequest with the reason where there is none of that name, or a variable is wrong
 */
export function templateAskedFor(templates: CloudInitTemplates, metadata: Metadata): FilledTemplate | null {
  const { wanted, said } = saidOf(metadata);
  if (wanted === null) {
    const [first] = said.keys();
    if (first === undefined) return null;
    throw badRequest(`Metadata '${VARIABLE_KEYS}${first}' without '${TEMPLATE_KEY}', which says of what template.`);
  }
  const template = findTemplate(templates, wanted);
  if (template !== null) return fillTemplate(template, said);
  const names = [...new Set(templates.map(({ name }) => name))].join(', ');
  throw badRequest(`There is no cloud-init template '${wanted}'; there are: ${names}.`);
}

/** Whether two states of a server's metadata say the same of its template. */
export function sayTheSameTemplate(before: Metadata, after: Metadata): boolean {
  const [was, is] = [saidOf(before), saidOf(after)];
  return (
    was.wanted === is.wanted &&
    was.said.size === is.said.size &&
    [...was.said].every(([name, text]) => is.said.get(name) === text)
  );
}

const NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const VARIABLE = /^[a-z][a-z0-9_]{0,62}$/;

/** Throws what is wrong with a template that somebody wrote: its form, its variables, its document. */
export function checkTemplate(template: CloudInitTemplate): void {
  const { name, version, description, variables, userData } = template;
  const must = (holds: boolean, what: string): void => {
    if (!holds) throw new Error(what);
  };
  must(
    typeof name === 'string' && NAME.test(name) && name.length <= 64,
    'name: small letters, digits and hyphens are wanted',
  );
  must(Number.isSafeInteger(version) && version >= 1, 'version: a whole number from 1 is wanted');
  must(typeof description === 'string' && description !== '', 'description: a text is wanted');
  must(typeof variables === 'object' && variables !== null && !Array.isArray(variables), 'variables: a map is wanted');
  must(
    typeof userData === 'string' && userData.startsWith(CLOUD_CONFIG),
    'user_data: a text is wanted whose first line is #cloud-config',
  );
  for (const [variable, schema] of Object.entries(variables)) {
    must(VARIABLE.test(variable), `variables: ${variable}: small letters, digits and underscores are wanted`);
    must(
      Object.hasOwn(readers, schema?.type),
      `variables: ${variable}: type must be one of ${Object.keys(readers).join(', ')}`,
    );
    must(typeof schema.description === 'string', `variables: ${variable}: description: a text is wanted`);
  }
  const check = checkOf(template);
  // those without a default have no value to try
  for (const [variable, { default: value }] of Object.entries(variables)) {
    if (value === undefined) continue;
    const fits = check({ [variable]: value }) || (check.errors ?? []).every(({ keyword }) => keyword === 'required');
    must(fits, `variables: ${variable}: the default ${check.errors?.[0]?.message ?? ''}`);
  }
  const places = variablesIn(userData);
  for (const place of places) must(Object.hasOwn(variables, place), `user_data: there is no variable '${place}'`);
  for (const variable of Object.keys(variables))
    must(places.has(variable), `variables: ${variable} is nowhere in user_data`);
  const tree: unknown = parseDocument(userData).toJS();
  must(typeof tree === 'object' && tree !== null && !Array.isArray(tree), 'user_data: a map is wanted');
}

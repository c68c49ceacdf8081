// Why: what most first starts have in common is written once, by us or by the operator, and a server names it. What its creator says of the
// variables goes in as values, never as text: a template is a tree by then, so nothing that is said can become another part of it.

import type { ValidateFunction } from 'ajv/dist/2020.js';
import { type Document, isSeq, parseDocument, Scalar, type ScalarTag, visit, YAMLSeq } from 'yaml';
import { badRequest } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { compileSchema } from './template-schema.ts';

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

const checks = new WeakMap<CloudInitTemplate, ValidateFunction>();

/** Throws where the schema is none. */
function checkOf(template: CloudInitTemplate): ValidateFunction {
  const known = checks.get(template);
  if (known !== undefined) return known;
  const made = compileSchema(schemaOf(template));
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
  // without a prototype: a variable may be called `constructor`, and lacks until it is said
  const values: Record<string, VariableValue> = Object.create(null);
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

const nothing: ScalarTag = {
  tag: 'tag:yaml.org,2002:null',
  default: true,
  test: /^$/,
  identify: (value) => value === null,
  resolve: () => null,
  stringify: () => '',
};
const places = [VARIABLE_TAG, TEXT_TAG].map((tag): ScalarTag => ({ tag, resolve: (text) => text }));

/**
 * A template as a tree whose scalars are all texts, and stay as they were written: whoever reads the document says what a number is, and a
 * mode of a file (`0644`) is one to cloud-init's YAML that is another to ours.
 */
const treeOf = (userData: string): Document =>
  parseDocument(userData, { schema: 'failsafe', customTags: (tags) => [...tags, nothing, ...places] });

/** A text as a scalar in quotes, whatever is in it; a number, and yes or no, without. */
function quoted(value: string | number | boolean): Scalar {
  const scalar = new Scalar(String(value));
  scalar.type = typeof value === 'string' ? Scalar.QUOTE_DOUBLE : Scalar.PLAIN;
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

/** The names of the variables that a document has a place for. Throws where it is no YAML, or a place is none for a value. */
export function variablesIn(userData: string): ReadonlySet<string> {
  const names = new Set<string>();
  const document = treeOf(userData);
  for (const error of document.errors) throw error;
  visit(document, {
    Scalar(key, { tag, value, anchor }) {
      if (tag !== VARIABLE_TAG && tag !== TEXT_TAG) return;
      if (key === 'key')
        throw new Error(`user_data: ${tag} ${String(value)} stands for a key, and may be a value only`);
      if (anchor !== undefined)
        throw new Error(`user_data: ${tag} ${String(value)} has an anchor, which a value cannot`);
      names.add(String(value));
    },
  });
  return names;
}

/** The document of a template with these values. */
function documentWith({ userData }: CloudInitTemplate, values: Readonly<Record<string, VariableValue>>): string {
  const document = treeOf(userData);
  putValues(document, (variable) => values[variable] ?? '');
  // the first line says what it is to cloud-init, wherever the comments of a tree go
  const text = document.toString({ lineWidth: 0 });
  return text.startsWith(CLOUD_CONFIG) ? text : CLOUD_CONFIG + text;
}

/**
 * What a server has of a template.
 * @throws badRequest with the reason for a variable that there is not, lacks, or may not have this value
 */
export function fillTemplate(template: CloudInitTemplate, said: ReadonlyMap<string, string>): FilledTemplate {
  const { name, version } = template;
  const userData = documentWith(template, valuesOf(template, said));
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
  return templates.find(({ name, version }) => wanted === name || wanted === `${name}@${version}`) ?? null;
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

const samples: Readonly<Record<VariableSchema['type'], VariableValue>> = {
  string: 'text',
  integer: 1,
  boolean: true,
  array: ['text'],
};

/** A value for each variable, which may not be one that its schema allows. */
const sampleOf = (variables: CloudInitTemplate['variables']): Readonly<Record<string, VariableValue>> =>
  Object.fromEntries(Object.entries(variables).map(([name, schema]) => [name, schema.default ?? samples[schema.type]]));

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
  checkOf(template);
  for (const [variable, schema] of Object.entries(variables)) {
    if (schema.default === undefined) continue;
    const check = compileSchema({ type: 'object', properties: { [variable]: schema } });
    must(
      check({ [variable]: schema.default }),
      `variables: ${variable}: the default ${check.errors?.[0]?.message ?? ''}`,
    );
  }
  const used = variablesIn(userData);
  for (const place of used) must(Object.hasOwn(variables, place), `user_data: there is no variable '${place}'`);
  for (const variable of Object.keys(variables))
    must(used.has(variable), `variables: ${variable} is nowhere in user_data`);
  // what comes out is read as cloud-init reads it, which knows no tags but YAML's own
  const made = parseDocument(documentWith(template, sampleOf(variables)), { version: '1.1' });
  for (const problem of [...made.errors, ...made.warnings]) throw new Error(`user_data: ${problem.message}`);
  const tree: unknown = made.toJS();
  must(typeof tree === 'object' && tree !== null && !Array.isArray(tree), 'user_data: a map is wanted');
}

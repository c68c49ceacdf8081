// Why: JSON Schema as Nova uses it: its formats, its numbers-as-text, and its words for what is wrong, so that a client that
// matches on a message keeps working. Schemas are compiled on first use; 500 of them at start would take seconds.

import { isIP } from 'node:net';
import { parseDateTime } from '../base/date-time.ts';
import { type SchemaValidateFunction } from 'ajv';
import Ajv2020, { type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { badRequest } from '../base/errors.ts';
import { isUuidLike } from '../base/ids.ts';
import { limits } from '../base/limits.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

type ObjectSchema = { readonly properties?: object; readonly patternProperties?: object };

/** Printable as Nova means it: below U+FFFF, no control, format, unassigned or line character; spaces allowed. */
function isPrintable(text: string, without: string): boolean {
  for (const char of text) {
    if ((char.codePointAt(0) as number) >= 0xffff || /[\p{C}\p{Zl}\p{Zp}]/u.test(char) || without.includes(char))
      return false;
  }
  return true;
}

const strictName = (text: string, without = ''): boolean =>
  isPrintable(text, without) && !/^\p{Zs}|\p{Zs}$/u.test(text);
const looseName = (text: string, without = ''): boolean => isPrintable(text, without) && /[^\p{Zs}]/u.test(text);

/** Base64 as Python's lenient decoder takes it: other ASCII characters are skipped, the padding must fit. */
export function isBase64(text: string): boolean {
  if (/[^\p{ASCII}]/u.test(text)) return false;
  const kept = text.replace(/[^A-Za-z0-9+/=]/g, '');
  const data = kept.replaceAll('=', '').length;
  const pads = kept.length - data;
  return data % 4 === 0 || (data % 4 === 2 && pads >= 2) || (data % 4 === 3 && pads >= 1);
}

function isCidr(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const kind = isIP(address);
  return rest.length === 0 && kind !== 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (kind === 4 ? 32 : 128);
}

/** Either way of reading a pattern will do here: what searches with it has the last word (src/db/regexp.ts). */
function isRegex(text: string): boolean {
  const compiles = (flags: string): boolean => {
    try {
      return Boolean(new RegExp(text, flags));
    } catch {
      return false;
    }
  };
  return text !== '' && (compiles('u') || compiles(''));
}

const formats = {
  'date-time': (text: string) => parseDateTime(text) !== null,
  base64: isBase64,
  cidr: isCidr,
  uuid: isUuidLike,
  regex: isRegex,
  ipv4: (text: string) => isIP(text) === 4,
  ipv6: (text: string) => isIP(text) === 6 && !text.includes('%'),
  uri: (text: string) => /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s/?#]+/.test(text),
  name: (text: string) => strictName(text),
  az_name: (text: string) => strictName(text, ':'),
  name_with_leading_trailing_spaces: (text: string) => looseName(text),
  az_name_with_leading_trailing_spaces: (text: string) => looseName(text, ':'),
};

/** Nova's words for a value that a format refuses (its InvalidName texts, which stand without the field's name). */
const nameReasons: Readonly<Record<string, string>> = {
  name: "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with whitespace.",
  az_name:
    "An invalid 'name' value was provided. The name must be: printable characters except :.Can not start or end with whitespace.",
  name_with_leading_trailing_spaces:
    "An invalid 'name' value was provided. The name must be: printable characters with at least one non space character",
  az_name_with_leading_trailing_spaces:
    "An invalid 'name' value was provided. The name must be: printable characters except :, with at least one non space character",
};

/** Numbers written as text count for `minimum` and `maximum`, as in Nova's validator. */
function asNumber(value: unknown): number | null {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.trim() === '') return null;
  const number = Number(value);
  return Number.isNaN(number) ? null : number;
}

/** The keys of an object that its closed schema neither names nor has a pattern for. */
function unknownKeys(value: object, { properties = {}, patternProperties = {} }: ObjectSchema): string[] {
  const patterns = Object.keys(patternProperties).map((pattern) => new RegExp(pattern, 'u'));
  return Object.keys(value).filter(
    (key) => !Object.hasOwn(properties, key) && !patterns.some((pattern) => pattern.test(key)),
  );
}

/**
 * As Nova's legacy v2 endpoint: what a closed object does not know is dropped while it is validated, unless its keys have
 * patterns. All of it in one pass: validated anew for each key, a body of unknown keys would take the square of its length.
 */
function dropUnknown(ajv: Ajv2020.default): void {
  ajv.removeKeyword('additionalProperties');
  ajv.addKeyword({
    keyword: 'additionalProperties',
    type: 'object',
    schemaType: 'boolean',
    modifying: true,
    validate: ((open, value, schema = {}) => {
      if (open) return true;
      const unknown = unknownKeys(value, schema);
      if (schema.patternProperties !== undefined) return unknown.length === 0;
      for (const key of unknown) delete value[key];
      return true;
    }) satisfies (
      open: boolean,
      value: Record<string, unknown>,
      schema?: ObjectSchema,
    ) => boolean as SchemaValidateFunction,
  });
}

/** A validator of Nova's formats and bounds; `change` has it before any schema. */
export function makeAjv(
  change: (ajv: Ajv2020.default) => void = () => undefined,
  { allErrors = false } = {},
): Ajv2020.default {
  const ajv = new Ajv2020.default({
    strict: false,
    allErrors,
    verbose: true,
    formats,
    validateSchema: false,
    allowUnionTypes: true,
  });
  const bound = (keyword: 'minimum' | 'maximum', holds: (number: number, limit: number) => boolean) => {
    ajv.removeKeyword(keyword);
    ajv.addKeyword({
      keyword,
      schemaType: 'number',
      validate: (limit: number, value: unknown) => {
        const number = asNumber(value);
        return number === null || holds(number, limit);
      },
    });
  };
  bound('minimum', (number, limit) => number >= limit);
  bound('maximum', (number, limit) => number <= limit);
  change(ajv);
  return ajv;
}

function quoted(text: string): string {
  const shown = text.slice(0, limits.shownChars);
  return shown.includes("'") && !shown.includes('"')
    ? `"${shown}"`
    : `'${shown.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** The parts of a list or object as Python prints them, as long as there is room for more. */
function listed<T>(parts: Iterable<T>, room: { chars: number }, show: (part: T) => string): string {
  const shown: string[] = [];
  for (const part of parts) {
    if (room.chars <= 0) return `${shown.join(', ')}, ...`;
    shown.push(show(part));
  }
  return shown.join(', ');
}

function reprOf(value: unknown, room: { chars: number }): string {
  if (Array.isArray(value)) return `[${listed(value, room, (part) => reprOf(part, room))}]`;
  if (typeof value === 'object' && value !== null) {
    const pair = (key: string) => `${reprOf(key, room)}: ${reprOf((value as Record<string, unknown>)[key], room)}`;
    return `{${listed(Object.keys(value), room, pair)}}`;
  }
  const text = typeof value === 'string' ? quoted(value) : (pythonNames.get(value) ?? String(value));
  room.chars -= text.length;
  return text;
}

const pythonNames: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [null, 'None'],
  [undefined, 'None'],
  [true, 'True'],
  [false, 'False'],
]);

/**
 * A value as Python prints it, which is how Nova's messages quote values; of one that is very long, as much as anybody reads:
 * a message must not cost more than what it refuses.
 */
export const pythonRepr = (value: unknown): string => reprOf(value, { chars: limits.shownChars });

/** Several words as Python prints them, without the brackets of a list. */
const words = (texts: readonly string[]): string => pythonRepr(texts).slice(1, -1);

type Reason = (error: ErrorObject) => string;
const tooShort: Reason = (e) => `${pythonRepr(e.data)} is too short`;
const tooLong: Reason = (e) => `${pythonRepr(e.data)} is too long`;

/** python-jsonschema's words for each keyword. */
const reasons: Readonly<Record<string, Reason>> = {
  type: (e) => `${pythonRepr(e.data)} is not of type ${[e.schema].flat().map(pythonRepr).join(', ')}`,
  required: (e) => `${pythonRepr((e.params as { missingProperty: string }).missingProperty)} is a required property`,
  additionalProperties: (e) => {
    const schema = e.parentSchema as ObjectSchema;
    const patterns = Object.keys(schema.patternProperties ?? {});
    const extras = unknownKeys(e.data as object, schema);
    if (patterns.length > 0)
      return `${words(extras)} ${extras.length === 1 ? 'does' : 'do'} not match any of the regexes: ${patterns.map(pythonRepr).join(', ')}`;
    return `Additional properties are not allowed (${words(extras)} ${extras.length === 1 ? 'was' : 'were'} unexpected)`;
  },
  enum: (e) => `${pythonRepr(e.data)} is not one of ${pythonRepr(e.schema)}`,
  const: (e) => `${pythonRepr(e.schema)} was expected`,
  pattern: (e) => `${pythonRepr(e.data)} does not match ${pythonRepr(e.schema)}`,
  format: (e) => `${pythonRepr(e.data)} is not a ${pythonRepr(e.schema)}`,
  minLength: tooShort,
  maxLength: tooLong,
  minItems: tooShort,
  maxItems: tooLong,
  minProperties: (e) => `${pythonRepr(e.data)} does not have enough properties`,
  maxProperties: (e) => `${pythonRepr(e.data)} has too many properties`,
  uniqueItems: (e) => `${pythonRepr(e.data)} has non-unique elements`,
  minimum: (e) => `${pythonRepr(e.data)} is less than the minimum of ${String(e.schema)}`,
  maximum: (e) => `${pythonRepr(e.data)} is greater than the maximum of ${String(e.schema)}`,
  oneOf: (e) => `${pythonRepr(e.data)} is not valid under any of the given schemas`,
  anyOf: (e) => `${pythonRepr(e.data)} is not valid under any of the given schemas`,
  not: (e) => `${pythonRepr(e.data)} should not be valid under ${pythonRepr(e.schema)}`,
};

/** Errors inside a branch of anyOf/oneOf stand before the branch keyword's own: that one is what Nova reports. */
function decisive(errors: readonly ErrorObject[]): ErrorObject {
  return (
    errors.findLast((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf') ?? (errors[0] as ErrorObject)
  );
}

function messageFor(error: ErrorObject, where: 'body' | 'query'): string {
  if (error.keyword === 'format' && typeof error.schema === 'string' && error.schema in nameReasons)
    return nameReasons[error.schema] as string;
  const reason = (reasons[error.keyword] ?? ((e: ErrorObject) => e.message ?? 'is not valid'))(error);
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (path.length === 0) return reason;
  return where === 'body'
    ? `Invalid input for field/attribute ${path.at(-1)}. Value: ${plain(error.data)}. ${reason}`
    : `Invalid input for query parameters ${path[0]}. Value: ${plain(error.data)}. ${reason}`;
}

/** `%s` of a value: text without quotes, everything else as Python prints it. */
const plain = (value: unknown): string =>
  typeof value === 'string' ? value.slice(0, limits.shownChars) : pythonRepr(value);

export interface Validator {
  /**
   * Throws Nova's 400 when a value does not fit.
   * @param relaxed as the legacy /v2 endpoint: unknown fields are dropped instead of refused
   */
  check(schema: JsonSchema, value: unknown, where: 'body' | 'query', relaxed?: boolean): void;
}

/** Compiled schemas, by the schema object itself. */
function compiler(ajv: Ajv2020.default): (schema: JsonSchema) => ValidateFunction {
  const compiled = new WeakMap<JsonSchema, ValidateFunction>();
  return (schema) => {
    let validate = compiled.get(schema);
    if (validate === undefined) compiled.set(schema, (validate = ajv.compile(schema)));
    return validate;
  };
}

/** A validator with its own caches of compiled schemas. */
export function makeValidator(): Validator {
  const strict = compiler(makeAjv());
  const legacy = compiler(makeAjv(dropUnknown));
  return {
    check(schema, value, where, relaxed = false) {
      const validate = (relaxed ? legacy : strict)(schema);
      if (!validate(value)) throw badRequest(messageFor(decisive(validate.errors as ErrorObject[]), where));
    },
  };
}

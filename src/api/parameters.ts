// Why: the words that Nova's schemas are made of (its parameter_types), each written once.

import { isIP } from 'node:net';
import { badRequest } from '../base/errors.ts';
import { derive, history, type History, minorOf, type Versioned } from '../base/history.ts';
import { limits } from '../base/limits.ts';
import { TAG_PATTERN } from '../domain/servers/server-tags.ts';
import type { JsonSchema } from './schema.ts';

/** An object with just these properties. */
export const closed = (
  properties: Readonly<Record<string, unknown>>,
  required: readonly string[] = [],
): JsonSchema => ({
  type: 'object',
  properties,
  ...(required.length === 0 ? {} : { required }),
  additionalProperties: false,
});

/** An object with these properties and whatever else comes, which means nothing. */
export const open = (properties: Readonly<Record<string, unknown>>, required: readonly string[] = []): JsonSchema => ({
  ...closed(properties, required),
  additionalProperties: true,
});

/** A body of one member: `{"server": {…}}`. */
export const wrapped = (key: string, inner: JsonSchema): JsonSchema => closed({ [key]: inner }, [key]);

/** A body schema that follows the history of its properties. */
export const wrappedHistory = (
  key: string,
  properties: History<unknown>,
  required: readonly string[] | ((form: object) => readonly string[]) = [],
): Versioned<JsonSchema> =>
  derive(properties, (form) => wrapped(key, closed(form, typeof required === 'function' ? required(form) : required)));

/** A query parameter that may be repeated. */
export const multi = (item: JsonSchema): JsonSchema => ({ type: 'array', items: item });

/** A query whose unknown parameters are ignored (`lenient`) or refused (`strict`). */
export const query = (properties: Readonly<Record<string, unknown>>, unknown: 'lenient' | 'strict'): JsonSchema => ({
  type: 'object',
  properties,
  additionalProperties: unknown === 'lenient',
});

/**
 * A query's schema by version. What it does not know passes and is dropped; from version `strictFrom` on it is refused.
 */
export function queryHistory(fields: History<unknown>, strictFrom: string): Versioned<JsonSchema> {
  const from = minorOf(strictFrom);
  const lenient = derive(fields, (form) => query(form, 'lenient'));
  const strict = derive(fields, (form) => query(form, 'strict'));
  return {
    changePoints: [...new Set([...fields.changePoints, from])].sort((a, b) => a - b),
    at: (minor) => (minor < from ? lenient : strict).at(minor),
  };
}

/** The query of a route that takes no parameters. */
export const noQuery = queryHistory(history<unknown>({}), '2.102');

/** The query of a route that ignores whatever is asked, at every version. */
export const anyQuery = query({}, 'lenient');

/** Actions such as `os-start` whose value does not matter. */
export const anyAction = (key: string): JsonSchema => closed({ [key]: {} }, [key]);

const TRUE = [true, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes'] as const;
const FALSE = [false, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no'] as const;

export const boolean: JsonSchema = { type: ['boolean', 'string'], enum: [...TRUE, ...FALSE] };

/** The meaning of a value that passed `boolean`. */
export const isTrue = (value: unknown): boolean => (TRUE as readonly unknown[]).includes(value);

export const MAX_INT = 0x7fffffff;

/** Whether Python's int() reads a text, in a path or a query, as Nova has it read. */
export const isWhole = (text: string): boolean => /^\s*[+-]?\d+\s*$/.test(text);

/** The number that a path gives as an id. Throws Nova's 400 for what is none. */
export function wholeId(text: string): number {
  if (!isWhole(text)) throw badRequest('Invalid input received: id must be an integer');
  return Number(text);
}

export const text: JsonSchema = { type: 'string' };
export const none: JsonSchema = { type: 'null' };
export const positiveInteger: JsonSchema = {
  type: ['integer', 'string'],
  pattern: '^[0-9]*$',
  minimum: 1,
  minLength: 1,
};
export const nonNegativeInteger: JsonSchema = {
  type: ['integer', 'string'],
  pattern: '^[0-9]*$',
  minimum: 0,
  minLength: 1,
};
export const name: JsonSchema = { type: 'string', format: 'name', minLength: 1, maxLength: 255 };
export const uuid: JsonSchema = { type: 'string', format: 'uuid' };
export const regex: JsonSchema = { type: 'string', format: 'regex' };
export const dateTime: JsonSchema = { type: 'string', format: 'date-time' };
export const ipAny: JsonSchema = { type: 'string', oneOf: [{ format: 'ipv4' }, { format: 'ipv6' }] };
export const tag: JsonSchema = {
  type: 'string',
  minLength: 1,
  maxLength: limits.tagCharacters,
  pattern: TAG_PATTERN,
};
export const hostName: JsonSchema = { type: 'string', minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' };
export const printable = (limit: number): JsonSchema => ({
  type: ['string', 'null'],
  minLength: 0,
  maxLength: limit,
  pattern: '^(?:(?![\\p{C}\\p{Zl}\\p{Zp}])[\\u0000-\\uFFFE])*$',
});
export const metadata: JsonSchema = {
  type: 'object',
  patternProperties: { '^[a-zA-Z0-9-_:. ]{1,255}$': { type: 'string', maxLength: 255 } },
  additionalProperties: false,
};

/** `metadata` with just one item. */
export const metadataItem: JsonSchema = { ...metadata, minProperties: 1, maxProperties: 1 };

/** A part of a list by numbers; see `spanOf`. */
export const span = { limit: multi(nonNegativeInteger), offset: multi(nonNegativeInteger) };
export const diskConfig: JsonSchema = { type: 'string', enum: ['AUTO', 'MANUAL'] };
export const personality: JsonSchema = multi(closed({ path: text, contents: { type: 'string', format: 'base64' } }));
export const trustedCertificates: JsonSchema = {
  type: ['array', 'null'],
  items: { type: 'string', minLength: 1 },
  minItems: 1,
  maxItems: 50,
  uniqueItems: true,
};

export const paging = { limit: multi(nonNegativeInteger), marker: multi(text) };

/** The version of an address that passed a format check. */
export const ipVersion = (address: string): 4 | 6 => (isIP(address) === 6 ? 6 : 4);

const EMBEDDED = /^::(ffff:)?([\da-f]{1,4}):([\da-f]{1,4})$/;

/**
 * The canonical form (RFC 5952) of an IPv6 address that passed a format check, with an embedded IPv4 address in its own form:
 * what Nova keeps and shows.
 */
export function canonicalIpV6(address: string): string {
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, mapped = '', ...words] = EMBEDDED.exec(plain) ?? [];
  if (words.length === 0) return plain;
  const bytes = words.map((word) => Number.parseInt(word, 16)).flatMap((word) => [word >> 8, word & 255]);
  return `::${mapped}${bytes.join('.')}`;
}

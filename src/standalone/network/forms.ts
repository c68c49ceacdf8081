// Why: what a value of a network object may be is a schema, with Neutron's words for what it is not; what becomes of one that is right
// (one notation of an address, true for "True") stands beside it.

import { convertedBoolean } from '../../base/boolean-word.ts';
import type { FaultCode } from '../../base/errors.ts';
import { canonicalIp, parseCidr } from '../../base/ip.ts';
import { limits } from '../../base/limits.ts';
import { addFormat, type Schema } from '../schema.ts';

export interface Form {
  readonly schema: Schema;
  /** What is kept of a value that is right; absent: the value. */
  readonly convert?: (value: unknown) => unknown;
}

/**
 * Words for what is wrong. A text is the reason why an attribute's value is not taken; a pair is the whole message, with what programs
 * compare. `{value}`, `{limit}`, `{key}` and `{name}` (of the attribute) are filled in (words.ts).
 */
export type Words = string | readonly [message: string, code: FaultCode];

/** A schema's own words, by the keyword that fails; `*`: by any. */
export const saying = (words: Readonly<Record<string, Words>>): Schema => ({ says: words });

export const converted = ({ convert }: Form, value: unknown): unknown =>
  convert === undefined ? value : convert(value);

addFormat('neutron-boolean', (text) => convertedBoolean(text) !== null);
addFormat('neutron-ip', (text) => canonicalIp(text) !== null);
addFormat('neutron-cidr', (text) => parseCidr(text) !== null);

const canonicalMac = (text: string): string => text.toLowerCase().replaceAll('-', ':');

addFormat('neutron-mac', (text) => {
  if (!/^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}$/i.test(text)) return false;
  const canonical = canonicalMac(text);
  // neither nobody's nor a group's
  return canonical !== '00:00:00:00:00:00' && (Number.parseInt(canonical.slice(0, 2), 16) & 1) === 0;
});

export const text = (maxLength: number): Form => ({ schema: { type: 'string', maxLength } });

/** Null stands for the empty text. */
export const textOrNull = (maxLength: number): Form => ({
  schema: { type: ['string', 'null'], maxLength },
  convert: (value) => value ?? '',
});

export const boolean: Form = {
  schema: {
    anyOf: [{ enum: [true, false, 0, 1] }, { type: 'string', format: 'neutron-boolean' }],
    ...saying({ '*': '{value} cannot be converted to boolean.' }),
  },
  convert: convertedBoolean,
};

/** A number, or the text of one. */
export const integer = (minimum: number, maximum: number): Form => ({
  schema: {
    type: ['integer', 'string'],
    pattern: '^-?\\d{1,12}$',
    minimum,
    maximum,
    ...saying({ pattern: '{value} is not an integer.' }),
  },
  convert: (value) => (value === null ? null : Number(value)),
});

const UUID = '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$';

/** A form of text; null is as it is. */
const textual = (schema: Schema, convert: (text: string) => unknown): Form => ({
  schema: { type: 'string', ...schema },
  convert: (value) => (value === null ? null : convert(value as string)),
});

export const uuid: Form = textual({ pattern: UUID, ...saying({ '*': '{value} is not a valid UUID.' }) }, (value) =>
  value.toLowerCase(),
);

export const ipAddress: Form = textual(
  { format: 'neutron-ip', ...saying({ '*': '{value} is not a valid IP address.' }) },
  canonicalIp,
);

/** A network in CIDR notation. */
export const subnet: Form = textual(
  { format: 'neutron-cidr', ...saying({ '*': '{value} is not a valid IP subnet.' }) },
  (value) => value,
);

export const mac: Form = textual(
  { format: 'neutron-mac', ...saying({ '*': '{value} is not a valid MAC address.' }) },
  canonicalMac,
);

export const oneOf = (allowed: readonly unknown[]): Form => ({ schema: { enum: allowed } });

/** A list, null standing for the empty one. */
export const listOf = (each: Form): Form => ({
  schema: { type: ['array', 'null'], maxItems: limits.networkListEntries, items: each.schema },
  convert: (value) => ((value ?? []) as readonly unknown[]).map((entry) => converted(each, entry)),
});

/** An object with these keys and no others; `more` is said of the whole of it. */
export const objectOf = (
  keys: Readonly<Record<string, Form>>,
  needed: readonly string[] = [],
  more: Schema = {},
): Form => ({
  schema: {
    type: 'object',
    required: needed,
    properties: Object.fromEntries(Object.entries(keys).map(([key, { schema }]) => [key, schema])),
    additionalProperties: false,
    ...more,
  },
  convert: (value) =>
    value === null
      ? null
      : Object.fromEntries(
          Object.entries(value as object).map(([key, part]) => [key, converted(keys[key] as Form, part)]),
        ),
});

export const anyObject: Form = {
  schema: { type: ['object', 'null'], maxJson: 4095, ...saying({ maxJson: 'the dictionary is too large.' }) },
  convert: (value) => value ?? {},
};

/** The form, or null, which stays null. */
export function orNull({ schema, convert }: Form): Form {
  const { type, enum: allowed, anyOf } = schema;
  const wider = {
    ...schema,
    ...(type === undefined ? {} : { type: [type, 'null'].flat() }),
    ...(allowed === undefined ? {} : { enum: [...(allowed as readonly unknown[]), null] }),
    ...(anyOf === undefined || type !== undefined
      ? {}
      : { anyOf: [...(anyOf as readonly Schema[]), { type: 'null' }] }),
  };
  return convert === undefined
    ? { schema: wider }
    : { schema: wider, convert: (value) => (value === null ? null : convert(value)) };
}

// Why: what a network object may be asked to be stands in one table per noun: who may set it, when, its default and its
// form. Bodies are read by the table alone, with Neutron's words for what is wrong.

import { limits } from '../../base/limits.ts';
import type { Caller } from '../../base/op.ts';
import { asObject } from '../http.ts';
import { canonicalIp, parseCidr } from '../../base/ip.ts';
import { invalid } from './faults.ts';

/** Turns a wire value into ours, or throws a `Reason`. */
export type Parse = (value: unknown) => unknown;

/** Why a value is not good; becomes Neutron's `Invalid input for x. Reason: …`. */
export class Reason extends Error {
  override readonly name = 'Reason';
}

export interface Attribute {
  readonly parse: Parse;
  readonly onCreate: boolean;
  readonly onUpdate: boolean;
  readonly required?: true;
  /** The value where none is given; absent: the attribute stays unset. */
  readonly byDefault?: unknown;
}

export type Attributes = Readonly<Record<string, Attribute>>;
export type Values = Readonly<Record<string, unknown>>;

export const shown = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value));

export const text =
  (maxLength: number): Parse =>
  (value) => {
    if (typeof value !== 'string') throw new Reason(`${shown(value)} is not a valid string.`);
    if (value.length > maxLength) throw new Reason(`${shown(value)} exceeds maximum length of ${maxLength}.`);
    return value;
  };

/** Null stands for the empty text. */
export const textOrNull =
  (maxLength: number): Parse =>
  (value) =>
    value === null ? '' : text(maxLength)(value);

export const boolean: Parse = (value) => {
  const word = typeof value === 'string' ? value.toLowerCase() : value;
  if (word === true || word === 'true' || word === 1 || word === '1') return true;
  if (word === false || word === 'false' || word === 0 || word === '0') return false;
  throw new Reason(`${shown(value)} cannot be converted to boolean.`);
};

export const integer =
  (lowest: number, highest: number): Parse =>
  (value) => {
    const number = typeof value === 'string' && /^-?\d{1,12}$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isInteger(number)) throw new Reason(`${shown(value)} is not an integer.`);
    if (number < lowest) throw new Reason(`${shown(value)} is too small - must be at least '${lowest}'.`);
    if (number > highest) throw new Reason(`${shown(value)} is too large - must be no larger than '${highest}'.`);
    return number;
  };

export const uuid: Parse = (value) => {
  if (typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value))
    return value.toLowerCase();
  throw new Reason(`${shown(value)} is not a valid UUID.`);
};

export const ipAddress: Parse = (value) => {
  const address = typeof value === 'string' ? canonicalIp(value) : null;
  if (address === null) throw new Reason(`${shown(value)} is not a valid IP address.`);
  return address;
};

/** A network in CIDR notation, with no bits set behind its prefix. */
export const subnet: Parse = (value) => {
  const cidr = typeof value === 'string' ? parseCidr(value) : null;
  if (cidr === null) throw new Reason(`${shown(value)} is not a valid IP subnet.`);
  return value;
};

export const mac: Parse = (value) => {
  if (typeof value !== 'string' || !/^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}$/i.test(value)) {
    throw new Reason(`${shown(value)} is not a valid MAC address.`);
  }
  const canonical = value.toLowerCase().replaceAll('-', ':');
  if (canonical === '00:00:00:00:00:00' || (Number.parseInt(canonical.slice(0, 2), 16) & 1) === 1) {
    throw new Reason(`${shown(value)} is not a valid MAC address.`);
  }
  return canonical;
};

export const oneOf =
  (allowed: readonly unknown[]): Parse =>
  (value) => {
    if (allowed.includes(value)) return value;
    throw new Reason(`${shown(value)} is not in [${allowed.map(shown).join(', ')}].`);
  };

/** A list, null standing for the empty one. */
export const listOf =
  (each: Parse): Parse =>
  (value) => {
    if (value === null) return [];
    if (!Array.isArray(value)) throw new Reason(`${shown(value)} is not a list.`);
    if (value.length > limits.networkListEntries) {
      throw new Reason(`more than ${limits.networkListEntries} entries are given.`);
    }
    return value.map(each);
  };

/** An object with these keys and no others. */
export const objectOf =
  (keys: Readonly<Record<string, Parse>>, needed: readonly string[] = []): Parse =>
  (value) => {
    const object = asObject(value);
    if (object === null) throw new Reason(`${shown(value)} is not a dictionary.`);
    for (const key of needed) {
      if (object[key] === undefined)
        throw new Reason(`Validation of dictionary's keys failed. Expected keys: ${shown(needed)}.`);
    }
    const result: Record<string, unknown> = {};
    for (const [key, part] of Object.entries(object)) {
      const parse = Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (parse === undefined) throw new Reason(`Validation of dictionary's keys failed. Unknown key: '${key}'.`);
      result[key] = parse(part);
    }
    return result;
  };

export const anyObject: Parse = (value) => {
  if (value === null) return {};
  if (asObject(value) === null) throw new Reason(`${shown(value)} is not a dictionary.`);
  if (JSON.stringify(value).length > 4095) throw new Reason('the dictionary is too large.');
  return value;
};

export const orNull =
  (parse: Parse): Parse =>
  (value) =>
    value === null ? null : parse(value);

function projectOf(body: Readonly<Record<string, unknown>>, caller: Caller): string {
  const given = body['project_id'] ?? body['tenant_id'];
  if (body['project_id'] !== undefined && body['tenant_id'] !== undefined && body['project_id'] !== body['tenant_id']) {
    throw invalid("'project_id' and 'tenant_id' do not match");
  }
  if (given === undefined || given === null) {
    if (caller.projectId === null) throw invalid("A token without a project needs 'project_id' in the request");
    return caller.projectId;
  }
  if (typeof given !== 'string' || given === '' || given.length > 64) {
    throw invalid(`Invalid input for project_id. Reason: ${shown(given)} is not a valid string.`);
  }
  if (given !== caller.projectId && !caller.isAdmin) {
    throw invalid(
      "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges",
    );
  }
  return given;
}

function valuesFrom(attributes: Attributes, body: Values, caller: Caller, verb: 'create' | 'update'): Values {
  const values: Record<string, unknown> = {};
  for (const [name, raw] of Object.entries(body)) {
    if (name === 'project_id' || name === 'tenant_id') {
      if (verb === 'update') throw invalid(`Cannot update read-only attribute ${name}`);
      continue;
    }
    const attribute = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
    if (attribute === undefined) throw invalid(`Unrecognized attribute(s) '${name}'`);
    if (verb === 'create' && !attribute.onCreate) throw invalid(`Attribute '${name}' not allowed in POST`);
    if (verb === 'update' && !attribute.onUpdate) throw invalid(`Cannot update read-only attribute ${name}`);
    let value: unknown;
    try {
      value = attribute.parse(raw);
    } catch (error) {
      if (error instanceof Reason) throw invalid(`Invalid input for ${name}. Reason: ${error.message}`);
      throw error;
    }
    values[name] = value;
  }
  if (verb === 'update') return values;
  for (const [name, attribute] of Object.entries(attributes)) {
    if (values[name] !== undefined || !attribute.onCreate) continue;
    if (attribute.required) throw invalid(`Failed to parse request. Required attribute '${name}' not specified`);
    if (attribute.byDefault !== undefined) values[name] = attribute.byDefault;
  }
  return { ...values, project_id: projectOf(body, caller) };
}

/**
 * What a creation asks for: one object under its name, or several under the collection's.
 * @returns the values of each, with `project_id`, and whether they came as several
 */
export function readCreation(
  noun: { readonly singular: string; readonly collection: string; readonly attributes: Attributes },
  body: unknown,
  caller: Caller,
): { readonly values: readonly Values[]; readonly bulk: boolean } {
  const outer = asObject(body);
  if (outer === null) throw invalid('Resource body required');
  const many = outer[noun.collection];
  if (many !== undefined) {
    if (!Array.isArray(many) || many.length === 0) throw invalid('Resources required');
    if (many.length > limits.networkBulk) throw invalid(`More than ${limits.networkBulk} resources in one request`);
    const values = many.map((entry) => {
      // each entry may come bare or under its own name
      const item = asObject(asObject(entry)?.[noun.singular] ?? entry);
      if (item === null) throw invalid(`Unable to find '${noun.singular}' in request body`);
      return valuesFrom(noun.attributes, item, caller, 'create');
    });
    return { values, bulk: true };
  }
  const one = asObject(outer[noun.singular]);
  if (one === null) throw invalid(`Unable to find '${noun.singular}' in request body`);
  return { values: [valuesFrom(noun.attributes, one, caller, 'create')], bulk: false };
}

/** What an update asks for. */
export function readUpdate(
  noun: { readonly singular: string; readonly attributes: Attributes },
  body: unknown,
  caller: Caller,
): Values {
  const one = asObject(asObject(body)?.[noun.singular]);
  if (one === null) throw invalid(`Unable to find '${noun.singular}' in request body`);
  return valuesFrom(noun.attributes, one, caller, 'update');
}

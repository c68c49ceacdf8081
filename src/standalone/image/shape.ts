// Why: an image's attributes stand here once: what they may hold, who sets them, and how they look in an answer. Creation,
// patches, answers and the published schemas read it.

import type { ErrorObject } from 'ajv';
import { badRequest, Fault, forbidden } from '../../base/errors.ts';
import { isoSeconds } from '../../base/clock.ts';
import { isUuidLike } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { StoredImage } from '../../db/images.ts';
import { problemOf } from '../schema.ts';

const DISK_FORMATS = ['raw', 'qcow2', 'iso', 'aki', 'ari', 'ami'];
const CONTAINER_FORMATS = ['bare', 'aki', 'ari', 'ami', 'ovf', 'ova', 'docker', 'compressed'];
export const VISIBILITIES = ['public', 'private', 'shared', 'community'];

const LARGEST_INTEGER = 2_147_483_647;

interface Attribute {
  /** Its JSON schema, as published. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly readOnly?: true;
}

const text = (maxLength: number) => ({ type: ['null', 'string'], maxLength });
const count = { type: 'integer', minimum: 0, maximum: LARGEST_INTEGER };
const time = { schema: { type: 'string' }, readOnly: true } as const;
const wholeNumber = { schema: { type: ['null', 'integer'] }, readOnly: true } as const;

/** Every attribute that is not a property of the owner's choice. */
export const attributes: Readonly<Record<string, Attribute>> = {
  id: { schema: { type: 'string', pattern: '^([0-9a-fA-F]){8}(-([0-9a-fA-F]){4}){3}-([0-9a-fA-F]){12}$' } },
  name: { schema: text(255) },
  status: {
    schema: {
      type: 'string',
      enum: [
        'queued',
        'saving',
        'active',
        'killed',
        'deleted',
        'uploading',
        'importing',
        'pending_delete',
        'deactivated',
      ],
    },
    readOnly: true,
  },
  visibility: { schema: { type: 'string', enum: VISIBILITIES } },
  protected: { schema: { type: 'boolean' } },
  os_hidden: { schema: { type: 'boolean' } },
  checksum: { schema: text(32), readOnly: true },
  os_hash_algo: { schema: text(64), readOnly: true },
  os_hash_value: { schema: text(128), readOnly: true },
  owner: { schema: text(64) },
  size: wholeNumber,
  virtual_size: wholeNumber,
  container_format: { schema: { type: ['null', 'string'], enum: [null, ...CONTAINER_FORMATS] } },
  disk_format: { schema: { type: ['null', 'string'], enum: [null, ...DISK_FORMATS] } },
  created_at: time,
  updated_at: time,
  tags: { schema: { type: 'array', items: { type: 'string', maxLength: 255 } } },
  direct_url: { schema: { type: 'string' }, readOnly: true },
  self: { schema: { type: 'string' }, readOnly: true },
  file: { schema: { type: 'string' }, readOnly: true },
  schema: { schema: { type: 'string' }, readOnly: true },
  stores: { schema: { type: 'string' }, readOnly: true },
  locations: { schema: { type: 'array', items: { type: 'object' } }, readOnly: true },
  min_ram: { schema: count },
  min_disk: { schema: count },
};

/** Names that nobody may give a property. */
const reserved = (name: string): boolean =>
  ['location', 'deleted', 'deleted_at'].includes(name) || name.startsWith('os_glance_');

const attribute = (name: string): Attribute | undefined =>
  Object.hasOwn(attributes, name) ? attributes[name] : undefined;

const wrong = (name: string, why: string) =>
  badRequest(`Provided object does not match schema 'image': ${why} in property '${name}'`);

const property = { type: 'string', maxLength: 65_535 };

/** In which way a value is not what a schema says. */
const words: Readonly<Record<string, (value: unknown, limit: unknown) => string>> = {
  type: (value, type) => `${JSON.stringify(value)} is not of type ${[type].flat().join(', ')}`,
  enum: (value) => `${JSON.stringify(value)} is not one of the allowed values`,
  maxLength: (value) => `${String(value)} is too long`,
  pattern: (value) => `${String(value)} does not match the pattern`,
  minimum: (value, limit) => `${String(value)} is less than the minimum of ${String(limit)}`,
  maximum: (value, limit) => `${String(value)} is greater than the maximum of ${String(limit)}`,
};

function whyOf(name: string, value: unknown, { keyword, instancePath, schema }: ErrorObject): string {
  if (isProperty(name)) return keyword === 'type' ? 'a property must be a string' : 'the value is too long';
  if (instancePath !== '') return 'an entry is not a string of at most 255 characters';
  return words[keyword]?.(value, schema) ?? 'it is not what the schema says';
}

/** @throws badRequest where a value is not what the attribute's schema allows */
function checkValue(name: string, value: unknown): void {
  const problem = problemOf(attribute(name)?.schema ?? property, value);
  if (problem !== null) throw wrong(name, whyOf(name, value, problem));
}

/** @throws forbidden for an attribute that no caller sets, badRequest for a value that it cannot have */
export function checkAttribute(name: string, value: unknown): void {
  if (attribute(name)?.readOnly) throw forbidden(`Attribute '${name}' is read-only.`);
  if (reserved(name)) throw forbidden(`Attribute '${name}' is reserved.`);
  if (name.length === 0 || name.length > 255)
    throw badRequest('Custom property should not be greater than 255 characters.');
  if (value !== undefined) checkValue(name, value);
}

export const isProperty = (name: string): boolean => attribute(name) === undefined;

/** The field of a stored image that an attribute sets. */
const fields: Readonly<Record<string, keyof StoredImage>> = {
  id: 'id',
  name: 'name',
  visibility: 'visibility',
  protected: 'protected',
  os_hidden: 'hidden',
  owner: 'owner',
  container_format: 'containerFormat',
  disk_format: 'diskFormat',
  min_ram: 'minRamMb',
  min_disk: 'minDiskGb',
  tags: 'tags',
};

/** The image with one attribute set that is no property; the value has been checked. */
export function withAttribute(image: StoredImage, name: string, value: unknown): StoredImage {
  if (name === 'tags') return { ...image, tags: [...new Set(value as string[])] };
  if (name === 'id') return { ...image, id: (value as string).toLowerCase() };
  const field = fields[name];
  return field === undefined ? image : { ...image, [field]: value };
}

const tooMany = (what: string, limit: number, given: number) =>
  new Fault(
    'tooLarge',
    `The limit has been exceeded on the number of allowed image ${what}. Attempted: ${given}, Maximum: ${limit}`,
  );

/** The image, if it is within its bounds. @throws tooLarge when it has more tags or properties than one may, or larger ones */
export function checked(image: StoredImage): StoredImage {
  if (image.tags.length > limits.imageTags) throw tooMany('tags', limits.imageTags, image.tags.length);
  const properties = Object.entries(image.properties);
  if (properties.length > limits.imageProperties)
    throw tooMany('properties', limits.imageProperties, properties.length);
  const chars = properties.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (chars > limits.imagePropertiesChars) {
    throw new Fault(
      'tooLarge',
      `The properties of an image have at most ${limits.imagePropertiesChars} characters in total. Attempted: ${chars}`,
    );
  }
  return image;
}

/** Attributes that a body may name, and further members, which are properties. */
const MOST_MEMBERS = Object.keys(fields).length + limits.imageProperties;

/**
 * The image that a body asks for.
 * @param blank the image with every default, which the body's attributes replace
 */
export function imageFromBody(blank: StoredImage, body: Readonly<Record<string, unknown>>): StoredImage {
  const members = Object.entries(body);
  if (members.length > MOST_MEMBERS) {
    throw tooMany('properties', limits.imageProperties, members.filter(([name]) => isProperty(name)).length);
  }
  const properties: (readonly [string, string])[] = [];
  let image = blank;
  for (const [name, value] of members) {
    checkAttribute(name, value);
    if (isProperty(name)) properties.push([name, value as string]);
    else image = withAttribute(image, name, value);
  }
  if (!isUuidLike(image.id)) throw wrong('id', 'it is not a UUID');
  return checked({ ...image, properties: Object.fromEntries(properties) });
}

/** An image as answered. */
export function imageView(image: StoredImage): Record<string, unknown> {
  return {
    ...image.properties,
    name: image.name,
    disk_format: image.diskFormat,
    container_format: image.containerFormat,
    visibility: image.visibility,
    size: image.sizeBytes,
    virtual_size: image.virtualSizeBytes,
    status: image.status,
    checksum: image.checksum,
    protected: image.protected,
    min_ram: image.minRamMb,
    min_disk: image.minDiskGb,
    owner: image.owner,
    os_hidden: image.hidden,
    os_hash_algo: image.osHashAlgo,
    os_hash_value: image.osHashValue,
    id: image.id,
    created_at: isoSeconds(image.createdAt),
    updated_at: isoSeconds(image.updatedAt),
    tags: image.tags,
    self: `/v2/images/${image.id}`,
    file: `/v2/images/${image.id}/file`,
    schema: '/v2/schemas/image',
  };
}

/** The published schema of one image. */
export function imageSchema() {
  return {
    name: 'image',
    properties: Object.fromEntries(
      Object.entries(attributes)
        .filter(([name]) => !['stores', 'locations', 'direct_url'].includes(name))
        .map(([name, { schema, readOnly }]) => [name, readOnly ? { ...schema, readOnly: true } : schema]),
    ),
    additionalProperties: { type: 'string' },
    links: [
      { rel: 'self', href: '{self}' },
      { rel: 'enclosure', href: '{file}' },
      { rel: 'describedby', href: '{schema}' },
    ],
  };
}

/** The published schema of one member of an image. */
export function memberSchema() {
  return {
    name: 'member',
    properties: {
      created_at: { type: 'string' },
      image_id: { type: 'string' },
      member_id: { type: 'string' },
      schema: { type: 'string', readOnly: true },
      status: { type: 'string', enum: ['pending', 'accepted', 'rejected'] },
      updated_at: { type: 'string' },
    },
  };
}

/** The published schema of a page of either. */
export function pageSchema(name: string, item: object) {
  return {
    name,
    properties: {
      [name]: { type: 'array', items: item },
      first: { type: 'string' },
      next: { type: 'string' },
      schema: { type: 'string' },
    },
    links: [
      { rel: 'first', href: '{first}' },
      { rel: 'next', href: '{next}' },
      { rel: 'describedby', href: '{schema}' },
    ],
  };
}

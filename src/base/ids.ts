// Why: every identifier has one form, made and recognised in one place.

import { chance } from './chance.ts';
import { badRequest } from './errors.ts';

export const newUuid = (): string => chance.uuid();

/** Keystone writes its ids as 32 hex digits without hyphens. */
export const newHexId = (): string => chance.uuid().replaceAll('-', '');

export const newRequestId = (): string => `req-${chance.uuid()}`;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const isCanonicalUuid = (text: string): boolean => UUID.test(text);

/** The id itself, when it has the one form that may become part of a path; a Fault otherwise. */
export function checkedUuid(id: string): string {
  if (!UUID.test(id)) throw badRequest(`Not a UUID in its canonical form: ${JSON.stringify(id)}`, { code: 'uuid' });
  return id;
}

const UUID_LIKE = /^[0-9a-f]{32}$/;

/** More than whoever means a UUID writes around it: braces at the end are looked for in the square of what is longer. */
const UUID_CHARS = 128;

/** As oslo.utils' is_uuid_like: hyphens, braces, `urn:uuid:` and case do not matter. */
export const isUuidLike = (text: string): boolean =>
  text.length <= UUID_CHARS &&
  UUID_LIKE.test(
    text
      .replace('urn:', '')
      .replace('uuid:', '')
      .replace(/^[{}]+|[{}]+$/g, '')
      .replaceAll('-', '')
      .toLowerCase(),
  );

/** A request id that a caller handed in and that we keep: `req-` and a UUID (oslo.middleware's rule). */
export function isRequestId(text: string): boolean {
  return /^req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}

// Why: the span of versions we speak, and how a request says which one it wants. The rules are those of Nova's
// api_version_request and microversion_parse.

import { badRequest, Fault } from '../base/errors.ts';

const MIN_MINOR = 1;
export const MAX_MINOR = 104;

export const MIN_VERSION = `2.${MIN_MINOR}`;
export const MAX_VERSION = `2.${MAX_MINOR}`;

/** The text of the version that a pair of headers asks for; undefined where they ask for none. */
export function askedVersion(current: string | undefined, old: string | undefined): string | undefined {
  for (const part of (current ?? '').split(',')) {
    const found = /^(\S+)\s+(.*)$/s.exec(part.trim());
    if (found?.[1]?.toLowerCase() === 'compute') return found[2];
  }
  return old;
}

/**
 * The minor version to answer at.
 * @param current the `OpenStack-API-Version` header: `compute 2.79`, other services' entries count as absent
 * @param old the `X-OpenStack-Nova-API-Version` header: `2.79`
 * @throws badRequest for text that is no version, notAcceptable for one out of range
 */
export function negotiate(current: string | undefined, old: string | undefined): number {
  const asked = askedVersion(current, old);
  if (asked === undefined) return MIN_MINOR;
  const text = asked.trim();
  if (text === 'latest') return MAX_MINOR;
  const found = /^([1-9]\d*)\.([1-9]\d*|0)$/.exec(text);
  if (!found) {
    throw badRequest(`API Version String ${text} is of invalid format. Must be of format MajorNum.MinorNum.`);
  }
  const minor = Number(found[2]);
  if (found[1] !== '2' || minor < MIN_MINOR || minor > MAX_MINOR) {
    throw new Fault(
      'notAcceptable',
      `Version ${text} is not supported by the API. Minimum is ${MIN_VERSION} and maximum is ${MAX_VERSION}.`,
    );
  }
  return minor;
}

// Why: everything of ours on a host is found again by its name, and a name goes into file paths, bridges and XML: it is made
// only from an id that was checked.

import { createHash } from 'node:crypto';
import { badRequest } from '../../base/errors.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const DOMAIN_PREFIX = 'xloud-';
const NETWORK_PREFIX = 'xloud-';

/** The id itself, when it has the one form that may become part of a path; a Fault otherwise. */
export function checkedUuid(id: string): string {
  if (!UUID.test(id)) throw badRequest(`Not a UUID in its canonical form: ${JSON.stringify(id)}`, { code: 'uuid' });
  return id;
}

export const domainName = (uuid: string): string => DOMAIN_PREFIX + checkedUuid(uuid);
export const isOurDomain = (name: string): boolean =>
  name.startsWith(DOMAIN_PREFIX) && UUID.test(name.slice(DOMAIN_PREFIX.length));

export const networkName = (networkId: string): string => NETWORK_PREFIX + checkedUuid(networkId);

/** Linux allows 15 characters for a device; hashed, since ids that people choose differ in their last digits only. */
export function bridgeName(networkId: string): string {
  return `xl${createHash('sha256').update(checkedUuid(networkId)).digest('hex').slice(0, 12)}`;
}

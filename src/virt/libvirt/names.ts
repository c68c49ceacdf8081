// Why: everything of ours on a host is found again by its name, and a name goes into file paths, bridges and XML: it is made
// only from an id that was checked.

import { createHash } from 'node:crypto';
import { checkedUuid, isCanonicalUuid } from '../../base/ids.ts';

const DOMAIN_PREFIX = 'xloud-';
const NETWORK_PREFIX = 'xloud-';

export const domainName = (uuid: string): string => DOMAIN_PREFIX + checkedUuid(uuid);
export const isOurDomain = (name: string): boolean =>
  name.startsWith(DOMAIN_PREFIX) && isCanonicalUuid(name.slice(DOMAIN_PREFIX.length));

export const networkName = (networkId: string): string => NETWORK_PREFIX + checkedUuid(networkId);

/** Linux allows 15 characters for a device; hashed, since ids that people choose differ in their last digits only. */
export function bridgeName(networkId: string): string {
  return `xl${createHash('sha256').update(checkedUuid(networkId)).digest('hex').slice(0, 12)}`;
}

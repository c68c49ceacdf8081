// Why: what a port may speak as besides itself becomes a filter on a host, so it is addresses and nothing else, in one notation: as
// Neutron checks it, in its words (neutron_lib/api/validators/allowedaddresspairs.py).

import { type Cidr, contains, formatCidr, formatIp, parseCidr, parseIp } from '../../base/ip.ts';
import type { StoredPort } from '../../db/networks.ts';
import { asObject } from '../http.ts';
import { listOf, mac, type Parse, Reason, shown } from './attributes.ts';
import { invalid } from './faults.ts';

type Pair = StoredPort['allowedAddressPairs'][number];

const known = (text: string): Cidr => {
  const cidr = parseCidr(text);
  if (cidr === null) throw new Error(`no range: ${text}`);
  return cidr;
};
const multicast: readonly Cidr[] = ['224.0.0.0/4', 'ff00::/8'].map(known);

/** A range that holds more than multicast is taken, as of Neutron for years: the newest takes 0.0.0.0/0 alone of these. */
function rangeFrom(text: string): string {
  const cidr = parseCidr(text);
  if (cidr === null) throw invalid(`${shown(text)} is not a valid IP subnet`);
  const range = multicast.find((one) => one.prefix <= cidr.prefix && contains(one, { ...cidr, value: cidr.first }));
  if (range !== undefined) {
    throw invalid(`Subnet ${text} overlaps with multicast range ${formatCidr(range)}, which is not supported.`);
  }
  return formatCidr(cidr);
}

function addressFrom(value: unknown): string {
  if (typeof value === 'string' && value.includes('/')) return rangeFrom(value);
  const ip = typeof value === 'string' ? parseIp(value) : null;
  if (ip === null) throw invalid(`${shown(value)} is not a valid IP address`);
  if (multicast.some((range) => contains(range, ip))) {
    throw invalid(`IP ${String(value)} is a multicast address, which is not supported.`);
  }
  return formatIp(ip);
}

function macFrom(value: unknown): string {
  try {
    return mac(value) as string;
  } catch (error) {
    throw error instanceof Reason ? invalid(error.message.replace(/\.$/, '')) : error;
  }
}

function pairFrom(value: unknown): Pair {
  const pair = asObject(value);
  if (pair === null) throw new Reason(`${shown(value)} is not a dictionary.`);
  const { ip_address: address, mac_address: own, ...rest } = pair;
  const macAddress = own === undefined ? undefined : macFrom(own);
  if (address === undefined)
    throw invalid('AllowedAddressPair must contain ip_address', 'AllowedAddressPairsMissingIP');
  const unknown = Object.keys(rest);
  if (unknown.length > 0) throw invalid(`Unrecognized attribute(s) ${shown(unknown.join(', '))}`);
  const ipAddress = addressFrom(address);
  return { ip_address: ipAddress, ...(macAddress === undefined ? {} : { mac_address: macAddress }) };
}

/** Addresses and ranges of them, each perhaps with a MAC address of its own, none twice. */
export const addressPairs: Parse = (value) => {
  const pairs = listOf(pairFrom)(value) as readonly Pair[];
  const seen = new Set<string>();
  for (const { ip_address: address, mac_address: own } of pairs) {
    const key = `${own ?? ''} ${address}`;
    if (seen.has(key)) {
      throw invalid(
        `Request contains duplicate address pair: mac_address ${own ?? 'None'} ip_address ${address}.`,
        'DuplicateAddressPairInRequest',
      );
    }
    seen.add(key);
  }
  return pairs;
};

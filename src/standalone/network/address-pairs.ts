// Why: what a port may speak as besides itself becomes a filter on a host, so it is addresses and nothing else, in one notation: as
// Neutron checks it, in its words (neutron_lib/api/validators/allowedaddresspairs.py).

import { type Cidr, contains, formatCidr, formatIp, parseCidr, parseIp } from '../../base/ip.ts';
import type { StoredPort } from '../../db/networks.ts';
import { invalid } from './faults.ts';
import { converted, type Form, ipAddress, listOf, mac, objectOf, saying, subnet, type Words } from './forms.ts';

type Pair = StoredPort['allowedAddressPairs'][number];

const known = (text: string): Cidr => {
  const cidr = parseCidr(text);
  if (cidr === null) throw new Error(`no range: ${text}`);
  return cidr;
};
const multicast: readonly Cidr[] = ['224.0.0.0/4', 'ff00::/8'].map(known);

/** A range that holds more than multicast is taken, as of Neutron for years: the newest takes 0.0.0.0/0 alone of these. */
function rangeFrom(text: string): string {
  const cidr = known(text);
  const range = multicast.find((one) => one.prefix <= cidr.prefix && contains(one, { ...cidr, value: cidr.first }));
  if (range !== undefined) {
    throw invalid(`Subnet ${text} overlaps with multicast range ${formatCidr(range)}, which is not supported.`);
  }
  return formatCidr(cidr);
}

function addressFrom(text: string): string {
  const ip = parseIp(text);
  if (ip === null) return rangeFrom(text);
  if (multicast.some((range) => contains(range, ip))) {
    throw invalid(`IP ${text} is a multicast address, which is not supported.`);
  }
  return formatIp(ip);
}

/** Neutron says what is wrong with a pair without the name of the attribute. */
const alone = (message: string): Words => [message, 'HTTPBadRequest'];

const addressOrRange: Form = {
  schema: {
    type: 'string',
    if: { pattern: '/' },
    then: { ...subnet.schema, ...saying({ '*': alone('{value} is not a valid IP subnet') }) },
    else: { ...ipAddress.schema, ...saying({ '*': alone('{value} is not a valid IP address') }) },
    ...saying({ '*': alone('{value} is not a valid IP address') }),
  },
  convert: (value) => addressFrom(value as string),
};

const macAddress: Form = {
  ...mac,
  schema: { ...mac.schema, ...saying({ '*': alone('{value} is not a valid MAC address') }) },
};

const pair = objectOf(
  { ip_address: addressOrRange, mac_address: macAddress },
  ['ip_address'],
  saying({
    required: ['AllowedAddressPair must contain ip_address', 'AllowedAddressPairsMissingIP'],
    additionalProperties: alone("Unrecognized attribute(s) '{key}'"),
  }),
);

const pairs = listOf(pair);

function unrepeated(list: readonly Pair[]): readonly Pair[] {
  const seen = new Set<string>();
  for (const { ip_address: address, mac_address: own } of list) {
    const key = `${own ?? ''} ${address}`;
    if (seen.has(key)) {
      throw invalid(
        `Request contains duplicate address pair: mac_address ${own ?? 'None'} ip_address ${address}.`,
        'DuplicateAddressPairInRequest',
      );
    }
    seen.add(key);
  }
  return list;
}

/** Addresses and ranges of them, each perhaps with a MAC address of its own, none twice. */
export const addressPairs: Form = {
  schema: pairs.schema,
  convert: (value) => unrepeated(converted(pairs, value) as readonly Pair[]),
};

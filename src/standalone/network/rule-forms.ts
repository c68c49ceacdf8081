// Why: what a rule of a security group lets through is told in forms of its own, and so are their faults.

import { parseCidr, parseIp } from '../../base/ip.ts';
import { addFormat } from '../schema.ts';
import { type Form, saying } from './forms.ts';

const PROTOCOLS = [
  'ah',
  'dccp',
  'egp',
  'esp',
  'gre',
  'icmp',
  'icmpv6',
  'igmp',
  'ipip',
  'ipv6-encap',
  'ipv6-frag',
  'ipv6-icmp',
  'ipv6-nonxt',
  'ipv6-opts',
  'ipv6-route',
  'ospf',
  'pgm',
  'rsvp',
  'sctp',
  'tcp',
  'udp',
  'udplite',
  'vrrp',
];

/** Any protocol. */
const ANY = ['any', ''];

addFormat(
  'neutron-protocol',
  (text) => ANY.includes(text) || PROTOCOLS.includes(text.toLowerCase()) || /^\d{1,3}$/.test(text),
);

/** A protocol's name or number. */
export const protocol: Form = {
  schema: {
    type: ['string', 'integer', 'null'],
    format: 'neutron-protocol',
    minimum: 0,
    maximum: 255,
    ...saying({
      '*': [
        `Security group rule protocol {value} not supported. Only protocol values [${PROTOCOLS.join(', ')}] and integer representations [0 to 255] are supported.`,
        'SecurityGroupRuleInvalidProtocol',
      ],
    }),
  },
  convert(value) {
    const text = String(value as string | number | null);
    if (value === null || ANY.includes(text)) return null;
    const word = text.toLowerCase();
    return PROTOCOLS.includes(word) ? word : String(Number(word));
  },
};

const ETHERTYPES = ['IPv4', 'IPv6'];
const named = (text: string): string | undefined => ETHERTYPES.find((one) => one.toLowerCase() === text.toLowerCase());

addFormat('neutron-ethertype', (text) => named(text) !== undefined);

export const ethertype: Form = {
  schema: {
    type: 'string',
    format: 'neutron-ethertype',
    ...saying({
      '*': [
        "Security group rule for ethertype {value} not supported. Allowed values are ['IPv4', 'IPv6'].",
        'SecurityGroupRuleInvalidEtherType',
      ],
    }),
  },
  convert: (value) => named(value as string),
};

/** An address alone stands for the network of it. */
const networkOf = (written: string): string =>
  written.includes('/') ? written : `${written}/${parseIp(written)?.version === 6 ? 128 : 32}`;

addFormat('neutron-prefix', (text) => text === '' || parseCidr(networkOf(text)) !== null);

/** A network, kept as it is written. */
export const prefix: Form = {
  schema: {
    type: ['string', 'null'],
    format: 'neutron-prefix',
    ...saying({ '*': '{value} is not a valid IP subnet.' }),
  },
  convert: (value) => (value === null || value === '' ? null : networkOf(value as string)),
};

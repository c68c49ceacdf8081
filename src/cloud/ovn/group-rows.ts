// Why: a security group is a port group with one ACL per rule, whose match is written in OVN's expression language. A rule that it cannot
// express is refused on creation; an existing one matches nothing.

import { formatCidr, parseCidr } from '../../base/ip.ts';
import type { GroupFacts, RuleFacts } from './facts.ts';
import { priority } from './guard-rows.ts';
import { fromMetadata, toMetadata } from './metadata-port.ts';
import { units, type WantedRow } from './northbound.ts';

export const groupName = (id: string): string => `pg_${id.replaceAll('-', '_')}`;

/** IANA's numbers of the protocols that Neutron names. */
const numbers: Readonly<Record<string, number>> = {
  ...{ ah: 51, dccp: 33, egp: 8, esp: 50, gre: 47, igmp: 2, ipip: 4, 'ipv6-encap': 41, 'ipv6-frag': 44 },
  ...{ 'ipv6-nonxt': 59, 'ipv6-opts': 60, 'ipv6-route': 43, ospf: 89, pgm: 113, rsvp: 46, udplite: 136, vrrp: 112 },
};

const WITH_PORTS: Readonly<Record<string, string>> = {
  tcp: 'tcp',
  6: 'tcp',
  udp: 'udp',
  17: 'udp',
  sctp: 'sctp',
  132: 'sctp',
};
const ICMP: Readonly<Record<string, string>> = { ipv6: 'icmp6', ipv4: 'icmp4' };

const between = (field: string, low: number | null, high: number | null): string[] => {
  if (low === null && high === null) return [];
  if (low === high || high === null) return [`${field} == ${low}`];
  return [`${field} >= ${low ?? 0}`, `${field} <= ${high}`];
};

/** The protocol part of a rule's match; null: OVN cannot express it. */
function protocolMatch({ protocol, ethertype, portRangeMin: low, portRangeMax: high }: RuleFacts): string[] | null {
  if (protocol === null) return [];
  const transport = WITH_PORTS[protocol];
  if (transport !== undefined) {
    const ports = between(`${transport}.dst`, low, high);
    return ports.length === 0 ? [transport] : ports;
  }
  const isIcmp = protocol === 'icmp' || (protocol === '1' && ethertype === 'IPv4');
  const isIcmp6 = ['icmpv6', 'ipv6-icmp', '58'].includes(protocol);
  if (isIcmp || isIcmp6) {
    const word = isIcmp6 ? 'icmp6' : (ICMP[ethertype.toLowerCase()] ?? 'icmp4');
    return [
      word,
      ...(low === null ? [] : [`${word}.type == ${low}`]),
      ...(high === null ? [] : [`${word}.code == ${high}`]),
    ];
  }
  // OVN matches ports of no other protocol
  if (low !== null || high !== null) return null;
  const number = numbers[protocol] ?? Number(protocol);
  return Number.isInteger(number) ? [`ip.proto == ${number}`] : null;
}

/** Why OVN cannot express a rule; null: it can. */
export const ruleProblem = (rule: RuleFacts): string | null =>
  protocolMatch(rule) === null
    ? `The network engine ovn cannot tell ports of protocol ${rule.protocol}; a rule without ports is possible.`
    : null;

/** A rule as an OVN match; null: OVN cannot express it. */
export function matchOf(groupId: string, rule: RuleFacts): string | null {
  const protocol = protocolMatch(rule);
  if (protocol === null) return null;
  const isIn = rule.direction === 'ingress';
  const family = rule.ethertype === 'IPv6' ? 6 : 4;
  const other = `ip${family}.${isIn ? 'src' : 'dst'}`;
  const { remoteIpPrefix, remoteGroupId } = rule;
  // a prefix may have host bits set, which OVN rejects
  const range = remoteIpPrefix === null ? null : parseCidr(remoteIpPrefix);
  if (remoteIpPrefix !== null && range === null) return null;
  const ranges = rule.remoteRanges?.filter((one) => parseCidr(one)?.version === family);
  // an address group without addresses of this family matches nothing
  if (ranges?.length === 0) return null;
  return [
    `${isIn ? 'outport' : 'inport'} == @${groupName(groupId)}`,
    `ip${family}`,
    ...protocol,
    ...(range === null || range.prefix === 0 ? [] : [`${other} == ${formatCidr(range)}`]),
    // OVN maintains an address set per port group and family
    ...(ranges === undefined ? [] : [`${other} == {${ranges.join(', ')}}`]),
    ...(remoteGroupId === null ? [] : [`${other} == $${groupName(remoteGroupId)}_ip${family}`]),
  ].join(' && ');
}

/** Without connection tracking, requests to metadata and its answers need an ACL each. */
const statelessMetadata = (id: string): readonly WantedRow[] =>
  ([4, 6] as const).flatMap((family) =>
    (
      [
        ['out', 'from-lport', `inport == @${groupName(id)} && ${toMetadata[family]}`],
        ['in', 'to-lport', `outport == @${groupName(id)} && ${fromMetadata[family]}`],
      ] as const
    ).map(([name, direction, match]) => ({
      table: 'ACL',
      key: `metadata-${name}-${family}/${id}`,
      columns: { direction, priority: priority.allowed, match, action: 'allow-stateless' },
      within: { key: units.group(id), column: 'acls' },
    })),
  );

export function groupRows({ id, stateful, rules }: GroupFacts): readonly WantedRow[] {
  const key = units.group(id);
  return [
    { table: 'Port_Group', key, columns: { name: groupName(id) } },
    ...(stateful ? [] : statelessMetadata(id)),
    ...rules.flatMap((rule): WantedRow[] => {
      const match = matchOf(id, rule);
      if (match === null) return [];
      const direction = rule.direction === 'ingress' ? 'to-lport' : 'from-lport';
      const action = stateful ? 'allow-related' : 'allow-stateless';
      return [
        {
          table: 'ACL',
          key: `rule/${rule.id}`,
          columns: { direction, priority: priority.allowed, match, action },
          within: { key, column: 'acls' },
        },
      ];
    }),
  ];
}

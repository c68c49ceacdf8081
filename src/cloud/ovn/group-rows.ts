// Why: a security group is a port group with an access list for each of its rules. What a rule says is written in OVN's language of
// matches; what that language cannot say is refused where the rule is made, and lets nothing through where it is there already.

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

/** The protocol of a rule as OVN says it; null: it cannot. */
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
  // of no other protocol OVN knows where the ports stand
  if (low !== null || high !== null) return null;
  const number = numbers[protocol] ?? Number(protocol);
  return Number.isInteger(number) ? [`ip.proto == ${number}`] : null;
}

/** Why OVN cannot do what a rule says; null: it can. */
export const ruleProblem = (rule: RuleFacts): string | null =>
  protocolMatch(rule) === null
    ? `The network engine ovn cannot tell ports of protocol ${rule.protocol}; a rule without ports is possible.`
    : null;

/** What a rule says in OVN's language; null: it cannot be said. */
export function matchOf(groupId: string, rule: RuleFacts): string | null {
  const protocol = protocolMatch(rule);
  if (protocol === null) return null;
  const isIn = rule.direction === 'ingress';
  const family = rule.ethertype === 'IPv6' ? 6 : 4;
  const other = `ip${family}.${isIn ? 'src' : 'dst'}`;
  const { remoteIpPrefix, remoteGroupId } = rule;
  // as it was written it may have bits behind its prefix, which OVN does not read
  const range = remoteIpPrefix === null ? null : parseCidr(remoteIpPrefix);
  if (remoteIpPrefix !== null && range === null) return null;
  const ranges = rule.remoteRanges?.filter((one) => parseCidr(one)?.version === family);
  // a list without an address of the family is nobody's
  if (ranges?.length === 0) return null;
  return [
    `${isIn ? 'outport' : 'inport'} == @${groupName(groupId)}`,
    `ip${family}`,
    ...protocol,
    ...(range === null || range.prefix === 0 ? [] : [`${other} == ${formatCidr(range)}`]),
    // OVN itself keeps a set of the addresses of a port group, for each family
    ...(ranges === undefined ? [] : [`${other} == {${ranges.join(', ')}}`]),
    ...(remoteGroupId === null ? [] : [`${other} == $${groupName(remoteGroupId)}_ip${family}`]),
  ].join(' && ');
}

/** Without connections that are followed, metadata and what it answers have to be let through each by itself. */
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

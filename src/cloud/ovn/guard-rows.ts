// Why: a port with port security sends and receives only what its groups allow, plus what it needs in any case: DHCP, ARP and neighbour
// discovery, and metadata. It must not act as a DHCP server.
//
// Not preventable here: OVN passes all neighbour discovery, router advertisements included, before it evaluates ACLs. A guest with an IPv6
// address can pose as its neighbours' router, so networks shared between projects have no IPv6.

import { METADATA, toMetadata } from './metadata-port.ts';
import { units, type WantedRow } from './northbound.ts';

export const GUARD = 'pg_xloud_guard';

/** Higher values are evaluated first; the rules of groups have `allowed`. */
export const priority = { never: 1003, allowed: 1002, nothingElse: 1001 } as const;

const [FROM, TO] = [`inport == @${GUARD}`, `outport == @${GUARD}`];

const rules = [
  // only a DHCP server sends from these ports, a guest must not
  ['no-dhcp-server', 'from-lport', priority.never, `${FROM} && ip4 && udp.src == 67`, 'drop'],
  ['no-dhcp6-server', 'from-lport', priority.never, `${FROM} && ip6 && udp.src == 547`, 'drop'],
  // only to the broadcast address, which OVN answers: to other addresses it would bypass the groups
  [
    'dhcp',
    'from-lport',
    priority.allowed,
    `${FROM} && ip4.dst == 255.255.255.255 && udp.src == 68 && udp.dst == 67`,
    'allow',
  ],
  [
    'dhcp6',
    'from-lport',
    priority.allowed,
    `${FROM} && ip6.dst == ff02::1:2 && udp.src == 546 && udp.dst == 547`,
    'allow',
  ],
  ['neighbours-out', 'from-lport', priority.allowed, `${FROM} && (nd || nd_rs || mldv1 || mldv2)`, 'allow'],
  ['neighbours-in', 'to-lport', priority.allowed, `${TO} && (nd || nd_ra || mldv1 || mldv2)`, 'allow'],
  // whatever its groups say, or the guest could not get its user's key; only at the network's own metadata port:
  // through a router it would be the metadata service of a cloud that this one runs in
  ['metadata', 'from-lport', priority.allowed, `${FROM} && ${toMetadata[4]}`, 'allow-related'],
  ['metadata6', 'from-lport', priority.allowed, `${FROM} && ${toMetadata[6]}`, 'allow-related'],
  [
    'no-metadata-elsewhere',
    'from-lport',
    priority.never,
    `${FROM} && ip4.dst == ${METADATA.ip4} && eth.dst != ${METADATA.mac}`,
    'drop',
  ],
  ['nothing-out', 'from-lport', priority.nothingElse, `${FROM} && ip`, 'drop'],
  ['nothing-in', 'to-lport', priority.nothingElse, `${TO} && ip`, 'drop'],
] as const;

export const guardRows = (): readonly WantedRow[] => [
  { table: 'Port_Group', key: units.guard, columns: { name: GUARD } },
  ...rules.map(
    ([name, direction, rank, match, action]): WantedRow => ({
      table: 'ACL',
      key: `guard/${name}`,
      columns: { direction, priority: rank, match, action },
      within: { key: units.guard, column: 'acls' },
    }),
  ),
];

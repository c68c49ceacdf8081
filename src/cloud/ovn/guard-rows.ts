// Why: a port that is guarded gets nothing and sends nothing but what its groups let through, and what it cannot do without: its
// addresses (DHCP), its neighbours (ARP, neighbour discovery) and its metadata. It is nobody's DHCP server.
//
// What cannot be forbidden here: OVN lets every kind of neighbour discovery pass before it asks any list, router advertisements too. A
// guest with an IPv6 address can have its neighbours take it for their router, so no network of several projects has IPv6.

import { METADATA, toMetadata } from './metadata-port.ts';
import { units, type WantedRow } from './northbound.ts';

export const GUARD = 'pg_xloud_guard';

/** Higher is asked first; the rules of groups stand between. */
export const priority = { never: 1003, allowed: 1002, nothingElse: 1001 } as const;

const [FROM, TO] = [`inport == @${GUARD}`, `outport == @${GUARD}`];

const rules = [
  // a reply of such a kind comes from a server, not from a guest
  ['no-dhcp-server', 'from-lport', priority.never, `${FROM} && ip4 && udp.src == 67`, 'drop'],
  ['no-dhcp6-server', 'from-lport', priority.never, `${FROM} && ip6 && udp.src == 547`, 'drop'],
  // to all, which OVN answers: to anybody else it would be a way out
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
  // whatever its groups say, or it would not hear of the key that lets its user in; on the network's own port alone, and nowhere else:
  // by a router it would be the metadata of the cloud that this one runs in
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

// Why: guests request metadata at two addresses that are the same on every network. OVN delivers these packets to a `localport`, which every
// host has for itself, so they never leave the host.

import type { WantedRow } from './northbound.ts';

export const METADATA = {
  ip4: '169.254.169.254',
  ip6: 'fe80::a9fe:a9fe',
  /** The same on all networks, which are separate L2 segments, so that ACLs for all ports can name it. */
  mac: '02:a9:fe:a9:fe:00',
  tcpPort: 80,
} as const;

const PREFIX = 'metadata-';

/** The logical port name, which is the `iface-id` of the interface on each host. */
export const metadataPortName = (networkId: string): string => `${PREFIX}${networkId}`;

/** The port through which a network's guests reach metadata; it uses no address of the network's subnets. */
export const metadataRow = (networkId: string, networkKey: string): WantedRow => ({
  table: 'Logical_Switch_Port',
  key: `metadata/${networkId}`,
  columns: {
    name: metadataPortName(networkId),
    type: 'localport',
    addresses: [`${METADATA.mac} ${METADATA.ip4} ${METADATA.ip6}`],
    options: {},
  },
  within: { key: networkKey, column: 'ports' },
});

/** Matches for requests to the port, by IP version. */
export const toMetadata = {
  4: `eth.dst == ${METADATA.mac} && ip4.dst == ${METADATA.ip4} && tcp.dst == ${METADATA.tcpPort}`,
  6: `eth.dst == ${METADATA.mac} && ip6.dst == ${METADATA.ip6} && tcp.dst == ${METADATA.tcpPort}`,
} as const;

/** Answers never open a connection (SYN without ACK), so spoofed ones cannot reach a listening port. */
const NO_OPENING = 'tcp.flags != 2/18';
export const fromMetadata = {
  4: `eth.src == ${METADATA.mac} && ip4.src == ${METADATA.ip4} && tcp.src == ${METADATA.tcpPort} && ${NO_OPENING}`,
  6: `eth.src == ${METADATA.mac} && ip6.src == ${METADATA.ip6} && tcp.src == ${METADATA.tcpPort} && ${NO_OPENING}`,
} as const;

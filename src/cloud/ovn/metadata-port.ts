// Why: guests ask for their metadata at two addresses that are the same on every network. OVN takes what they send there to a port that
// each host has for itself (`localport`), and that never leaves the host.

import type { WantedRow } from './northbound.ts';

export const METADATA = {
  ip4: '169.254.169.254',
  ip6: 'fe80::a9fe:a9fe',
  /** One for all networks, each of which is a wire of its own: so that rules for all ports can name it. */
  mac: '02:a9:fe:a9:fe:00',
  tcpPort: 80,
} as const;

const PREFIX = 'metadata-';

/** The name of a network's port, to which the interface on each host is tied. */
export const metadataPortName = (networkId: string): string => `${PREFIX}${networkId}`;

/** The port by which a network's guests reach their metadata; it takes no address of the network's subnets. */
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

/** What is sent to the port, and what it answers, by IP version. */
export const toMetadata = {
  4: `eth.dst == ${METADATA.mac} && ip4.dst == ${METADATA.ip4} && tcp.dst == ${METADATA.tcpPort}`,
  6: `eth.dst == ${METADATA.mac} && ip6.dst == ${METADATA.ip6} && tcp.dst == ${METADATA.tcpPort}`,
} as const;

/** An answer is none that opens a connection: what could be made to look like one reaches nothing that listens. */
const NO_OPENING = 'tcp.flags != 2/18';
export const fromMetadata = {
  4: `eth.src == ${METADATA.mac} && ip4.src == ${METADATA.ip4} && tcp.src == ${METADATA.tcpPort} && ${NO_OPENING}`,
  6: `eth.src == ${METADATA.mac} && ip6.src == ${METADATA.ip6} && tcp.src == ${METADATA.tcpPort} && ${NO_OPENING}`,
} as const;

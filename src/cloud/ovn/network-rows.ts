// Why: a network is a logical switch of its own, so that what other networks have (the same range, the same MAC addresses) is nothing to it.

import { isCanonicalUuid } from '../../base/ids.ts';
import { dhcpOptions } from './dhcp.ts';
import type { NetworkFacts, Site, SubnetFacts } from './facts.ts';
import { metadataRow } from './metadata-port.ts';
import { units, type WantedRow } from './northbound.ts';

export const subnetKey = ({ id, networkId }: SubnetFacts): string => `subnet/${networkId}/${id}`;
const SWITCH = 'network-';
export const switchName = (networkId: string): string => `${SWITCH}${networkId}`;
/** The network of a switch by its name; null: it is nobody's of ours. */
export const networkOfSwitch = (name: string): string | null =>
  name.startsWith(SWITCH) && isCanonicalUuid(name.slice(SWITCH.length)) ? name.slice(SWITCH.length) : null;

/** The way from an external network's switch to the wire. */
const wireRow = (networkId: string, wire: string): WantedRow => ({
  table: 'Logical_Switch_Port',
  key: `wire/${networkId}`,
  columns: {
    name: `wire-${networkId}`,
    type: 'localnet',
    addresses: ['unknown'],
    options: { network_name: wire },
  },
  within: { key: units.network(networkId), column: 'ports' },
});

export function networkRows(
  network: NetworkFacts,
  subnets: readonly SubnetFacts[],
  { wire, metadata }: Site,
): readonly WantedRow[] {
  const { id, mtu, external } = network;
  return [
    { table: 'Logical_Switch', key: units.network(id), columns: { name: switchName(id), other_config: {} } },
    ...subnets.map(
      (subnet): WantedRow => ({
        table: 'DHCP_Options',
        key: subnetKey(subnet),
        columns: { cidr: subnet.cidr, options: dhcpOptions(subnet, mtu, metadata) },
      }),
    ),
    ...(metadata ? [metadataRow(id, units.network(id))] : []),
    ...(external && wire !== '' ? [wireRow(id, wire)] : []),
  ];
}

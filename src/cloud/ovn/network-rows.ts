// Why: every network is a logical switch of its own, so networks may use the same ranges and MAC addresses.

import { isCanonicalUuid } from '../../base/ids.ts';
import { dhcpOptions } from './dhcp.ts';
import type { NetworkFacts, Site, SubnetFacts } from './facts.ts';
import { metadataRow } from './metadata-port.ts';
import { units, type WantedRow } from './northbound.ts';

export const subnetKey = ({ id, networkId }: SubnetFacts): string => `subnet/${networkId}/${id}`;
const SWITCH = 'network-';
export const switchName = (networkId: string): string => `${SWITCH}${networkId}`;
/** The network of a switch by its name; null: it is not ours. */
export const networkOfSwitch = (name: string): string | null =>
  name.startsWith(SWITCH) && isCanonicalUuid(name.slice(SWITCH.length)) ? name.slice(SWITCH.length) : null;

/** The physical network of a network; null: none. */
export const wireOf = ({ external, physicalNetwork = null }: NetworkFacts, site: Pick<Site, 'wire'>): string | null =>
  physicalNetwork ?? (external && site.wire !== '' ? site.wire : null);

/** The `localnet` port that connects a network's switch to its physical network, with its VLAN. */
const wireRow = (networkId: string, wire: string, vlan: number | null): WantedRow => ({
  table: 'Logical_Switch_Port',
  key: `wire/${networkId}`,
  columns: {
    name: `wire-${networkId}`,
    type: 'localnet',
    addresses: ['unknown'],
    options: { network_name: wire },
    tag: vlan === null ? [] : [vlan],
  },
  within: { key: units.network(networkId), column: 'ports' },
});

export function networkRows(network: NetworkFacts, subnets: readonly SubnetFacts[], site: Site): readonly WantedRow[] {
  const { id, mtu, segmentationId = null } = network;
  const { metadata } = site;
  const wire = wireOf(network, site);
  const tunnel = wire !== null || segmentationId === null ? {} : { 'requested-tnl-key': String(segmentationId) };
  return [
    {
      table: 'Logical_Switch',
      key: units.network(id),
      columns: { name: switchName(id), other_config: tunnel as Record<string, string> },
    },
    ...subnets.map(
      (subnet): WantedRow => ({
        table: 'DHCP_Options',
        key: subnetKey(subnet),
        columns: { cidr: subnet.cidr, options: dhcpOptions(subnet, mtu, metadata) },
      }),
    ),
    ...(metadata ? [metadataRow(id, units.network(id))] : []),
    ...(wire === null ? [] : [wireRow(id, wire, segmentationId)]),
  ];
}

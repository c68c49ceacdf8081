// Why: the input from which OVN's rows are generated, taken from the network service's tables.

import type { ExtraOption } from './extra-dhcp.ts';

export interface SubnetFacts {
  readonly id: string;
  readonly networkId: string;
  readonly ipVersion: 4 | 6;
  readonly cidr: string;
  readonly gatewayIp: string | null;
  readonly enableDhcp: boolean;
  readonly dnsNameservers: readonly string[];
  readonly hostRoutes: readonly { readonly destination: string; readonly nexthop: string }[];
}

export interface NetworkFacts {
  readonly id: string;
  readonly external: boolean;
  /** Bytes. */
  readonly mtu: number;
  /** The physical network; null: an external network uses the site's, any other is a tunnel. */
  readonly physicalNetwork?: string | null;
  /** Its VLAN, or its tunnel key if it has no physical network; null: not requested. */
  readonly segmentationId?: number | null;
}

export interface PortFacts {
  readonly id: string;
  readonly networkId: string;
  readonly macAddress: string;
  readonly adminStateUp: boolean;
  readonly deviceOwner: string;
  readonly portSecurityEnabled: boolean;
  readonly securityGroups: readonly string[];
  readonly allowedAddressPairs: readonly { readonly ip_address: string; readonly mac_address?: string }[];
  /** Additional DHCP options of this port. */
  readonly extraDhcpOpts?: readonly ExtraOption[] | null;
}

/** A bandwidth limit for what a port sends (`egress`) or receives. */
export interface LimitFacts {
  readonly direction: string;
  /** kbit/s. */
  readonly maxKbps: number;
  /** kbit; 0: OVN's default. */
  readonly maxBurstKbps: number;
}

/** What a port's rows contain besides the port's own attributes. */
export interface PortContext {
  readonly limits?: readonly LimitFacts[];
  /** Of its network, bytes. */
  readonly mtu?: number;
  /** Whether its network has a metadata service. */
  readonly metadata?: boolean;
  /** The chassis that may bind it: its host's, and the destination's during a live migration; none: whichever plugs it. */
  readonly chassis?: readonly string[];
}

/** An address of a port, with its subnet. */
export interface AddressFacts {
  readonly address: string;
  readonly subnet: SubnetFacts;
}

export interface RuleFacts {
  readonly id: string;
  readonly direction: string;
  readonly ethertype: string;
  readonly protocol: string | null;
  readonly portRangeMin: number | null;
  readonly portRangeMax: number | null;
  readonly remoteIpPrefix: string | null;
  readonly remoteGroupId: string | null;
  /** Remote ranges of either family (an address group's); absent: any. */
  readonly remoteRanges?: readonly string[];
}

export interface GroupFacts {
  readonly id: string;
  readonly stateful: boolean;
  readonly rules: readonly RuleFacts[];
}

/** A router's port on a network. */
export interface RouterPortFacts {
  readonly port: Pick<PortFacts, 'id' | 'macAddress'>;
  readonly network: NetworkFacts;
  readonly addresses: readonly AddressFacts[];
}

/** A port forwarding of a floating address. */
export interface ForwardingFacts {
  readonly floatingIpId: string;
  readonly address: string;
  readonly protocol: string;
  readonly externalPort: number;
  readonly fixedIp: string;
  readonly internalPort: number;
}

export interface RouterFacts {
  readonly id: string;
  readonly adminStateUp: boolean;
  /** Whether traffic without a floating address leaves with the router's own address. */
  readonly enableSnat: boolean;
  readonly routes: readonly { readonly destination: string; readonly nexthop: string }[];
  /** Its port on the external network; null: it has no gateway. */
  readonly gateway: RouterPortFacts | null;
  readonly interfaces: readonly RouterPortFacts[];
  readonly floatingIps: readonly { readonly id: string; readonly address: string; readonly fixedIp: string }[];
  readonly forwardings: readonly ForwardingFacts[];
}

/** Settings of the site that the rows depend on. */
export interface Site {
  /** The physical network of external networks, by its name in `ovn-bridge-mappings`; empty: there is none. */
  readonly wire: string;
  /** The gateway chassis of routers, in order of priority; none: those that have the physical network. */
  readonly gateways: readonly string[];
  /** Whether guests have a metadata service. */
  readonly metadata: boolean;
}

/** The chassis of hosts, by host name. */
export type ChassisOfHosts = ReadonlyMap<string, { readonly name: string; readonly wires: readonly string[] }>;

// Why: what OVN's rows are made of, as the tables of the network service have it; nothing else about an object matters to them.

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
  /** The wire that it is on; null: an external one is on the site's, and any other on none. */
  readonly physicalNetwork?: string | null;
  /** Its VLAN there, or its number among tunnels where it is on no wire; null: none was asked for. */
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
  /** What DHCP tells it beside what its subnet says. */
  readonly extraDhcpOpts?: readonly ExtraOption[] | null;
}

/** How much a port may send (`egress`) or be sent. */
export interface LimitFacts {
  readonly direction: string;
  /** kbit/s. */
  readonly maxKbps: number;
  /** kbit; 0: as OVN sees fit. */
  readonly maxBurstKbps: number;
}

/** What the rows of a port have in them beside what it is itself. */
export interface PortContext {
  readonly limits?: readonly LimitFacts[];
  /** Of its network, bytes. */
  readonly mtu?: number;
  /** Whether its network has a metadata service. */
  readonly metadata?: boolean;
  /** The chassis that may have it: its host's, and the one to which its server is on its way; none: whichever plugs it. */
  readonly chassis?: readonly string[];
}

/** An address of a port, with the subnet that it is of. */
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
  /** Ranges of either family, of which it speaks; absent: of any. */
  readonly remoteRanges?: readonly string[];
}

export interface GroupFacts {
  readonly id: string;
  readonly stateful: boolean;
  readonly rules: readonly RuleFacts[];
}

/** A port by which a router is on a network. */
export interface RouterPortFacts {
  readonly port: Pick<PortFacts, 'id' | 'macAddress'>;
  readonly network: NetworkFacts;
  readonly addresses: readonly AddressFacts[];
}

/** One port of a floating address, and where it leads. */
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
  /** Whether what has no floating address goes out by the router's own. */
  readonly enableSnat: boolean;
  readonly routes: readonly { readonly destination: string; readonly nexthop: string }[];
  /** On its external network; null: it leads nowhere. */
  readonly gateway: RouterPortFacts | null;
  readonly interfaces: readonly RouterPortFacts[];
  readonly floatingIps: readonly { readonly id: string; readonly address: string; readonly fixedIp: string }[];
  readonly forwardings: readonly ForwardingFacts[];
}

/** What of the site the rows have in them. */
export interface Site {
  /** The name in `ovn-bridge-mappings` of the wire to which external networks lead; empty: to none. */
  readonly wire: string;
  /** The chassis that carry what goes in and out of routers, the first that lives before the others; none: those on its wire. */
  readonly gateways: readonly string[];
  /** Whether guests have a metadata service. */
  readonly metadata: boolean;
}

/** What hosts are in OVN, by their names. */
export type ChassisOfHosts = ReadonlyMap<string, { readonly name: string; readonly wires: readonly string[] }>;

// Why: a network interface of a server, whole enough for the driver, the config drive and the views; the row keeps it so
// that no list asks the network service.

export interface FixedIp {
  readonly address: string;
  readonly subnetId: string;
}

export interface SubnetFacts {
  readonly id: string;
  readonly cidr: string;
  readonly ipVersion: 4 | 6;
  readonly gateway: string | null;
  readonly enableDhcp: boolean;
  readonly dnsServers: readonly string[];
  readonly hostRoutes: readonly { readonly destination: string; readonly nexthop: string }[];
}

export interface NetworkFacts {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly mtu: number;
  readonly subnets: readonly SubnetFacts[];
}

/** As what a port may speak, where it is not just as itself. */
export interface PortGuard {
  /** False: as anything (`port_security_enabled`). */
  readonly enabled: boolean;
  /** Further addresses or ranges of them (`allowed_address_pairs`); the MAC address of each, null: the port's own. */
  readonly pairs: readonly { readonly address: string; readonly mac: string | null }[];
}

/** One port as the server uses it. */
export interface NicSpec {
  readonly portId: string;
  readonly mac: string;
  readonly network: NetworkFacts;
  readonly fixedIps: readonly FixedIp[];
  /** Addresses from outside that lead to its fixed ones. */
  readonly floatingIps: readonly { readonly address: string; readonly fixedIp: string }[];
  /** The server's device tag (microversion 2.32), or null. */
  readonly tag: string | null;
  /** How the interface is plugged: `nat` (a libvirt network of ours) or what Neutron's binding said. */
  readonly vifType: string;
  readonly vifDetails: Readonly<Record<string, unknown>>;
  /** Absent: it speaks as itself alone. */
  readonly guard?: PortGuard;
  /** Their names, as views show them. */
  readonly securityGroups: readonly string[];
  /** The caller's own port: unbound, not deleted, with the server. */
  readonly preexisting: boolean;
}

/**
 * Ports as the network service tells of them now, with what does not change while a server has them: their order, and whether they
 * outlive it. Of ports that another program made the service knows neither.
 */
export function asKnown(before: readonly NicSpec[], now: readonly NicSpec[]): readonly NicSpec[] {
  const places = new Map(before.map((nic, index) => [nic.portId, { nic, index }]));
  const placeOf = ({ portId }: NicSpec): number => places.get(portId)?.index ?? before.length;
  return now
    .toSorted((one, other) => placeOf(one) - placeOf(other))
    .map((nic) => {
      const known = places.get(nic.portId)?.nic;
      return known === undefined ? nic : { ...nic, preexisting: known.preexisting, tag: known.tag };
    });
}

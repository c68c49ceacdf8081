// Why: what of a network service's nouns the old proxies of the compute API show; the service itself may be another's.

/** A port as its server shows it. */
export interface ServerPort {
  readonly portId: string;
  readonly networkId: string;
  readonly serverUuid: string;
  readonly mac: string;
  readonly state: string;
  readonly fixedIps: readonly { readonly address: string; readonly subnetId: string }[];
}

/** A network or a group, by what it is called. */
export interface NetworkName {
  readonly id: string;
  readonly name: string;
}

export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly projectId: string;
  readonly rules: readonly SecurityGroupRule[];
}

export interface SecurityGroupRule {
  readonly id: string;
  readonly groupId: string;
  readonly direction: 'ingress' | 'egress';
  readonly protocol: string | null;
  readonly portMin: number | null;
  readonly portMax: number | null;
  readonly remoteGroupId: string | null;
  /** A network in CIDR notation; null: any. */
  readonly remotePrefix: string | null;
}

export interface NewGroupRule extends Omit<SecurityGroupRule, 'id' | 'direction'> {
  readonly ethertype: 'IPv4' | 'IPv6';
}

export interface FloatingIp {
  readonly id: string;
  readonly address: string;
  /** The external network that it is of. */
  readonly networkId: string;
  readonly portId: string | null;
  readonly fixedIp: string | null;
}

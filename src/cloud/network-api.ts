// Why: the calls that compute makes to a network service, with one implementation in this process and one over HTTP.

import type { Caller } from '../base/op.ts';
import type { FixedIp, NetworkFacts, PortGuard } from '../domain/networks/server-nics.ts';
import type {
  FloatingIp,
  NetworkName,
  NewGroupRule,
  SecurityGroup,
  SecurityGroupRule,
} from '../domain/networks/networks.ts';

/** A network as its users see it. */
export interface NetworkSummary {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly shared: boolean;
  readonly external: boolean;
  readonly subnetIds: readonly string[];
}

export interface PortFacts {
  readonly id: string;
  readonly projectId: string;
  readonly networkId: string;
  readonly mac: string;
  /** `ACTIVE`, `DOWN`, `BUILD` … */
  readonly status: string;
  readonly deviceId: string;
  readonly fixedIps: readonly FixedIp[];
  /** Their ids. */
  readonly securityGroups: readonly string[];
  readonly portSecurity: boolean;
  /** Allowed address pairs. */
  readonly addressPairs: PortGuard['pairs'];
  readonly hostId: string;
  /** `normal`, `direct` … */
  readonly vnicType: string;
  readonly vifType: string;
  readonly vifDetails: Readonly<Record<string, unknown>>;
  readonly profile: Readonly<Record<string, unknown>>;
}

export interface PortBinding {
  readonly serverUuid: string;
  readonly host: string;
  /** `compute:` and the availability zone. */
  readonly deviceOwner: string;
  readonly profile: Readonly<Record<string, unknown>>;
}

export interface AddressHolder {
  readonly projectId: string;
  /** Empty for none. */
  readonly deviceId: string;
}

/** A fixed IP for a port: any of a subnet, or a given one. */
export type AddressRequest = { readonly subnetId: string } | { readonly address: string };

/** A change of a port. */
export interface PortChange {
  readonly fixedIps?: readonly AddressRequest[];
  readonly securityGroups?: readonly string[];
}

/** Networks and ports. Calls with a caller use the caller's rights, calls without one the service's own. */
export interface PortApi {
  /** The named networks, or all that the caller's project may put a server on (its own and shared ones). */
  networks(caller: Caller, ids: readonly string[] | null): Promise<readonly NetworkSummary[]>;
  /** Every network that the caller sees. */
  seenNetworks(caller: Caller): Promise<readonly NetworkSummary[]>;
  port(caller: Caller, portId: string): Promise<PortFacts | null>;
  /** The owner of the port with an address in a network, whichever project's; null if it is free. */
  addressHolder(caller: Caller, networkId: string, address: string): Promise<AddressHolder | null>;
  /** Whether an address belongs to a subnet of a network. */
  addressFits(caller: Caller, networkId: string, address: string): Promise<boolean>;
  /** Ports that the project may still create; null: unlimited. */
  freePorts(caller: Caller): Promise<number | null>;
  /** The project's auto-allocated network, created if needed; null if that is not possible. */
  autoAllocate(caller: Caller): Promise<string | null>;
  facts(networkIds: readonly string[]): Promise<readonly NetworkFacts[]>;
  portsOfDevice(deviceId: string): Promise<readonly PortFacts[]>;
  portById(portId: string): Promise<PortFacts | null>;
  createPort(
    wanted: PortBinding & {
      readonly projectId: string;
      readonly networkId: string;
      readonly fixedIp: string | null;
      readonly securityGroups: readonly string[];
      readonly position: number;
    },
  ): Promise<PortFacts>;
  bindPort(portId: string, binding: PortBinding): Promise<PortFacts>;
  /** Prepares a port for its server's live migration to a host, which the profile names. Rejects if it cannot be bound there. */
  announceMove(port: PortFacts, host: string, profile: PortBinding['profile']): Promise<void>;
  /** Ends a migration whose server is on this host now: removes what was prepared elsewhere. `bindPort` follows. Idempotent. */
  endMove?(port: PortFacts, host: string): Promise<void>;
  /** Updates a port as a caller (null: as the service). Rejects with the service's own fault; resolves to null if it is gone. */
  changePort(as: Caller | null, portId: string, change: PortChange): Promise<PortFacts | null>;
  unbindPort(portId: string): Promise<void>;
  deletePort(portId: string): Promise<void>;
}

/** Security groups as the caller may see and change them. Rejects with the service's own fault. */
export interface GroupApi {
  /** Those of a project; null: every one that the caller sees. */
  securityGroups(caller: Caller, projectId: string | null): Promise<readonly SecurityGroup[]>;
  securityGroupsById(caller: Caller, ids: readonly string[]): Promise<readonly SecurityGroup[]>;
  /** Ids and names of the project's groups, without their rules. */
  groupIds(caller: Caller): Promise<readonly NetworkName[]>;
  /** The names of groups by their ids, of any project; deleted ones are left out. */
  groupNames(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  createSecurityGroup(caller: Caller, name: string, description: string): Promise<SecurityGroup>;
  /** Null if it is gone. */
  updateSecurityGroup(caller: Caller, id: string, name: string, description: string): Promise<SecurityGroup | null>;
  /** False if it is gone. */
  deleteSecurityGroup(caller: Caller, id: string): Promise<boolean>;
  createGroupRule(caller: Caller, rule: NewGroupRule): Promise<SecurityGroupRule>;
  deleteGroupRule(caller: Caller, id: string): Promise<boolean>;
}

/** Which floating addresses to list. */
export type FloatingFilter =
  | { readonly projectId: string }
  | { readonly address: string }
  | { readonly portIds: readonly string[] };

/** Floating addresses; a service without them returns empty lists and refuses to create one. */
export interface FloatingApi {
  /** As a caller; null: as the service. */
  floatingIps(as: Caller | null, filter: FloatingFilter): Promise<readonly FloatingIp[]>;
  floatingIp(caller: Caller, id: string): Promise<FloatingIp | null>;
  /** Creates one on an external network. Rejects with the service's own fault. */
  createFloatingIp(caller: Caller, networkId: string): Promise<FloatingIp>;
  /** Associates it with a port's address, or (null) with none. */
  pointFloatingIp(caller: Caller, id: string, to: { portId: string; fixedIp: string } | null): Promise<void>;
  deleteFloatingIp(caller: Caller, id: string): Promise<boolean>;
}

export interface NetworkApi extends PortApi, GroupApi, FloatingApi {}

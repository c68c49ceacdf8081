// Why: the few questions that compute asks a network service, so that one in this process and one across HTTP are asked the same.

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
  /** Further addresses as which it may speak. */
  readonly addressPairs: PortGuard['pairs'];
  readonly hostId: string;
  /** How it wishes to be plugged: `normal`, `direct` … */
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

/** An address that a port shall have: one of a subnet, or this one. */
export type AddressRequest = { readonly subnetId: string } | { readonly address: string };

/** What of a port is to be otherwise. */
export interface PortChange {
  readonly fixedIps?: readonly AddressRequest[];
  readonly securityGroups?: readonly string[];
}

/** Networks, their ports and their life. With a caller: as that caller may see it. Without: with the service's own rights. */
export interface PortApi {
  /** The named networks, or all that the caller's project may put a server on (its own and shared ones). */
  networks(caller: Caller, ids: readonly string[] | null): Promise<readonly NetworkSummary[]>;
  /** Every network that the caller sees. */
  seenNetworks(caller: Caller): Promise<readonly NetworkSummary[]>;
  port(caller: Caller, portId: string): Promise<PortFacts | null>;
  /** Whose port has an address in a network, the caller's or not; null when it is free. */
  addressHolder(caller: Caller, networkId: string, address: string): Promise<AddressHolder | null>;
  /** Whether an address can be given out in a network at all. */
  addressFits(caller: Caller, networkId: string, address: string): Promise<boolean>;
  /** Ports that the project may still make; null is unlimited. */
  freePorts(caller: Caller): Promise<number | null>;
  /** The project's own network, found or made; null where that cannot be done. */
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
  /** Says of a bound port that its server is on its way to another host, which the profile names. Rejects where it cannot be there. */
  announceMove(port: PortFacts, host: string, profile: PortBinding['profile']): Promise<void>;
  /** Its server is on this host now and on its way nowhere: what was made ready elsewhere ends. `bindPort` comes next. Twice is once. */
  endMove?(port: PortFacts, host: string): Promise<void>;
  /** Changes a port as a caller (null: as the service). Rejects with the service's own fault; null when it is gone. */
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
  /** The names of groups by their ids, whosever they are; one that is gone is left out. */
  groupNames(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  createSecurityGroup(caller: Caller, name: string, description: string): Promise<SecurityGroup>;
  /** Null when it is gone. */
  updateSecurityGroup(caller: Caller, id: string, name: string, description: string): Promise<SecurityGroup | null>;
  /** False when it is gone. */
  deleteSecurityGroup(caller: Caller, id: string): Promise<boolean>;
  createGroupRule(caller: Caller, rule: NewGroupRule): Promise<SecurityGroupRule>;
  deleteGroupRule(caller: Caller, id: string): Promise<boolean>;
}

/** Which floating addresses to list. */
export type FloatingFilter =
  | { readonly projectId: string }
  | { readonly address: string }
  | { readonly portIds: readonly string[] };

/** Floating addresses; a service without them has empty lists and refuses to make one. */
export interface FloatingApi {
  /** As a caller; null: as the service. */
  floatingIps(as: Caller | null, filter: FloatingFilter): Promise<readonly FloatingIp[]>;
  floatingIp(caller: Caller, id: string): Promise<FloatingIp | null>;
  /** One of an external network. Rejects with the service's own fault. */
  createFloatingIp(caller: Caller, networkId: string): Promise<FloatingIp>;
  /** Points it to a port's address, or to nothing. */
  pointFloatingIp(caller: Caller, id: string, to: { portId: string; fixedIp: string } | null): Promise<void>;
  deleteFloatingIp(caller: Caller, id: string): Promise<boolean>;
}

export interface NetworkApi extends PortApi, GroupApi, FloatingApi {}

// Why: compute's interface to the network service: which networks a server gets, the life cycle of its ports, and the deprecated network
// proxies of the compute API.

import type { Caller } from '../base/op.ts';
import type {
  FloatingIp,
  NetworkName,
  NewGroupRule,
  SecurityGroup,
  SecurityGroupRule,
  ServerPort,
} from '../domain/networks/networks.ts';
import type { NetworkRequest, NetworkRequests } from '../domain/servers/create-request.ts';
import type { NicSpec } from '../domain/networks/server-nics.ts';

/** What identifies a server's ports: those of its project that name it. */
export interface OwnedServer {
  readonly uuid: string;
  readonly projectId: string;
  /** Ids of ports that Nova made for it before it was taken over, and that carry no mark of ours; absent: none. */
  readonly made?: readonly string[];
}

/** The server for which ports are created; host and zone are empty before it has them. */
export interface PortTarget extends OwnedServer {
  readonly host: string;
  readonly zone: string;
  readonly hostname: string;
}

export interface NetworkPlan {
  readonly requests: readonly NetworkRequest[];
  /** Security group ids for new ports. */
  readonly securityGroups: readonly string[];
}

/** Which of a server's ports: one by its id, or by the place that `allocate` gave it. */
export type WhichPort = { readonly portId: string } | { readonly position: number };

/** A server's ports. */
export interface ServerPorts {
  /**
   * Validates a server's network requests before the 202 (Nova's validate_networks): existence, ownership, free ports, addresses,
   * ambiguity, security groups by name or id. `auto` finds or creates the project's network; `none` gives no requests;
   * `null` (nothing requested) takes the project's only network, or none if it has none.
   * Rejects with Nova's 400/403/404/409 texts.
   */
  plan(
    caller: Caller,
    requests: NetworkRequests,
    securityGroups: readonly string[],
    serverCount: number,
    /** Whether the rule `network:attach_external_network` lets the caller; default: administrators. */
    mayAttachExternal?: boolean,
  ): Promise<NetworkPlan>;
  /** As `plan`, for one more port of an existing server; a request that names neither network nor port takes the project's only network. */
  planOne(
    caller: Caller,
    server: OwnedServer,
    request: NetworkRequest,
    mayAttachExternal: boolean,
  ): Promise<NetworkPlan>;
  /**
   * Creates or takes the ports of a server and binds them to its host. Idempotent: ports carry the server's id and their
   * position.
   * @param first the position of the first one
   * @param fresh the first attempt: existing ports need not be looked up
   */
  allocate(server: PortTarget, plan: NetworkPlan, first?: number, fresh?: boolean): Promise<readonly NicSpec[]>;
  /**
   * Prepares the ports for a live migration: they work here until the guest runs on the other host, and there from then on.
   * Ended by the next `rebind`, to either host. Idempotent.
   */
  announceMove(server: OwnedServer, host: string): Promise<void>;
  /** Binds the ports of a server to a host, ends an announced move, and returns the ports. Idempotent. */
  rebind(server: Omit<PortTarget, 'hostname'>): Promise<readonly NicSpec[]>;
  /** Deletes ports that were created for the server and unbinds ports that were given to it; all of them, or one. Idempotent. */
  release(server: OwnedServer, which?: WhichPort): Promise<void>;
  /** Ids of a server's ports that are plugged but not yet `ACTIVE`; absent: a plugged port works at once. */
  unplugged?(server: OwnedServer): Promise<readonly string[]>;
  /** The server's current ports, in the order of their positions. */
  portsOf(server: OwnedServer): Promise<readonly NicSpec[]>;
  /** The server's ports as a caller sees them. */
  seenPorts(caller: Caller, server: OwnedServer): Promise<readonly ServerPort[]>;
  /** A port of any server, as a caller sees it. */
  seenPort(caller: Caller, portId: string): Promise<ServerPort | null>;
  /** Adds an address to the server's port on a network. Rejects with notFound or badRequest in Nova's words. */
  addFixedIp(server: OwnedServer, networkId: string): Promise<void>;
  removeFixedIp(server: OwnedServer, address: string): Promise<void>;
}

/** The compute API's network proxies. Rejections are Nova's, in kind and words. */
export interface NetworkProxy {
  networks(caller: Caller): Promise<readonly NetworkName[]>;
  network(caller: Caller, id: string): Promise<NetworkName | null>;

  /** The groups of the caller's project; for `everyProject`, all that the caller sees. */
  securityGroups(caller: Caller, everyProject: boolean): Promise<readonly SecurityGroup[]>;
  securityGroup(caller: Caller, id: string): Promise<SecurityGroup>;
  securityGroupsById(caller: Caller, ids: readonly string[]): Promise<readonly SecurityGroup[]>;
  createSecurityGroup(caller: Caller, name: string, description: string): Promise<SecurityGroup>;
  updateSecurityGroup(caller: Caller, id: string, name: string, description: string): Promise<SecurityGroup>;
  deleteSecurityGroup(caller: Caller, id: string): Promise<void>;
  createGroupRule(caller: Caller, rule: NewGroupRule): Promise<SecurityGroupRule>;
  deleteGroupRule(caller: Caller, id: string): Promise<void>;
  /** The groups of a server's ports, once per port. */
  groupsOfServer(caller: Caller, server: OwnedServer): Promise<readonly SecurityGroup[]>;
  /** Adds a group, by name or id, to all ports of a server. */
  addSecurityGroup(caller: Caller, server: OwnedServer, group: string): Promise<void>;
  removeSecurityGroup(caller: Caller, server: OwnedServer, group: string): Promise<void>;

  /** External networks. */
  floatingPools(caller: Caller): Promise<readonly NetworkName[]>;
  floatingIps(caller: Caller): Promise<readonly ShownFloatingIp[]>;
  floatingIp(caller: Caller, id: string): Promise<ShownFloatingIp>;
  createFloatingIp(caller: Caller, pool: string | null): Promise<ShownFloatingIp>;
  /** Returns the server that had it, or null. */
  deleteFloatingIp(caller: Caller, id: string): Promise<string | null>;
  /** Associates a floating address with a fixed IP of a server. Returns the other server that had it, or null. */
  associateFloatingIp(caller: Caller, server: OwnedServer, address: string, fixedIp: string): Promise<string | null>;
  disassociateFloatingIp(caller: Caller, server: OwnedServer, address: string): Promise<void>;
}

export interface ShownFloatingIp extends FloatingIp {
  /** The name of its network, or the id of one without a name. */
  readonly pool: string;
  /** The device of its port; null without one. */
  readonly serverUuid: string | null;
}

export interface NetworkService extends ServerPorts, NetworkProxy {}

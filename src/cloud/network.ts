// Why: what compute asks of the network service: which networks a server gets, and the life of its ports; and what the old
// proxies of the compute API show of it.

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

/** A server as far as it says which ports are its own: those of its project that were given to it. */
export interface OwnedServer {
  readonly uuid: string;
  readonly projectId: string;
  /** Ports that were made for it by whoever had it before us, and carry no mark of ours; absent: none. */
  readonly made?: readonly string[];
}

/** The server that ports are made for; a host or zone that it does not have yet is empty. */
export interface PortTarget extends OwnedServer {
  readonly host: string;
  readonly zone: string;
  readonly hostname: string;
}

export interface NetworkPlan {
  readonly requests: readonly NetworkRequest[];
  /** Security group ids for the ports that we make. */
  readonly securityGroups: readonly string[];
}

/** Which of a server's ports: one by its id, or by the place that `allocate` gave it. */
export type WhichPort = { readonly portId: string } | { readonly position: number };

/** A server's ports. */
export interface ServerPorts {
  /**
   * Checks a server's wishes before the 202 (Nova's validate_networks): existence, ownership, free ports, addresses,
   * ambiguity, security groups by name or id. `auto` finds or makes the project's network; `none` gives no request at all;
   * `null` (nothing was asked for) takes the project's only network, or none where there is none.
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
  /** As `plan`, for one more port of a server that exists: names neither network nor port for the project's only network. */
  planOne(
    caller: Caller,
    server: OwnedServer,
    request: NetworkRequest,
    mayAttachExternal: boolean,
  ): Promise<NetworkPlan>;
  /**
   * Makes or takes the ports of a server and binds them to its host; the same call twice gives the same ports
   * (they carry the server's id and their position).
   * @param first the position of the first of them
   * @param fresh nobody asked for them before: it need not be looked for what is there
   */
  allocate(server: PortTarget, plan: NetworkPlan, first?: number, fresh?: boolean): Promise<readonly NicSpec[]>;
  /**
   * A server is on its way to another host as it runs: its ports shall work there as soon as it speaks there, and here until then. It
   * ends with the next `rebind`, to either host. Twice is once.
   */
  announceMove(server: OwnedServer, host: string): Promise<void>;
  /** Binds the ports of a server to a host and gives them as they are then; a move that was announced is over. Twice is once. */
  rebind(server: Omit<PortTarget, 'hostname'>): Promise<readonly NicSpec[]>;
  /** Deletes the ports that were made for the server, or one of them, and unbinds those that were its owner's. Twice is once. */
  release(server: OwnedServer, which?: WhichPort): Promise<void>;
  /** The ids of a server's ports that were plugged and do not work yet; absent: what is plugged works. */
  unplugged?(server: OwnedServer): Promise<readonly string[]>;
  /** The server's ports as they are now, in the order of their making. */
  portsOf(server: OwnedServer): Promise<readonly NicSpec[]>;
  /** The server's ports as a caller sees them. */
  seenPorts(caller: Caller, server: OwnedServer): Promise<readonly ServerPort[]>;
  /** A port, of whatever server, as a caller sees it. */
  seenPort(caller: Caller, portId: string): Promise<ServerPort | null>;
  /** Gives the server's port on a network one more address. Rejects with notFound or badRequest in Nova's words. */
  addFixedIp(server: OwnedServer, networkId: string): Promise<void>;
  removeFixedIp(server: OwnedServer, address: string): Promise<void>;
}

/** What of a network service the compute API passes on. Rejections are Nova's, in kind and words. */
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
  /** The groups of a server's ports, once for each port that has them. */
  groupsOfServer(caller: Caller, server: OwnedServer): Promise<readonly SecurityGroup[]>;
  /** Puts all ports of a server into a group, by its name or id. */
  addSecurityGroup(caller: Caller, server: OwnedServer, group: string): Promise<void>;
  removeSecurityGroup(caller: Caller, server: OwnedServer, group: string): Promise<void>;

  /** Networks that floating addresses come from. */
  floatingPools(caller: Caller): Promise<readonly NetworkName[]>;
  floatingIps(caller: Caller): Promise<readonly ShownFloatingIp[]>;
  floatingIp(caller: Caller, id: string): Promise<ShownFloatingIp>;
  createFloatingIp(caller: Caller, pool: string | null): Promise<ShownFloatingIp>;
  /** Returns the server that had it, or null. */
  deleteFloatingIp(caller: Caller, id: string): Promise<string | null>;
  /** Points a floating address to one of a server's. Returns the other server that had it, or null. */
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

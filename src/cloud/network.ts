// Why: what compute asks of the network service: which networks a server gets, and the life of its ports.

import type { Caller } from '../base/op.ts';
import type { NicSpec } from '../domain/nic.ts';

/** One entry of `networks` in the request, or what `auto` became. */
export interface NetworkRequest {
  readonly networkId: string | null;
  readonly portId: string | null;
  readonly fixedIp: string | null;
  readonly tag: string | null;
}

export interface NetworkPlan {
  readonly requests: readonly NetworkRequest[];
  /** Security group ids for the ports that we make. */
  readonly securityGroups: readonly string[];
}

export interface NetworkService {
  /**
   * Checks a server's wishes before the 202 (Nova's validate_networks): existence, ownership, free ports, addresses,
   * ambiguity, security groups by name or id. `auto` finds or makes the project's network; `none` gives no request at all;
   * `null` (nothing was asked for) takes the project's only network, or none where there is none.
   * Rejects with Nova's 400/403/404/409 texts.
   */
  plan(
    caller: Caller,
    wishes: readonly NetworkRequest[] | 'auto' | 'none' | null,
    securityGroups: readonly string[],
    serverCount: number,
    /** Whether the rule `network:attach_external_network` lets the caller; default: administrators. */
    mayAttachExternal?: boolean,
  ): Promise<NetworkPlan>;
  /**
   * Makes or takes the ports of a server and binds them to its host; the same call twice gives the same ports
   * (they carry the server's id and their position).
   */
  allocate(
    server: { uuid: string; projectId: string; host: string; zone: string; hostname: string },
    plan: NetworkPlan,
  ): Promise<readonly NicSpec[]>;
  /** Deletes the ports that were made for the server and unbinds those that were its owner's. Twice is once. */
  release(serverUuid: string): Promise<void>;
  /** The server's ports as they are now, in the order of their making. */
  portsOf(serverUuid: string): Promise<readonly NicSpec[]>;
}

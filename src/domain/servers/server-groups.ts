// Why: servers that shall share a host, or shall not, and how strictly.

export const groupPolicies = ['anti-affinity', 'affinity', 'soft-anti-affinity', 'soft-affinity'] as const;
export type GroupPolicy = (typeof groupPolicies)[number];

export interface ServerGroup {
  readonly id: number;
  readonly uuid: string;
  readonly projectId: string;
  readonly userId: string;
  readonly name: string;
  readonly policy: GroupPolicy;
  /** The rule `max_server_per_host` of an anti-affinity group; null: not given, which means 1. */
  readonly maxServerPerHost: number | null;
}

/** A group as it bears on where one of its servers goes. */
export interface GroupPlacement {
  readonly policy: GroupPolicy;
  /** How many of its servers an anti-affinity group lets onto one host. */
  readonly maxPerHost: number;
  /** How many of its other servers each host has; hosts without any are absent. */
  readonly hosts: ReadonlyMap<string, number>;
}

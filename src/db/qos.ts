// Why: policies of bandwidth and their limits: rows like the others of the built-in network service, and which ports they are for.

import type { Reader } from './engine.ts';
import { type Stored, stored } from './networks.ts';
import { defineNoun } from './table.ts';

export interface StoredPolicy extends Stored {
  /** Whether other projects may name it. */
  readonly shared: boolean;
}

export interface StoredLimit {
  readonly id: string;
  /** Whose the policy is. */
  readonly projectId: string;
  readonly policyId: string;
  /** As the guest sees it: what it sends is egress. */
  readonly direction: string;
  /** kbit/s. */
  readonly maxKbps: number;
  /** kbit; 0: as OVN sees fit. */
  readonly maxBurstKbps: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export const policyNoun = defineNoun<StoredPolicy>({
  table: 'qos_policies',
  columns: { ...stored, shared: ['shared', 'bool'] },
});

export const limitNoun = defineNoun<StoredLimit>({
  table: 'qos_bandwidth_limits',
  columns: {
    id: ['id', 'text'],
    projectId: ['project_id', 'text'],
    policyId: ['qos_policy_id', 'text'],
    direction: ['direction', 'text'],
    maxKbps: ['max_kbps', 'number'],
    maxBurstKbps: ['max_burst_kbps', 'number'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

/** The ports that a policy is for: those that name it, and those that name none on networks that do. */
export async function portsUnderPolicy(reader: Reader, policyId: string): Promise<string[]> {
  const rows: { id: string }[] = await reader('ports')
    .where({ qos_policy_id: policyId })
    .orWhere((of) => {
      const onIt = reader('networks').select('id').where({ qos_policy_id: policyId });
      void of.whereNull('qos_policy_id').whereIn('network_id', onIt);
    })
    .select('id');
  return rows.map(({ id }) => id);
}

/** The ports of a network that name no policy of their own. */
export async function portsWithoutPolicy(reader: Reader, networkId: string): Promise<string[]> {
  const rows: { id: string }[] = await reader('ports')
    .where({ network_id: networkId })
    .whereNull('qos_policy_id')
    .select('id');
  return rows.map(({ id }) => id);
}

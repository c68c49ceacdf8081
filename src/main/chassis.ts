// Why: what a host is in OVN stands in its own switch, which only its agent can ask: by that name its ports are told to be its own, and
// routers find the hosts that lead to their wires. It is told with all else that the host has.

import { chassisOf, switchTables } from '../cloud/ovn/metadata/wanted.ts';
import { openOvsdb } from '../cloud/ovn/ovsdb/client.ts';
import type { Chassis } from '../domain/placement/hosts.ts';
import { limits } from '../base/limits.ts';
import type { Condition } from './health.ts';
import type { BaseParts } from './parts.ts';

export interface OpenedChassis {
  /** What the switch says now; null: nothing. */
  readonly chassis: () => Chassis | null;
  readonly conditions: readonly Condition[];
}

/** Asks the switch of this host from now on; nothing where something else carries networks. Resolves when it answered, or is late. */
export async function openChassis({ config, clock, log, cleanup }: BaseParts): Promise<OpenedChassis> {
  if (config.network.engine !== 'ovn') return { chassis: () => null, conditions: [] };
  const local = openOvsdb({
    ...{ remotes: [config.network.ovs_db], database: 'Open_vSwitch', tables: switchTables, clock, log },
  });
  cleanup.defer(() => local.close());
  await local.ready(AbortSignal.timeout(limits.ovsdbConnectMs)).catch((error: unknown) => {
    log.warn({ err: error }, 'Open vSwitch does not say yet what this host is in OVN');
  });
  const chassis = (): Chassis | null => {
    const found = chassisOf(local.tables());
    return found === null ? null : { name: found.name, wires: found.wires };
  };
  const problem = (): string | null =>
    local.problem() ?? (chassis() === null ? 'Open vSwitch names no ovn-remote and system-id' : null);
  return { chassis, conditions: [{ name: 'chassis', problem }] };
}

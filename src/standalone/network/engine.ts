// Why: what carries networks is chosen once for an installation. `basic`: libvirt's own networks behind NAT on each host. `ovn`: Open
// Virtual Network, which is told of every change of the tables (src/cloud/ovn/).

import { touchUnits } from '../../db/network-units.ts';
import { afterCommit, type Tx } from '../../db/tx.ts';
import type { Unit } from '../../cloud/ovn/northbound.ts';
import type { StoredPort } from '../../db/networks.ts';

export interface NetworkEngine {
  readonly kind: 'basic' | 'ovn';
  /** The chassis on which routers have their way out; none: those of hosts that lead to the wire where it goes. */
  readonly gateways: readonly string[];
  /** The physical network of external networks that name none; empty: they lead nowhere. */
  readonly wire: string;
  /** The greatest MTU of what goes through tunnels between hosts, bytes; 0: there is one host, and there are none. */
  readonly tunnelMtu: number;
  /** Whether a guest may leave checksums and the cutting of segments to the switch. */
  readonly offloads: boolean;
  /** Told that there is something to tell. */
  readonly nudge: () => void;
}

export const basicEngine: NetworkEngine = {
  ...{ kind: 'basic', gateways: [], wire: '', tunnelMtu: 0, offloads: true },
  nudge() {},
};

/** The bridge that OVN makes on every host. */
const BRIDGE = 'br-int';

/** How a port that has a host is plugged there. */
function vifOf({ kind, offloads }: NetworkEngine) {
  if (kind === 'basic') return { vif_type: 'nat', vif_details: { port_filter: true } };
  return { vif_type: 'ovs', vif_details: { port_filter: true, connectivity: 'l2', bridge_name: BRIDGE, offloads } };
}

/** Notes what the engine has to be told of, with the change. */
export async function touch(tx: Tx, engine: NetworkEngine, units: readonly Unit[], nowMs: number): Promise<void> {
  if (engine.kind === 'basic' || units.length === 0) return;
  await touchUnits(tx, units, nowMs);
  afterCommit(tx, engine.nudge);
}

/** The port with what follows from its device and host: how it is plugged, and whether it is up. */
export function settled(port: StoredPort, engine: NetworkEngine): StoredPort {
  if (port.binding.host_id === '') {
    const binding = { ...port.binding, vif_type: 'unbound', vif_details: {} };
    return { ...port, status: 'DOWN', binding };
  }
  const binding = { ...port.binding, ...vifOf(engine) };
  const wanted = port.deviceId !== '' && port.adminStateUp;
  // OVN tells when it is
  const isUp = engine.kind === 'ovn' ? port.status === 'ACTIVE' : true;
  return { ...port, status: wanted && isUp ? 'ACTIVE' : 'DOWN', binding };
}

// Why: which ports are plugged on this host, kept beside each guest's disks: written before anything is made for a port and
// removed after all of it is gone, so that a crash at any point leaves no address or network that nobody remembers.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeWritten, writeDurably } from '../../base/durable-file.ts';
import { notImplemented } from '../../base/errors.ts';
import type { NicSpec } from '../../domain/networks/server-nics.ts';

const FILE = 'ports.json';

/** A port that is on a network of libvirt's, by a filter of libvirt's. Any other is guarded by whoever bound it. */
export const isNat = ({ vifType }: Pick<NicSpec, 'vifType'>): boolean => vifType === 'nat';

/** A port that Open vSwitch plugs, and guards. */
export const isOvs = ({ vifType }: Pick<NicSpec, 'vifType'>): boolean => vifType === 'ovs';

/** A port in a bridge of Linux, which Neutron's agent for them leads to the other hosts, and guards. */
export const isBridged = ({ vifType }: Pick<NicSpec, 'vifType'>): boolean => vifType === 'bridge';

/** Names a bridge; Linux allows 15 characters. */
const BRIDGE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/;
/** Of a network's id, in the name of its bridge. */
const ID_CHARACTERS = 11;

/** Where a Linux bridge is not named, Neutron's agent and Nova both call it by its network. */
const usualBridge = (nic: NicSpec): string | undefined =>
  isBridged(nic) ? `brq${nic.network.id.slice(0, ID_CHARACTERS)}` : undefined;

/** The bridge that a port is plugged into, as the network service says. @throws notImplemented where it names none */
export function bridgeOf(nic: NicSpec): string {
  const { portId, vifDetails } = nic;
  const bridge = vifDetails['bridge_name'] || usualBridge(nic);
  if (typeof bridge === 'string' && BRIDGE.test(bridge)) return bridge;
  throw notImplemented(`Port ${portId} names no bridge that it is to be plugged into.`, { code: 'port.vif_type' });
}

/** Refuses ports that this driver cannot plug. */
export function checkNics(nics: readonly NicSpec[]): void {
  for (const nic of nics) if (isOvs(nic) || isBridged(nic)) bridgeOf(nic);
  // a bridge of its own for each port, where iptables guards it: Neutron's older way
  const hybrid = nics.find(({ vifDetails }) => vifDetails['ovs_hybrid_plug'] === true);
  if (hybrid !== undefined)
    throw notImplemented(
      `Port ${hybrid.portId} is guarded by iptables (ovs_hybrid_plug), which this host cannot plug: let Neutron's agent use the openvswitch firewall driver.`,
      { code: 'port.vif_type' },
    );
  const strange = nics.find((nic) => !isNat(nic) && !isOvs(nic) && !isBridged(nic));
  if (strange === undefined) return;
  throw notImplemented(
    `Port ${strange.portId} is bound as ${JSON.stringify(strange.vifType)}, which this host cannot plug.`,
    {
      code: 'port.vif_type',
    },
  );
}

/** The ports that were plugged for a guest, from its directory; none when it has none. */
export async function readPorts(instanceDir: string): Promise<readonly NicSpec[]> {
  try {
    return JSON.parse(await readFile(join(instanceDir, FILE), 'utf8')) as NicSpec[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export const writePorts = (instanceDir: string, nics: readonly NicSpec[]): Promise<void> =>
  writeDurably(join(instanceDir, FILE), JSON.stringify(nics));

export async function forgetPorts(instanceDir: string): Promise<void> {
  await removeWritten(join(instanceDir, FILE));
}

/** Every port on this host that is on that network of libvirt's. */
export async function portsOnNetwork(instancesDir: string, networkId: string): Promise<readonly NicSpec[]> {
  const found: NicSpec[] = [];
  for (const entry of await readdir(instancesDir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const nics = await readPorts(join(instancesDir, entry.name));
    found.push(...nics.filter((nic) => nic.network.id === networkId && isNat(nic)));
  }
  return found;
}

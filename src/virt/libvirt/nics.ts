// Why: which ports are plugged on this host, kept beside each guest's disks: written before anything is made for a port and
// removed after all of it is gone, so that a crash at any point leaves no address or network that nobody remembers.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeWritten, writeDurably } from '../../base/durable-file.ts';
import { notImplemented } from '../../base/errors.ts';
import type { NicSpec } from '../../domain/networks/nic.ts';

const FILE = 'ports.json';

/** Refuses ports that this driver cannot plug. */
export function checkNics(nics: readonly NicSpec[]): void {
  const strange = nics.find((nic) => nic.vifType !== 'nat');
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

/** Every port on this host that is on that network. */
export async function portsOnNetwork(instancesDir: string, networkId: string): Promise<readonly NicSpec[]> {
  const found: NicSpec[] = [];
  for (const entry of await readdir(instancesDir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const nics = await readPorts(join(instancesDir, entry.name));
    found.push(...nics.filter((nic) => nic.network.id === networkId));
  }
  return found;
}

// Why: which ports are plugged on this host, kept beside each guest's disks: written before anything is made for a port and
// removed after all of it is gone, so that a crash at any point leaves no address or network that nobody remembers.

import { open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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

export async function writePorts(instanceDir: string, nics: readonly NicSpec[]): Promise<void> {
  const path = join(instanceDir, FILE);
  await writeFile(`${path}.new`, JSON.stringify(nics), { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  // the name too must be there after a power cut
  const directory = await open(instanceDir);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

export async function forgetPorts(instanceDir: string): Promise<void> {
  await rm(join(instanceDir, FILE), { force: true });
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

// Why: disks that another guest, or another host, shall take over stand beside the guests, out of the way of all that is done by a
// guest's id, until it is decided what becomes of them. Setting aside and putting back is one rename, so no crash leaves it between.

import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeWritten, syncDirectory } from '../../../base/durable-file.ts';
import { conflict } from '../../../base/errors.ts';
import { checkedUuid } from '../../../base/ids.ts';
import type { AgentVerbs } from '../../../domain/servers/agent-methods.ts';
import type { GuestSpec, GuestView } from '../../../domain/servers/guests.ts';
import { settleIn } from '../adoption.ts';
import { instanceDir } from '../disks.ts';
import { exists } from '../exists.ts';
import { findDomain } from '../guest.ts';
import { filesOf, type Host, noSuchGuest, view } from '../host.ts';
import { define, hasGuest, powerOff, remove, runningDomain, start, undefine, unplugPorts } from '../lifecycle.ts';
import { checkNics } from '../nics.ts';
import * as vir from '../rpc/constants.ts';
import { find, readXml } from '../xml.ts';
import type { LiveFacts } from './manifest.ts';

export const asideDir = (instancesDir: string, uuid: string): string => join(instancesDir, '_aside', checkedUuid(uuid));

async function renameForGood(from: string, to: string): Promise<void> {
  await rename(from, to);
  for (const parent of [dirname(to), dirname(from)]) await syncDirectory(parent);
}

/** What of a guest that runs must be known where it goes; null: it does not run. */
async function lookAt(host: Host, uuid: string): Promise<LiveFacts | null> {
  const domain = await runningDomain(host, uuid);
  if (domain === null) return null;
  const xml = (flags: number) =>
    host.connection.domainGetXMLDesc(domain, vir.VIR_DOMAIN_XML_SECURE | vir.VIR_DOMAIN_XML_MIGRATABLE | flags);
  return {
    dir: instanceDir(host.instancesDir, uuid),
    xml: await xml(0),
    persistentXml: await xml(vir.VIR_DOMAIN_XML_INACTIVE),
    online: host.offline.get(uuid) ?? null,
  };
}

/** What stands beside the disks in libvirt's own folders does not go along. */
async function checkMovable(host: Host, uuid: string): Promise<void> {
  const domain = await findDomain(host.connection, uuid);
  if (domain === null) return;
  const xml = readXml(await host.connection.domainGetXMLDesc(domain));
  if (find(xml, 'devices/tpm') === null) return;
  throw conflict(`Instance ${uuid} has a TPM, whose secrets do not move with its disks.`, { code: 'migration.tpm' });
}

async function setAside(host: Host, uuid: string, timeoutMs: number): Promise<void> {
  const aside = asideDir(host.instancesDir, uuid);
  // one that is only being received here is no guest yet
  if (!(await hasGuest(host, uuid))) {
    if (await exists(aside)) return;
    throw noSuchGuest(uuid);
  }
  await checkMovable(host, uuid);
  const domain = await findDomain(host.connection, uuid);
  if (domain !== null) {
    await removeWritten(filesOf(host, uuid).leaving);
    await powerOff(host, uuid, timeoutMs);
    await settleIn(host, uuid);
    await undefine(host, domain);
  }
  await unplugPorts(host, uuid);
  await rm(aside, { recursive: true, force: true });
  await mkdir(dirname(aside), { recursive: true, mode: 0o700 });
  await renameForGood(instanceDir(host.instancesDir, uuid), aside);
}

/** The guest over the disks that are here: started if `on`, else defined; running, it runs on. */
export async function stand(host: Host, spec: GuestSpec, on: boolean): Promise<GuestView> {
  const running = await runningDomain(host, spec.uuid);
  if (running !== null) return await view(host, running);
  return await view(host, await (on ? start : define)(host, spec));
}

async function restore(host: Host, spec: GuestSpec, on: boolean): Promise<GuestView> {
  const aside = asideDir(host.instancesDir, spec.uuid);
  checkNics(spec.nics);
  if (await exists(aside)) {
    // what took over from it here, perhaps only half
    await remove(host, spec.uuid);
    await rm(instanceDir(host.instancesDir, spec.uuid), { recursive: true, force: true });
    await renameForGood(aside, instanceDir(host.instancesDir, spec.uuid));
  } else if (!(await hasGuest(host, spec.uuid))) throw noSuchGuest(spec.uuid);
  return await stand(host, spec, on);
}

async function drop(host: Host, uuid: string): Promise<null> {
  await rm(asideDir(host.instancesDir, uuid), { recursive: true, force: true });
  return null;
}

export function asideVerbs(host: Host): Pick<AgentVerbs, 'migrateDisk' | 'offerDisk' | 'restoreDisk' | 'dropDisk'> {
  const { guests, instancesDir } = host;
  return {
    migrateDisk: ({ uuid, timeoutMs }) =>
      guests(uuid, async () => {
        await setAside(host, uuid, timeoutMs);
        return null;
      }),
    offerDisk: ({ uuid }) =>
      guests(uuid, async () => {
        const aside = asideDir(instancesDir, uuid);
        const here = await hasGuest(host, uuid);
        if (!here && !(await exists(aside))) throw noSuchGuest(uuid);
        if (!here) return host.offers.make(aside, async () => null);
        return host.offers.make(instanceDir(instancesDir, uuid), () => lookAt(host, uuid));
      }),
    restoreDisk: ({ spec, on }) => guests(spec.uuid, () => restore(host, spec, on)),
    dropDisk: ({ uuid }) => guests(uuid, () => drop(host, uuid)),
  };
}

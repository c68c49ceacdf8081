// Why: what a guest's life is made of on this host: made, started, switched off, removed. Each can be run again after a crash at any
// point: what is on the host says how far it came.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { removeWritten } from '../../base/durable-file.ts';
import { messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { GuestSpec, GuestView } from '../../domain/servers/guests.ts';
import { adoptedName, assertOurs, removeTaps, settleIn } from './adoption.ts';
import { domainXml } from './config.ts';
import { forgetDisks, forgetRescue, instanceDir, makeDisks, markComplete, placeOf, removeDisks } from './disks.ts';
import { exists } from './exists.ts';
import { leaveVolume, reachVolume, volumesWithSecret } from './volume-reach.ts';
import { isVirError } from './errors.ts';
import { findDomain, ifGone, isOff } from './guest.ts';
import { domainOf, filesOf, type Host, noSuchGuest, preparePorts, settle, view } from './host.ts';
import { checkNics, forgetPorts, readPorts, writePorts } from './nics.ts';
import { dropFilter } from './port-filter.ts';
import * as vir from './rpc/constants.ts';
import type { DomainRef } from './rpc/types.ts';
import { socketPath } from './serial.ts';

const SOCKET = 'socket';
const LOOPBACK = '127.0.0.1';

/** The domain where it runs, else null. */
export async function runningDomain(host: Host, uuid: string): Promise<DomainRef | null> {
  const domain = await findDomain(host.connection, uuid);
  return domain !== null && !(await isOff(host.connection, domain)) ? domain : null;
}

export async function spawn(host: Host, spec: GuestSpec): Promise<GuestView> {
  checkNics(spec.nics);
  const files = filesOf(host, spec.uuid);
  const running = await runningDomain(host, spec.uuid);
  if (running !== null) {
    await markComplete(files);
    return await view(host, running);
  }
  const complete = await hasGuest(host, spec.uuid);
  // what a crash left half made
  if (!complete) await remove(host, spec.uuid);
  try {
    const domain = await start(host, spec);
    await markComplete(files);
    return await view(host, domain);
  } catch (error) {
    // the disks of a guest that ran before are not ours to take
    if (!complete) {
      await remove(host, spec.uuid).catch((trouble: unknown) => {
        host.log.error({ uuid: spec.uuid, error: messageOf(trouble) }, 'a failed spawn left something behind');
      });
    }
    throw error;
  }
}

/** Makes what is missing of files and networks, and writes the domain anew from the spec. */
export async function define(host: Host, spec: GuestSpec): Promise<DomainRef> {
  const { connection, instancesDir } = host;
  const dir = instanceDir(instancesDir, spec.uuid);
  await mkdir(dir, { recursive: true, mode: 0o711 });
  await ownFiles(host, spec.uuid);
  const before = await readPorts(dir);
  await writePorts(dir, spec.nics);
  await forgetRescue(filesOf(host, spec.uuid));
  await settleIn(host, spec.uuid);
  await makeDisks(host, spec);
  for (const disk of spec.disks.volumes ?? []) await reachVolume(host, disk);
  await preparePorts(host, spec.nics, before);
  await removeWritten(filesOf(host, spec.uuid).leaving);
  const defined = await connection.domainDefineXMLFlags(await xmlHere(host, spec));
  const kept = new Set(spec.nics.map(({ portId }) => portId));
  for (const { portId } of before) if (!kept.has(portId)) await dropFilter(connection, portId);
  host.offline.delete(spec.uuid);
  return defined;
}

/** What a guest is on this host. */
export async function xmlHere(host: Host, spec: GuestSpec): Promise<string> {
  // one that was taken over keeps its name, which is how it is known to be another's once it is given back
  const adopted = await adoptedName(host.instancesDir, spec.uuid);
  const name = (await findDomain(host.connection, spec.uuid))?.name ?? adopted;
  return domainXml(spec, {
    ...(await placeOf(host.instancesDir, spec, host.choice)),
    ...(name === null ? {} : { name }),
    // under the name that its port has in the switch from before, which is then replaced
    namedTaps: adopted !== null,
    screen: screenPlace(host, spec.uuid),
    sharedCpus: [...(host.division.shared ?? [])],
  });
}

/** As `define`, and starts it. */
export async function start(host: Host, spec: GuestSpec): Promise<DomainRef> {
  return await host.connection.domainCreateWithFlags(await define(host, spec), vir.VIR_DOMAIN_START_FORCE_BOOT);
}

/** Where the screen of a guest listens: a socket, where QEMU has a directory to make one in, and it has a path for it. */
function screenPlace(host: Host, uuid: string): string | null {
  if (host.screen !== SOCKET) return host.screen;
  return (host.keeper.closed ? socketPath(filesOf(host, uuid).screen) : null) ?? LOOPBACK;
}

/** Everything of a guest, whatever there is of it. */
export async function remove(host: Host, uuid: string): Promise<null> {
  const { connection, instancesDir, offline } = host;
  const domain = await findDomain(connection, uuid);
  await assertOurs(host, uuid, domain);
  if (domain !== null) {
    await switchOff(host, domain);
    await undefine(host, domain);
  }
  offline.delete(uuid);
  host.adopted.delete(uuid);
  await host.arrivals.stop(uuid);
  const theirs = await isOthers(host, uuid);
  await unplugPorts(host, uuid, theirs);
  if (!theirs) await removeDisks(instancesDir, uuid);
  return null;
}

/** Takes a domain that is off out of libvirt's books, with what libvirt itself kept for it. */
export async function undefine({ connection, offline }: Host, domain: DomainRef): Promise<void> {
  const xml = await connection.domainGetXMLDesc(domain, vir.VIR_DOMAIN_XML_INACTIVE).catch(ifGone(null));
  const flags =
    vir.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
    vir.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
    vir.VIR_DOMAIN_UNDEFINE_NVRAM |
    vir.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA;
  await connection.domainUndefineFlags(domain, flags).catch(ifGone(undefined));
  for (const id of xml === null ? [] : volumesWithSecret(xml)) await leaveVolume({ connection }, id);
  offline.delete(domain.uuid);
}

/** Whether the guest's directory is another host's by now, with which this one shares the storage. */
export async function isOthers(host: Host, uuid: string): Promise<boolean> {
  const owner = await readFile(filesOf(host, uuid).owner, 'utf8').catch(() => host.node);
  return owner !== host.node;
}

/** From now on the guest's directory is this host's, whoever shares the storage. */
export const ownFiles = (host: Host, uuid: string): Promise<void> =>
  writeFile(filesOf(host, uuid).owner, host.node, { mode: 0o600 });

/**
 * Nothing of the guest's ports is left on this host.
 * @param theirs what is noted of them is another host's
 */
export async function unplugPorts(host: Host, uuid: string, theirs = false): Promise<void> {
  const dir = instanceDir(host.instancesDir, uuid);
  const nics = await readPorts(dir);
  await removeTaps(host, uuid, nics);
  // the network asks which ports there are; of a filter nothing tells but the port
  for (const { portId } of nics) await dropFilter(host.connection, portId);
  if (!theirs) await forgetPorts(dir);
  await settle(host, nics);
}

/** Ends the guest at once: QEMU is given time to write out its disks, then killed. */
export async function switchOff(host: Host, domain: DomainRef): Promise<void> {
  const { connection } = host;
  const over = (error: unknown): void => {
    // 55: it was off already
    if (!isVirError(error, 'VIR_ERR_OPERATION_INVALID') && !isVirError(error, 'VIR_ERR_NO_DOMAIN')) throw error;
  };
  try {
    await connection.domainDestroyFlags(domain, vir.VIR_DOMAIN_DESTROY_GRACEFUL).catch(over);
  } catch (error) {
    if (!isVirError(error, 'VIR_ERR_SYSTEM_ERROR') && !isVirError(error, 'VIR_ERR_OPERATION_FAILED')) throw error;
    await connection.domainDestroyFlags(domain).catch(over);
  }
}

export async function powerOn(host: Host, spec: GuestSpec): Promise<GuestView> {
  const running = await runningDomain(host, spec.uuid);
  if (running !== null) return await view(host, running);
  await assertHere(host, spec.uuid);
  checkNics(spec.nics);
  return await view(host, await start(host, spec));
}

/**
 * Whether the guest's disks are here and its own: they are not before they came, and what is left of one that went to another host
 * as it ran is as old as that.
 */
export async function hasGuest(host: Host, uuid: string): Promise<boolean> {
  const { complete, leaving } = filesOf(host, uuid);
  if (!(await exists(complete)) || (await isOthers(host, uuid))) return false;
  return !(await exists(leaving)) || (await findDomain(host.connection, uuid)) !== null;
}

/** Whether its disks are here: starting anything else would be another, empty server. */
async function assertHere(host: Host, uuid: string): Promise<void> {
  if (!(await hasGuest(host, uuid))) throw noSuchGuest(uuid);
}

export async function powerOff(host: Host, uuid: string, timeoutMs: number): Promise<GuestView> {
  const domain = await domainOf(host, uuid);
  if (!(await isOff(host.connection, domain))) {
    const went = timeoutMs > 0 && (await askToShutDown(host, domain, timeoutMs));
    if (!went) await switchOff(host, domain);
  }
  return await view(host, domain);
}

/** Presses the power button, again and again while a guest that is still booting does not hear it. Returns whether it went. */
async function askToShutDown(host: Host, domain: DomainRef, timeoutMs: number): Promise<boolean> {
  const { connection, clock } = host;
  const endMs = clock.now() + timeoutMs;
  const off = async () => ((await isOff(connection, domain)) ? true : undefined);
  while (clock.now() < endMs) {
    await connection.domainShutdownFlags(domain, vir.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN).catch((error: unknown) => {
      if (!isVirError(error, 'VIR_ERR_OPERATION_INVALID')) throw error;
    });
    const waitMs = Math.min(limits.shutdownRetryMs, endMs - clock.now());
    if (await host.until(domain.uuid, waitMs, off)) return true;
  }
  return false;
}

/** Boots a guest from what it is rescued with or from its own disk, as the spec says; running from it, it runs on. */
export async function bootFrom(host: Host, spec: GuestSpec): Promise<GuestView> {
  await assertHere(host, spec.uuid);
  checkNics(spec.nics);
  const running = await runningDomain(host, spec.uuid);
  if (running !== null) {
    // its files are made and removed only while it is off
    const rescued = await exists(filesOf(host, spec.uuid).rescue.base);
    if (rescued === (spec.rescue !== undefined)) return await view(host, running);
    await switchOff(host, running);
  }
  return await view(host, await start(host, spec));
}

/** Throws the guest's disks away and makes them anew. What a crash leaves between the two, the next start makes. */
export async function rebuild(host: Host, spec: GuestSpec, preserveEphemeral: boolean): Promise<GuestView> {
  checkNics(spec.nics);
  const running = await runningDomain(host, spec.uuid);
  if (running !== null) await switchOff(host, running);
  const files = filesOf(host, spec.uuid);
  await forgetDisks(files, preserveEphemeral);
  const domain = await start(host, spec);
  await markComplete(files);
  return await view(host, domain);
}

/** With a time-out: asks the guest first. Either way the domain is then made anew from the spec. */
export async function reboot(host: Host, spec: GuestSpec, askMs: number): Promise<GuestView> {
  await assertHere(host, spec.uuid);
  checkNics(spec.nics);
  const running = await runningDomain(host, spec.uuid);
  if (running !== null) {
    const went = askMs > 0 && (await askToShutDown(host, running, askMs));
    if (!went) await switchOff(host, running);
  }
  return await view(host, await start(host, spec));
}

// Why: volumes come and go while a guest runs. What is plugged now and what the next start has are two definitions of one domain;
// each is looked at and changed by itself, so that doing it again finishes what a crash left half done.

import { rm } from 'node:fs/promises';
import { conflict, notFound } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import { power } from '../../domain/servers/servers.ts';
import type { VolumeDisk } from '../../domain/servers/server-volumes.ts';
import { isOff, powerOf } from './guest.ts';
import { copyRunning } from './snapshots.ts';
import { qemuImg } from '../../base/qemu-img.ts';
import { volumePlan } from './disks.ts';
import { isVirError } from './errors.ts';
import { domainOf, type Host, view } from './host.ts';
import { METADATA } from './config.ts';
import { diskXml } from './machine/disk.ts';
import { mustStay } from './move/live.ts';
import { type Side, sidesOf } from './sides.ts';
import * as vir from './rpc/constants.ts';
import { leaveVolume, reachVolume } from './volume-reach.ts';
import { isInShare } from './volume-source.ts';
import type { DomainRef } from './rpc/types.ts';
import { children, elementXml, find, readXml } from './xml.ts';

/** A disk of a domain, as libvirt tells of it. */
interface PluggedDisk {
  readonly name: string;
  /** Empty: it is on the network. */
  readonly path: string;
  readonly xml: string;
}

/** The volumes in a definition, by their ids, and the names that any disk has. */
export function readVolumes(xml: string): {
  readonly volumes: ReadonlyMap<string, PluggedDisk>;
  readonly names: ReadonlySet<string>;
  /** Whether it is a definition of ours: another program's has files that are none of the built-in service. */
  readonly isOurs: boolean;
} {
  const domain = readXml(xml);
  const devices = find(domain, 'devices');
  const volumes = new Map<string, PluggedDisk>();
  const names = new Set<string>();
  for (const disk of devices === null ? [] : children(devices, 'disk')) {
    const name = find(disk, 'target')?.getAttribute('dev') ?? '';
    names.add(name);
    const serial = find(disk, 'serial')?.textContent;
    if (serial)
      volumes.set(serial, { name, path: find(disk, 'source')?.getAttribute('file') ?? '', xml: elementXml(disk) });
  }
  return { volumes, names, isOurs: find(domain, `metadata/${METADATA}`) !== null };
}

async function disksOf(host: Host, domain: DomainRef, side: Side): Promise<ReturnType<typeof readVolumes>> {
  const flags = side === vir.VIR_DOMAIN_AFFECT_CONFIG ? vir.VIR_DOMAIN_XML_INACTIVE : 0;
  return readVolumes(await host.connection.domainGetXMLDesc(domain, flags));
}

async function attach(host: Host, uuid: string, disk: VolumeDisk): Promise<void> {
  const domain = await domainOf(host, uuid);
  await mustStay(host, domain);
  await reachVolume(host, disk);
  const xml = diskXml(volumePlan(host.instancesDir, disk, false));
  for (const side of await sidesOf(host, domain)) {
    const { volumes, names } = await disksOf(host, domain, side);
    if (volumes.has(disk.volumeId)) continue;
    if (names.has(disk.name)) {
      throw conflict(`The guest has another disk called ${disk.name}.`, { code: 'volume.device' });
    }
    await host.connection.domainAttachDeviceFlags(domain, xml, side);
  }
}

/** Asks the guest to let go of a disk, again and again: one that is still booting does not hear it. */
async function unplug(host: Host, domain: DomainRef, volumeId: string, xml: string): Promise<void> {
  const endMs = host.clock.now() + limits.unplugMs;
  let asked = false;
  const gone = async () =>
    (await disksOf(host, domain, vir.VIR_DOMAIN_AFFECT_LIVE)).volumes.has(volumeId) ? undefined : true;
  while (host.clock.now() < endMs) {
    await host.connection.domainDetachDeviceFlags(domain, xml, vir.VIR_DOMAIN_AFFECT_LIVE).catch((error: unknown) => {
      // it went meanwhile, or the guest is still at it since it was asked before
      if (!asked && !isVirError(error, 'VIR_ERR_DEVICE_MISSING')) throw error;
    });
    asked = true;
    if (await host.until(domain.uuid, Math.min(limits.unplugRetryMs, endMs - host.clock.now()), gone)) return;
  }
  throw conflict('The guest did not let go of the volume.', { code: 'virt.unplug' });
}

async function detach(host: Host, uuid: string, volumeId: string): Promise<void> {
  const domain = await domainOf(host, uuid);
  await mustStay(host, domain);
  for (const side of await sidesOf(host, domain)) {
    const plugged = (await disksOf(host, domain, side)).volumes.get(volumeId);
    if (plugged === undefined) continue;
    if (side === vir.VIR_DOMAIN_AFFECT_LIVE) await unplug(host, domain, volumeId, plugged.xml);
    else await host.connection.domainDetachDeviceFlags(domain, plugged.xml, side);
  }
  await leaveVolume(host, volumeId);
}

async function grow(host: Host, uuid: string, volumeId: string, bytes: number): Promise<void> {
  const domain = await domainOf(host, uuid);
  await mustStay(host, domain);
  const { volumes, isOurs } = await disksOf(host, domain, vir.VIR_DOMAIN_AFFECT_LIVE);
  const plugged = volumes.get(volumeId);
  if (plugged === undefined) throw notFound(`Volume ${volumeId} is not attached to instance ${uuid}.`);
  if (await isOff(host.connection, domain)) {
    // what another service keeps is as large as that made it, which the next start sees
    if (!isOurs || plugged.path === '' || isInShare(host.instancesDir, plugged.path)) return;
    await qemuImg(host.run, ['resize', '-q', '-f', 'qcow2', '--', plugged.path, String(bytes)]);
    return;
  }
  await host.connection.domainBlockResize(domain, plugged.name, bytes, vir.VIR_DOMAIN_BLOCK_RESIZE_BYTES);
}

async function copy(host: Host, uuid: string, volumeId: string, path: string, quiesce: boolean): Promise<void> {
  const domain = await domainOf(host, uuid);
  await mustStay(host, domain);
  const plugged = (await disksOf(host, domain, vir.VIR_DOMAIN_AFFECT_LIVE)).volumes.get(volumeId);
  if (plugged === undefined) throw notFound(`Volume ${volumeId} is not attached to instance ${uuid}.`);
  if (plugged.path === '') throw conflict(`Volume ${volumeId} is no file here.`, { code: 'volume.reach' });
  await rm(path, { force: true });
  const state = await powerOf(host.connection, domain);
  if (state === power.running || state === power.paused) {
    // a guest that stands still has nobody to ask, and writes nothing
    await copyRunning(host, domain, plugged.path, path, quiesce && state === power.running);
  } else await qemuImg(host.run, ['convert', '-q', '-f', 'qcow2', '-O', 'qcow2', '--', plugged.path, path]);
}

type VolumeVerbs = Pick<AgentVerbs, 'attachVolume' | 'copyVolume' | 'detachVolume' | 'growVolume'>;

export function volumeVerbs(host: Host): VolumeVerbs {
  const inTurn = (uuid: string, work: () => Promise<void>) =>
    host.guests(uuid, async () => {
      await work();
      return view(host, await domainOf(host, uuid));
    });
  return {
    attachVolume: ({ uuid, disk }) => inTurn(uuid, () => attach(host, uuid, disk)),
    detachVolume: ({ uuid, volumeId }) => inTurn(uuid, () => detach(host, uuid, volumeId)),
    copyVolume: ({ uuid, volumeId, path, quiesce }) =>
      host.guests(uuid, async () => {
        await copy(host, uuid, volumeId, path, quiesce);
        return null;
      }),
    growVolume: ({ uuid, volumeId, bytes }) => inTurn(uuid, () => grow(host, uuid, volumeId, bytes)),
  };
}

// Why: ports come and go while a guest runs. What is plugged now and what the next start has are two definitions of one domain;
// each is looked at and changed by itself, so that doing it again finishes what a crash left half done.

import { conflict } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { type InterfacePlan, plainInterface } from '../../domain/networks/interface-plan.ts';
import type { NicSpec } from '../../domain/networks/server-nics.ts';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import { removeTaps } from './adoption.ts';
import { interfaceXml } from './machine/interface.ts';
import { instanceDir } from './disks.ts';
import { isVirError } from './errors.ts';
import { domainOf, type Host, preparePorts, settle, view } from './host.ts';
import { checkNics, isNat, readPorts, writePorts } from './nics.ts';
import { dropFilter, filterName } from './port-filter.ts';
import * as vir from './rpc/constants.ts';
import type { DomainRef } from './rpc/types.ts';
import { type Side, sidesOf } from './sides.ts';
import { children, find, readXml } from './xml.ts';

/** The name of the filter of each interface, by MAC address; null: it has none. */
export function readInterfaces(xml: string): ReadonlyMap<string, string | null> {
  const devices = find(readXml(xml), 'devices');
  const found = new Map<string, string | null>();
  for (const device of devices === null ? [] : children(devices, 'interface')) {
    const mac = find(device, 'mac')?.getAttribute('address')?.toLowerCase();
    if (mac) found.set(mac, find(device, 'filterref')?.getAttribute('filter') ?? null);
  }
  return found;
}

async function interfacesOf(host: Host, domain: DomainRef, side: Side): Promise<ReadonlyMap<string, string | null>> {
  const flags = side === vir.VIR_DOMAIN_AFFECT_CONFIG ? vir.VIR_DOMAIN_XML_INACTIVE : 0;
  return readInterfaces(await host.connection.domainGetXMLDesc(domain, flags));
}

async function attach(host: Host, uuid: string, nic: NicSpec, plan: InterfacePlan): Promise<void> {
  checkNics([nic]);
  const domain = await domainOf(host, uuid);
  const dir = instanceDir(host.instancesDir, uuid);
  const others = (await readPorts(dir)).filter(({ portId }) => portId !== nic.portId);
  await writePorts(dir, [...others, nic]);
  await preparePorts(host, [nic]);
  const xml = interfaceXml(nic, plan);
  for (const side of await sidesOf(host, domain)) {
    const present = (await interfacesOf(host, domain, side)).get(nic.mac);
    if (present === undefined) await host.connection.domainAttachDeviceFlags(domain, xml, side);
    else if (present !== (isNat(nic) ? filterName(nic.portId) : null))
      await host.connection.domainUpdateDeviceFlags(domain, xml, side);
  }
}

/** Asks the guest to let go of a device, again and again: one that is still booting does not hear it. */
async function unplug(host: Host, domain: DomainRef, mac: string, xml: string): Promise<void> {
  const endMs = host.clock.now() + limits.unplugMs;
  let asked = false;
  const gone = async () => ((await interfacesOf(host, domain, vir.VIR_DOMAIN_AFFECT_LIVE)).has(mac) ? undefined : true);
  while (host.clock.now() < endMs) {
    await host.connection.domainDetachDeviceFlags(domain, xml, vir.VIR_DOMAIN_AFFECT_LIVE).catch((error: unknown) => {
      // it went meanwhile, or the guest is still at it since it was asked before
      if (!asked && !isVirError(error, 'VIR_ERR_DEVICE_MISSING')) throw error;
    });
    asked = true;
    if (await host.until(domain.uuid, Math.min(limits.unplugRetryMs, endMs - host.clock.now()), gone)) return;
  }
  throw conflict('The guest did not let go of the network interface.', { code: 'virt.unplug' });
}

async function detach(host: Host, uuid: string, portId: string): Promise<void> {
  const domain = await domainOf(host, uuid);
  const dir = instanceDir(host.instancesDir, uuid);
  const ports = await readPorts(dir);
  const nic = ports.find((one) => one.portId === portId);
  if (nic === undefined) return;
  const xml = interfaceXml(nic, plainInterface);
  for (const side of await sidesOf(host, domain)) {
    if (!(await interfacesOf(host, domain, side)).has(nic.mac)) continue;
    if (side === vir.VIR_DOMAIN_AFFECT_LIVE) await unplug(host, domain, nic.mac, xml);
    else await host.connection.domainDetachDeviceFlags(domain, xml, side);
  }
  await dropFilter(host.connection, portId);
  await removeTaps(host, uuid, [nic]);
  await writePorts(
    dir,
    ports.filter((one) => one !== nic),
  );
  await settle(host, [nic]);
}

export function nicVerbs(host: Host): Pick<AgentVerbs, 'attachNic' | 'detachNic'> {
  const inTurn = (uuid: string, work: () => Promise<void>) =>
    host.guests(uuid, async () => {
      await work();
      return view(host, await domainOf(host, uuid));
    });
  return {
    attachNic: ({ uuid, nic, plan }) => inTurn(uuid, () => attach(host, uuid, nic, plan)),
    detachNic: ({ uuid, portId }) => inTurn(uuid, () => detach(host, uuid, portId)),
  };
}

// Why: a guest is started with its minimum, and a device of virtio-mem plugs the rest in blocks as it is asked for: memory that is
// not the guest's is not there, and a guest without the driver has too little instead of too much.

import { internal } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import type { GuestSpec } from '../../../domain/servers/guests.ts';
import { memoryLaws } from '../../../domain/adjustment/memory-method.ts';
import * as vir from '../rpc/constants.ts';
import { toKib } from '../units.ts';
import { children, type Element, elementXml, find, leaf, readXml, text, textOf } from '../xml.ts';
import type { MemoryWay } from './way.ts';

const MODEL = 'virtio-mem';
const KIB = { unit: 'KiB' } as const;
const BLOCK_KIB = toKib(memoryLaws[MODEL].blockMb);

const deviceKib = ({ maximum, minimum }: GuestSpec): number => toKib(maximum.memoryMb - minimum.memoryMb);

function deviceOf(domain: Element): Element {
  const devices = find(domain, 'devices');
  const found =
    devices === null ? [] : children(devices, 'memory').filter((one) => one.getAttribute('model') === MODEL);
  if (found[0] === undefined) throw internal('The domain has lost its virtio-mem device.');
  return found[0];
}

const kibAt = (element: Element, path: string): number => Number(textOf(element, path));

const besideKib = (domain: Element, device: Element): number => kibAt(domain, 'memory') - kibAt(device, 'target/size');

/** The device of a domain with another request in it: in whole blocks, the next ones above the size, as far as it goes. */
function deviceFor(xml: string, memoryMb: number): string {
  const domain = readXml(xml);
  const device = deviceOf(domain);
  const blockKib = kibAt(device, 'target/block');
  const wishedKib = Math.ceil((toKib(memoryMb) - besideKib(domain, device)) / blockKib) * blockKib;
  const requestedKib = Math.min(Math.max(wishedKib, 0), kibAt(device, 'target/size'));
  (find(device, 'target/requested') as Element).textContent = String(requestedKib);
  return elementXml(device);
}

export const virtioMem: MemoryWay = {
  method: MODEL,
  writeSize(domain, { maximum, boot }) {
    text(domain, 'maxMemory', toKib(maximum.memoryMb), { slots: 1, ...KIB });
    text(domain, 'memory', toKib(maximum.memoryMb), KIB);
    text(domain, 'currentMemory', toKib(boot.memoryMb), KIB);
  },
  // plugged memory belongs to a cell, so there must be one; it has what the guest begins with
  writeCells(cpu, { maximum, minimum }) {
    const cpus = maximum.vcpus === 1 ? '0' : `0-${maximum.vcpus - 1}`;
    leaf(cpu.ele('numa'), 'cell', { id: 0, cpus, memory: toKib(minimum.memoryMb), ...KIB });
  },
  writeDevice(devices, spec) {
    const target = devices.ele('memory', { model: MODEL }).ele('target');
    text(target, 'size', deviceKib(spec), KIB);
    text(target, 'node', 0);
    text(target, 'block', BLOCK_KIB, KIB);
    text(target, 'requested', toKib(spec.boot.memoryMb - spec.minimum.memoryMb), KIB);
  },
  // a balloon's own figure leaves out what is plugged
  hasKib: (info) => info.memoryKib,
  // A guest gives all that is free, needed the next moment or not, and has no way to take it back: asked for too much, it kills
  // programs of its own. What it says that it has available is what it can spare; of one that says nothing, nothing is known.
  leastKib({ memoryKib }, { usableKib }) {
    if (usableKib === undefined) return 0;
    const reserveKib = Math.max(toKib(limits.guestReserveMb), memoryKib * limits.guestReserveShare);
    return memoryKib - Math.max(0, usableKib - reserveKib);
  },
  // libvirt does not change its own figure with the device's
  bootsKib(_info, xml) {
    const domain = readXml(xml);
    const device = deviceOf(domain);
    return besideKib(domain, device) + kibAt(device, 'target/requested');
  },
  async set(calls, domain, memoryMb, impact) {
    const inactive = impact === vir.VIR_DOMAIN_AFFECT_CONFIG ? vir.VIR_DOMAIN_XML_INACTIVE : 0;
    const xml = await calls.domainGetXMLDesc(domain, inactive);
    await calls.domainUpdateDeviceFlags(domain, deviceFor(xml, memoryMb), impact);
  },
};

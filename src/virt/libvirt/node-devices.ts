// Why: which PCI devices this machine has, and which of them may be for guests, as libvirt tells; and how one is written into a domain.

import type { Log } from '../../base/log.ts';
import { type DeviceSpec, devicesWithoutIommu, type FoundDevice } from '../host-devices.ts';
import { isVirError } from './errors.ts';
import { VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV } from './rpc/constants.ts';
import type { LibvirtCalls } from './rpc/procedures.ts';
import { attributeOf, children, type Element, find, leaf, readXml, textOf, type XMLBuilder } from './xml.ts';

const WIDTHS = [4, 2, 2, 1] as const;
const PARTS = ['domain', 'bus', 'slot', 'function'] as const;

/** An address in the form of `lspci -D`, from its four numbers. */
function addressOf(part: (name: (typeof PARTS)[number]) => string | null): string {
  const [domain, bus, slot, of] = PARTS.map((name, index) =>
    Number(part(name) ?? 0)
      .toString(16)
      .padStart(WIDTHS[index] as number, '0'),
  );
  return `${domain}:${bus}:${slot}.${of}`;
}

/** `0x10de` as four hexadecimal digits. */
const idOf = (pci: Element, name: string): string =>
  Number(attributeOf(pci, name, 'id') ?? 0)
    .toString(16)
    .padStart(4, '0');

const numberOf = (pci: Element, name: string, attribute: string): number | null => {
  const value = Number(attributeOf(pci, name, attribute) ?? -1);
  return value < 0 ? null : value;
};

/** A node device's XML as a device; null for what is none, or joins others to the machine and can be no guest's. */
export function readPciDevice(xml: string): FoundDevice | null {
  const pci = children(readXml(xml), 'capability').find((one) => one.getAttribute('type') === 'pci');
  if (pci === undefined) return null;
  const capability = (type: string): Element | null =>
    children(pci, 'capability').find((one) => one.getAttribute('type') === type) ?? null;
  if (capability('pci-bridge') !== null) return null;
  const whole = find(capability('phys_function') ?? pci, 'address');
  return {
    address: addressOf((name) => textOf(pci, name)),
    vendorId: idOf(pci, 'vendor'),
    productId: idOf(pci, 'product'),
    type: capability('virt_functions') !== null ? 'type-PF' : whole === null ? 'type-PCI' : 'type-VF',
    parent: whole === null ? null : addressOf((name) => whole.getAttribute(name)),
    numaNode: numberOf(pci, 'numa', 'node'),
    iommuGroup: numberOf(pci, 'iommuGroup', 'number'),
  };
}

/** Functions of a card come and go as its operator divides it. */
function ifUnplugged(error: unknown): null {
  if (isVirError(error, 'VIR_ERR_NO_NODE_DEVICE')) return null;
  throw error;
}

/** The machine's PCI devices; of a machine that keeps them all for itself none, without asking. */
export async function findPciDevices(calls: LibvirtCalls, specs: readonly DeviceSpec[]): Promise<FoundDevice[]> {
  if (specs.length === 0) return [];
  const names = await calls.connectListAllNodeDevices(VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV);
  const found = await Promise.all(
    names.map((name) => calls.nodeDeviceGetXMLDesc(name).then(readPciDevice, ifUnplugged)),
  );
  return found.filter((device) => device !== null);
}

/** Says at the start which devices the operator means for guests in vain. */
export async function tellOfDevices(calls: LibvirtCalls, specs: readonly DeviceSpec[], log: Log): Promise<void> {
  const addresses = devicesWithoutIommu(await findPciDevices(calls, specs), specs);
  if (addresses.length === 0) return;
  log.warn({ addresses }, 'devices of pci.device_spec are not offered: they have no IOMMU group (is the IOMMU on?)');
}

/** `<hostdev>`: the device is taken from the host when the guest starts and given back when it ends. */
export function writeHostDevice(devices: XMLBuilder, address: string): void {
  const [domain, bus, slot, of] = address.split(/[:.]/);
  const hostdev = devices.ele('hostdev', { mode: 'subsystem', type: 'pci', managed: 'yes' });
  leaf(hostdev.ele('source'), 'address', {
    ...{ domain: `0x${domain}`, bus: `0x${bus}`, slot: `0x${slot}` },
    function: `0x${of}`,
  });
}

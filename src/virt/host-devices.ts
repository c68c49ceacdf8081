// Why: the operator says which devices of a host are for guests (`pci.device_spec`). What a driver finds on its machine becomes the
// host's offer in one way. Nova's options, syntax and rules.

import { Fault } from '../base/errors.ts';
import type { PciDevice } from '../domain/pci/pci.ts';

/** An entry of `pci.device_spec`; what it does not say may be anything. */
export interface DeviceOption {
  readonly vendor_id?: string;
  readonly product_id?: string;
  readonly address?: string;
}

/** A device as a machine has it. */
export interface FoundDevice extends Omit<PciDevice, 'iommuGroup'> {
  /** Null: there is no IOMMU, and the device cannot be handed to a guest. */
  readonly iommuGroup: number | null;
}

/** Domain, bus, slot and function; null: any. */
type AddressPattern = readonly [number | null, number | null, number | null, number | null];

export interface DeviceSpec {
  /** Null: any. */
  readonly vendorId: string | null;
  readonly productId: string | null;
  readonly address: AddressPattern;
}

const bad = (what: string): Fault =>
  new Fault('internal', `configuration: pci.device_spec: ${what}`, { code: 'config' });

const LARGEST = { domain: 0xffff, bus: 0xff, slot: 0x1f, function: 0x7 } as const;
const ANY = '*';

function part(name: keyof typeof LARGEST, text: string | undefined, address: string): number | null {
  const trimmed = (text ?? '').trim();
  if (trimmed === '' || trimmed === ANY) return null;
  const value = /^[\da-f]{1,4}$/i.test(trimmed) ? Number.parseInt(trimmed, 16) : Number.NaN;
  if (value <= LARGEST[name]) return value;
  throw bad(`address ${address}: its ${name} is no hexadecimal number up to ${LARGEST[name].toString(16)}`);
}

/** `0000:81:00.1`, parts of it left out or `*` for any: `*:0a:00.*`, `:0a:00.`, `81:00.1`. */
function readPattern(address: string): AddressPattern {
  const [place = '', ...functions] = address.split('.');
  const fields = place.split(':');
  if (fields.length > 3 || functions.length > 1) {
    throw bad(`address ${address}: [[domain:]bus:]slot.function is wanted, * for any`);
  }
  const [domain, bus, slot] = [...Array.from({ length: 3 - fields.length }, () => ANY), ...fields];
  return [
    part('domain', domain, address),
    part('bus', bus, address),
    part('slot', slot, address),
    part('function', functions[0], address),
  ];
}

function readId(name: 'vendor_id' | 'product_id', text: string | undefined): string | null {
  const trimmed = (text ?? ANY).trim();
  if (trimmed === ANY) return null;
  if (!/^[\da-f]{1,4}$/i.test(trimmed)) throw bad(`${name} ${text}: four hexadecimal digits are wanted, or *`);
  return trimmed.toLowerCase().padStart(4, '0');
}

/** The options as what they match. Throws a fault that names the one that is wrong. */
export const readDeviceSpecs = (options: readonly DeviceOption[]): readonly DeviceSpec[] =>
  options.map(({ vendor_id, product_id, address = ANY }) => ({
    vendorId: readId('vendor_id', vendor_id),
    productId: readId('product_id', product_id),
    address: readPattern(address),
  }));

const partsOf = (address: string): readonly number[] =>
  address.split(/[:.]/).map((digits) => Number.parseInt(digits, 16));

const lies = (pattern: AddressPattern, address: string): boolean =>
  partsOf(address).every((value, index) => pattern[index] === null || pattern[index] === value);

/** Whether an address stands for one device, and so for the functions that it is divided into. */
const isSingle = (pattern: AddressPattern): boolean => !pattern.includes(null);

const matches =
  ({ address, parent, vendorId, productId }: FoundDevice) =>
  (spec: DeviceSpec): boolean =>
    (spec.vendorId === null || spec.vendorId === vendorId) &&
    (spec.productId === null || spec.productId === productId) &&
    (lies(spec.address, address) || (parent !== null && isSingle(spec.address) && lies(spec.address, parent)));

/** Those of a machine's devices that its operator means for guests. */
const meant = (found: readonly FoundDevice[], specs: readonly DeviceSpec[]): FoundDevice[] =>
  found.filter((device) => specs.some(matches(device)));

const canBeHanded = (device: FoundDevice): device is FoundDevice & PciDevice => device.iommuGroup !== null;

/** What a host offers, as a part of its facts. */
export function offeredDevices(
  found: readonly FoundDevice[],
  specs: readonly DeviceSpec[],
): { readonly pciDevices?: readonly PciDevice[] } {
  const pciDevices = meant(found, specs).filter(canBeHanded);
  return pciDevices.length === 0 ? {} : { pciDevices };
}

/** The addresses of devices that are meant for guests and cannot be handed to them. */
export const devicesWithoutIommu = (found: readonly FoundDevice[], specs: readonly DeviceSpec[]): string[] =>
  meant(found, specs)
    .filter((device) => !canBeHanded(device))
    .map(({ address }) => address);

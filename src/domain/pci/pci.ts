// Why: devices of a host that are handed to guests whole: what they are, and what it means for others that one is taken.

export const pciTypes = ['type-PCI', 'type-PF', 'type-VF'] as const;
/** A device that is what it is, one that can be divided into functions (SR-IOV), or such a function. */
export type PciType = (typeof pciTypes)[number];

/** A device as others are kept from it while it is taken. */
export interface TakenDevice {
  /** `0000:81:00.1`: domain, bus, slot and function. */
  readonly address: string;
  /** Of a virtual function: the address of its physical one, and one cannot be had while the other is taken. */
  readonly parent: string | null;
  /** Devices of one group can reach each other past the host: one server has them, or the host itself. */
  readonly iommuGroup: number;
}

/** A device that a host offers. */
export interface PciDevice extends TakenDevice {
  /** Four hexadecimal digits, lower case, as the product's. */
  readonly vendorId: string;
  readonly productId: string;
  readonly type: PciType;
  /** Null: it is near none. */
  readonly numaNode: number | null;
}

const byAddress = (a: TakenDevice, b: TakenDevice): number =>
  a.address < b.address ? -1 : Number(a.address > b.address);

/**
 * What is taken of a host with some more taken or given back; null: nothing. The same devices are the same text. While the two claims
 * of a move change places a device counts twice.
 */
export function withDevices(
  taken: readonly TakenDevice[] | null,
  some: readonly TakenDevice[] | null,
  sign: 1 | -1,
): readonly TakenDevice[] | null {
  const next = [...(taken ?? [])];
  for (const device of some ?? []) {
    const at = next.findIndex(({ address }) => address === device.address);
    if (sign === 1) next.push(device);
    else if (at !== -1) next.splice(at, 1);
  }
  return next.length === 0 ? null : next.toSorted(byAddress);
}

/** Tells which devices others may have while these are taken. */
export function whileTaken(taken: readonly TakenDevice[] | null): (device: TakenDevice) => boolean {
  if (taken === null) return () => true;
  const addresses = new Set(taken.map(({ address }) => address));
  const parents = new Set(taken.map(({ parent }) => parent));
  const groups = new Set(taken.map(({ iommuGroup }) => iommuGroup));
  return ({ address, parent, iommuGroup }) =>
    !addresses.has(address) &&
    !parents.has(address) &&
    (parent === null || !addresses.has(parent)) &&
    !groups.has(iommuGroup);
}

// Why: beside its root disk a server has ephemeral disks and a swap disk: as its flavor says, or as its creator divides what the flavor
// allows. Rules and texts: Nova's (nova/compute/api.py, _validate_bdm).

import { limits } from '../../base/limits.ts';
import type { FlavorSnapshot } from '../machines/flavors.ts';

/** A disk on the host that begins empty. */
export interface LocalDisk {
  readonly kind: 'ephemeral' | 'swap';
  /** In GiB, of swap in MiB; null: all that the flavor allows. */
  readonly size: number | null;
  /** Null: the image's. */
  readonly bus: string | null;
  readonly device: 'disk' | 'cdrom';
  /** Its file system; null: the usual. Swap has none. */
  readonly format: string | null;
  readonly tag: string | null;
}

/** What was said of the disks of a server when it was made. */
export interface LocalDisks {
  readonly root: Pick<LocalDisk, 'bus' | 'tag'>;
  readonly others: readonly LocalDisk[];
}

/** Whether anything was said that is not as it always is. */
export const saysOfDisks = ({ root, others }: LocalDisks): boolean =>
  others.length > 0 || root.bus !== null || root.tag !== null;

/** File systems that are made on ephemeral disks. */
export const fileSystems: readonly string[] = ['ext2', 'ext3', 'ext4', 'vfat', 'xfs'];

type Room = Pick<FlavorSnapshot, 'ephemeralGb' | 'swapMb'>;

const usual = { bus: null, device: 'disk', format: null, tag: null } as const;

/** Every disk beside the root disk, with its size; those of which nothing was said are the flavor's. */
export function localDisksOf(
  asked: LocalDisks | undefined,
  { ephemeralGb, swapMb }: Room,
): readonly (LocalDisk & { readonly size: number })[] {
  const others = asked?.others ?? [];
  const has = (kind: LocalDisk['kind']) => others.some((disk) => disk.kind === kind);
  const most = { ephemeral: ephemeralGb, swap: swapMb };
  const found = [
    ...others.filter(({ kind }) => kind === 'ephemeral'),
    ...(has('ephemeral') ? [] : [{ ...usual, kind: 'ephemeral' as const, size: ephemeralGb }]),
    ...others.filter(({ kind }) => kind === 'swap'),
    ...(has('swap') ? [] : [{ ...usual, kind: 'swap' as const, size: swapMb }]),
  ];
  return found.map((disk) => ({ ...disk, size: disk.size ?? most[disk.kind] })).filter(({ size }) => size > 0);
}

/** The text of Nova's 400 where they do not fit into the flavor; null: they do. */
export function localDisksProblem(asked: LocalDisks | undefined, flavor: Room): string | null {
  const others = asked?.others ?? [];
  const ephemeral = others.filter(({ kind }) => kind === 'ephemeral');
  const sum = ephemeral.reduce((all, { size }) => all + (size ?? flavor.ephemeralGb), 0);
  if (sum > flavor.ephemeralGb) {
    return (
      'Ephemeral disks requested are larger than the instance type allows. If no size is given in one block device ' +
      'mapping, flavor ephemeral size will be used.'
    );
  }
  const swap = others.filter(({ kind }) => kind === 'swap');
  if (swap.length > 1) return 'Block Device Mapping is Invalid: More than one swap drive requested.';
  if ((swap[0]?.size ?? 0) > flavor.swapMb) return 'Swap drive requested is larger than instance type allows.';
  // the root disk is one of them
  if (localDisksOf(asked, flavor).length + 1 > limits.localBlockDevices && others.length > 0) {
    return 'Block Device Mapping is Invalid: You specified more local devices than the limit allows';
  }
  return null;
}

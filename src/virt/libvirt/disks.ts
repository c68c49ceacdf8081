// Why: a guest's files are one directory: disks over a link to their image, kernel, config drive, console. Whatever is in it
// was made here from checked ids; removing the directory removes the guest's disks, and nothing else.

import { copyFile, link, mkdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { conflict } from '../../base/errors.ts';
import { checkedUuid } from '../../base/ids.ts';
import type { TaggedDisk } from '../../domain/servers/guest-metadata.ts';
import { type GuestSpec, hasVolumeRoot } from '../../domain/servers/guests.ts';
import type { ImageFacts } from '../../domain/machines/images.ts';
import { knownProperties } from '../../domain/machines/image-properties.ts';
import type { VolumeDisk } from '../../domain/servers/server-volumes.ts';
import { type LocalDisk, localDisksOf } from '../../domain/servers/local-disks.ts';
import { limits } from '../../base/limits.ts';
import { buildConfigDrive } from '../config-drive.ts';
import type { Run } from '../../base/run.ts';
import type { DomainPlace } from './domain-place.ts';
import { type DiskPlan, namesOf } from './machine/disk.ts';
import { type Bus, busOf, machineKindOf } from './machine/kind.ts';
import type { CachedImage, ImageCache } from './images.ts';
import type { Keeper } from './ownership.ts';
import { exists } from './exists.ts';
import { socketPath } from './serial.ts';
import { openedAs } from './volume-source.ts';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

/** The directory of one guest. */
export const instanceDir = (instancesDir: string, uuid: string): string => join(instancesDir, checkedUuid(uuid));

/** What a guest boots from: its own, or what it is rescued with. */
const systemFiles = (dir: string, suffix: string) => ({
  /** A link to the image's file in the cache, over which `root` lies. */
  base: join(dir, `base${suffix}`),
  root: join(dir, `disk${suffix}`),
  configDrive: join(dir, `disk.config${suffix}`),
  kernel: join(dir, `kernel${suffix}`),
  ramdisk: join(dir, `ramdisk${suffix}`),
});

type SystemFiles = ReturnType<typeof systemFiles>;

/** The files in it, by what they are. */
export const guestFiles = (dir: string) => ({
  ...systemFiles(dir, ''),
  /** There while the guest is rescued, and for as long as nothing else started it. */
  rescue: systemFiles(dir, '.rescue'),
  ephemeral: (index: number) => join(dir, `disk.eph${index}`),
  swap: join(dir, 'disk.swap'),
  console: join(dir, 'console.log'),
  serial: join(dir, 'serial.sock'),
  /** What QEMU makes itself. */
  lent: join(dir, 'qemu'),
  screen: join(dir, 'qemu', 'screen'),
  /** There once the guest was started for the first time: what is here is a user's, not a half-made guest. */
  complete: join(dir, 'complete'),
  /** The hypervisor that has the guest, for those that share a directory. */
  owner: join(dir, 'owner'),
  /** What was written here when the disks were offered to another host. */
  offered: join(dir, 'offered'),
  /** What disks are being brought here, or what guest is waited for, until it is here. */
  arriving: join(dir, 'arriving.json'),
  /** Where the guest was sent as it runs; it may have stayed. */
  leaving: join(dir, 'leaving.json'),
});

const systemOf = (files: ReturnType<typeof guestFiles>, { rescue }: GuestSpec): SystemFiles =>
  rescue === undefined ? files : files.rescue;
/** Where the copy of a guest's disk waits that becomes an image. */
export const snapshotFile = (instancesDir: string, uuid: string, imageId: string): string =>
  join(instanceDir(instancesDir, uuid), `snapshot-${checkedUuid(imageId)}`);

export interface DiskDeps {
  readonly instancesDir: string;
  readonly images: ImageCache;
  readonly run: Run;
  readonly keeper: Keeper;
  readonly choice: Pick<DomainPlace, 'virtType' | 'arch' | 'cpuModel'>;
}

/** Makes the guest's files, all of them; those that are there already are kept. */
export async function makeDisks(deps: DiskDeps, spec: GuestSpec): Promise<void> {
  const dir = instanceDir(deps.instancesDir, spec.uuid);
  await mkdir(dir, { recursive: true, mode: 0o711 });
  const files = guestFiles(dir);
  const system = systemOf(files, spec);
  if (!hasVolumeRoot(spec.disks)) await makeRoot(deps, spec.disks.image, spec.disks.rootGb, files);
  if (spec.rescue !== undefined) await makeRoot(deps, spec.rescue, 0, files.rescue);
  for (const [image, path] of [
    [spec.kernel, system.kernel],
    [spec.ramdisk, system.ramdisk],
  ] as const) {
    if (image !== null && !(await exists(path))) await linkOrCopy((await deps.images.get(image)).path, path);
  }
  for (const { path, label, kind, size, format } of localFiles(spec, files)) {
    const make = kind === 'swap' ? ['mkswap'] : fileSystemMaker(format ?? 'ext4', label);
    await makeRaw(path, size * (kind === 'swap' ? MIB : GIB), (partial) =>
      deps.run(make[0] ?? '', [...make.slice(1), partial]),
    );
  }
  if (spec.configDrive !== null && !(await exists(system.configDrive))) {
    await buildConfigDrive(deps.run, spec, system.configDrive, await taggedDisks(deps, spec));
  }
  await handOver(deps, dir);
}

/** All that a guest's QEMU reads and writes is its own, and nobody else's. */
export async function handOver({ keeper }: Pick<DiskDeps, 'keeper'>, dir: string): Promise<void> {
  const files = guestFiles(dir);
  // there before QEMU writes it, so that we may read it whoever QEMU runs as
  await writeFile(files.console, '', { flag: 'a', mode: 0o644 });
  await keeper.close(dir);
  await keeper.lend(files.lent);
}

interface LocalFile extends LocalDisk {
  readonly path: string;
  readonly size: number;
  /** What the guest may call it. */
  readonly label: string;
}

/** The files of the disks beside the root disk, in the guest's order. */
export function localFiles({ disks }: GuestSpec, files: ReturnType<typeof guestFiles>): readonly LocalFile[] {
  let ephemerals = 0;
  return localDisksOf(disks.local, disks).map((disk) => {
    if (disk.kind === 'swap') return { ...disk, path: files.swap, label: 'swap' };
    const index = ephemerals++;
    return { ...disk, path: files.ephemeral(index), label: `ephemeral${index}` };
  });
}

/** The longest that a label may be, by file system; ext's takes more than we write. */
const LABEL_CHARACTERS: Readonly<Record<string, number>> = { vfat: 11, xfs: 12 };

/** The program that makes a file system, with its options. */
function fileSystemMaker(format: string, label: string): readonly string[] {
  const name = label.slice(0, LABEL_CHARACTERS[format]);
  if (format === 'vfat') return ['mkfs.vfat', '-n', name];
  if (format === 'xfs') return ['mkfs.xfs', '-q', '-f', '-L', name];
  return [`mkfs.${format}`, '-q', '-F', '-L', name, '-E', 'lazy_itable_init=1,lazy_journal_init=1'];
}

/** The disks that carry a tag, by the names that the guest gives them. */
async function taggedDisks(deps: DiskDeps, spec: GuestSpec): Promise<readonly TaggedDisk[]> {
  const { local } = spec.disks;
  if (local === undefined) return [];
  const files = guestFiles(instanceDir(deps.instancesDir, spec.uuid));
  const tags = new Map(localFiles(spec, files).map(({ path, tag }) => [path, tag]));
  tags.set(files.root, local.root.tag);
  const { disks } = await placeOf(deps.instancesDir, spec, deps.choice);
  const names = namesOf(disks);
  return disks.flatMap(({ path }, index) => {
    const tag = tags.get(path) ?? null;
    return tag === null ? [] : [{ path: `/dev/${names[index]}`, tag }];
  });
}

/** Removes all of the guest's files. */
export async function removeDisks(instancesDir: string, uuid: string): Promise<void> {
  await rm(instanceDir(instancesDir, uuid), { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** Removes what is made from the image and the server's data, and what else is the guest's own, so that it is made anew. */
export async function forgetDisks(files: ReturnType<typeof guestFiles>, keepEphemeral: boolean): Promise<void> {
  const { base, root, swap, configDrive, kernel, ramdisk } = files;
  const ephemerals = Array.from({ length: limits.localBlockDevices }, (_, index) => files.ephemeral(index));
  for (const path of [root, base, swap, configDrive, kernel, ramdisk, ...(keepEphemeral ? [] : ephemerals)]) {
    await rm(path, { force: true });
  }
}

/** Removes what a guest was rescued with. */
export async function forgetRescue({ rescue }: ReturnType<typeof guestFiles>): Promise<void> {
  for (const path of Object.values(rescue)) await rm(path, { force: true });
}

/** From now on the guest's disks are never thrown away as half made. */
export async function markComplete(files: ReturnType<typeof guestFiles>): Promise<void> {
  await writeFile(files.complete, '', { mode: 0o600 });
}

/** @param gb 0: as large as the image */
async function makeRoot(
  deps: DiskDeps,
  image: ImageFacts | null,
  gb: number,
  files: Pick<SystemFiles, 'base' | 'root'>,
): Promise<void> {
  if (await exists(files.root)) return;
  const cached = image === null ? null : await deps.images.get(image);
  const bytes = rootBytes(image, gb, cached);
  if (cached !== null && !(await exists(files.base))) await linkOrCopy(cached.path, files.base);
  const partial = `${files.root}.new`;
  await rm(partial, { force: true });
  // an installer's ISO is a drive of its own; the disk beside it is empty
  const backing = cached === null || isIso(image) ? [] : ['-b', files.base, '-F', cached.format];
  if (bytes > 0) {
    await deps.run('qemu-img', ['create', '-q', '-f', 'qcow2', ...backing, '--', partial, String(bytes)]);
    await rename(partial, files.root);
  }
}

/** The root disk's size in bytes: the flavor's, which must hold the image; 0 (with an ISO) for no disk at all. */
function rootBytes(image: ImageFacts | null, gb: number, cached: CachedImage | null): number {
  const asked = gb * GIB;
  if (cached === null || isIso(image)) return asked;
  if (asked !== 0 && cached.virtualBytes > asked) {
    throw conflict(
      `Flavor's disk is too small for requested image. Flavor disk is ${asked} bytes, image is ${cached.virtualBytes} bytes.`,
      { code: 'disk.small' },
    );
  }
  // qcow2 counts in sectors
  return asked !== 0 ? asked : Math.ceil(cached.virtualBytes / 512) * 512;
}

const isIso = (image: ImageFacts | null): boolean => image?.diskFormat === 'iso';

async function makeRaw(path: string, bytes: number, format: (path: string) => Promise<unknown>): Promise<void> {
  if (await exists(path)) return;
  const partial = `${path}.new`;
  await writeFile(partial, '', { mode: 0o644 });
  await truncate(partial, bytes);
  await format(partial);
  await rename(partial, path);
}

/** A second name for a file; a copy, where the file system has no links. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST') return;
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK') throw error;
    await copyFile(from, `${to}.new`);
    await rename(`${to}.new`, to);
  }
}

/** A volume as a disk of a guest: known by its volume's id, and by its own name. */
export const volumePlan = (instancesDir: string, volume: VolumeDisk, boots: boolean) => {
  const { readonly, bus, name, volumeId, limits: own, bootIndex } = volume;
  return {
    ...openedAs(instancesDir, volume, volumeId),
    ...({ readonly, device: 'disk', bus, name } as const),
    ...{ serial: volumeId, limits: own, bootable: boots && bootIndex === 0 },
  };
};

/** Where a guest's files are, as its domain needs them. The disks are in the guest's order: root, ephemeral, swap, config drive. */
export async function placeOf(
  instancesDir: string,
  spec: GuestSpec,
  host: Pick<DomainPlace, 'virtType' | 'arch' | 'cpuModel'>,
): Promise<DomainPlace> {
  const files = guestFiles(instanceDir(instancesDir, spec.uuid));
  const system = systemOf(files, spec);
  const kind = machineKindOf(spec, host);
  const { properties } = kind.wish;
  const bus = busOf(properties['hw_disk_bus']) ?? 'virtio';
  const rootBus = busOf(spec.disks.local?.root.bus ?? undefined) ?? bus;
  const disk = { format: 'raw', device: 'disk', readonly: false, bus, bootable: false } as const;
  const rescued = spec.rescue !== undefined;
  const disks: DiskPlan[] = [];
  if (isIso(spec.disks.image) && !hasVolumeRoot(spec.disks)) {
    const drive = { device: 'cdrom', readonly: true, bus: kind.cdromBus, bootable: !rescued } as const;
    disks.push({ ...drive, path: files.base, format: 'raw' });
  }
  if (await exists(files.root))
    disks.push({ ...disk, bus: rootBus, path: files.root, format: 'qcow2', bootable: !rescued });
  for (const { path, bus: own, device } of localFiles(spec, files)) {
    const cdrom = device === 'cdrom';
    const drive = { bus: busOf(own ?? undefined) ?? (cdrom ? kind.cdromBus : bus), device, readonly: cdrom };
    disks.push({ ...disk, ...drive, path });
  }
  if (spec.configDrive !== null) {
    // Every guest with virtio finds it by its label as a disk; small cloud kernels have no driver for a CD-ROM.
    const drive =
      properties['hw_cdrom_bus'] === undefined
        ? ({ device: 'disk', bus: 'virtio' } as const)
        : ({ device: 'cdrom', bus: kind.cdromBus } as const);
    disks.push({ ...drive, path: system.configDrive, format: 'raw', readonly: true, bootable: false });
  }
  for (const volume of spec.disks.volumes ?? []) disks.push(volumePlan(instancesDir, volume, !rescued));
  if (spec.rescue !== undefined) addRescue(disks, spec.rescue, files.rescue, bus, kind.cdromBus);
  return {
    ...host,
    disks,
    kernel: spec.kernel === null ? null : system.kernel,
    ramdisk: spec.ramdisk === null ? null : system.ramdisk,
    consolePath: files.console,
    serialPath: socketPath(files.serial),
  };
}

/**
 * Adds the disk to be rescued with: before the guest's own, whose names move on by one; or behind them, which then keep their
 * names, where the image says how it wants to be plugged (Nova's stable device rescue).
 */
function addRescue(
  disks: DiskPlan[],
  image: ImageFacts,
  files: Pick<SystemFiles, 'base' | 'root'>,
  bus: Bus,
  cdromBus: Bus,
): void {
  const properties = knownProperties(image);
  const { hw_rescue_bus: wanted, hw_rescue_device: device } = properties;
  const plugged = busOf(wanted);
  const iso = image.diskFormat === 'iso';
  const file = iso ? ({ path: files.base, format: 'raw' } as const) : ({ path: files.root, format: 'qcow2' } as const);
  const drive =
    iso || device === 'cdrom'
      ? ({
          device: 'cdrom',
          readonly: true,
          bus: plugged === null || plugged === 'virtio' ? cdromBus : plugged,
        } as const)
      : ({ device: 'disk', readonly: false, bus: plugged ?? bus } as const);
  const plan: DiskPlan = { ...file, ...drive, bootable: true };
  if (wanted === undefined && device === undefined) disks.unshift(plan);
  else disks.push(plan);
}

// Why: a guest that Nova defined is inspected before it is taken over: what its hypervisor has, and why it may have to be refused.

import { createHash } from 'node:crypto';
import { power, type PowerState } from '../servers/servers.ts';
import type { Size } from '../adjustment/size.ts';
import type { VolumeDisk } from '../servers/server-volumes.ts';

export interface ForeignDisk {
  /** A file or a block device of the host; null: neither (a network volume, an empty drive). */
  readonly path: string | null;
  readonly device: string;
  readonly format: string;
  /** libvirt's source type: `file`, `block`, `network`, …; `empty` for an empty drive. */
  readonly source: string;
  /** The id of a volume; null: none. An agent of an earlier release reports neither this nor the members below. */
  readonly serial?: string | null;
  /** Its name in the guest: `vdb`. */
  readonly target?: string;
  readonly bus?: string;
  /** Protocol and name of a network source. */
  readonly protocol?: string | null;
  readonly name?: string | null;
  readonly encrypted?: boolean;
  /** Whether the host's block device exists now. */
  readonly isThere?: boolean;
}

export interface ForeignInterface {
  readonly mac: string;
  /** libvirt's type: `bridge`, `hostdev`, `vhostuser`, … */
  readonly type: string;
  /** The `interfaceid` that libvirt sets in Open vSwitch; null: none. */
  readonly portId: string | null;
  /** Its device name on the host; null: none. */
  readonly device: string | null;
}

/** A guest as its host reports it, whoever defined it. */
export interface ForeignGuest {
  readonly uuid: string;
  /** libvirt's. */
  readonly name: string;
  readonly powerState: PowerState;
  readonly maximum: Size;
  readonly current: Size;
  /** The directory of its files on this host: `…/UUID`. */
  readonly dir: string;
  readonly disks: readonly ForeignDisk[];
  readonly interfaces: readonly ForeignInterface[];
  /** The number of passed-through host devices. */
  readonly hostDevices: number;
  readonly hasTpm: boolean;
  /** Why its files must not be opened: they reference other files. An agent of an earlier release does not report it. */
  readonly unsafe?: readonly string[];
  /** Whether this program defined it or has taken it over. */
  readonly ours: boolean;
}

const ROOT = 'disk';
const CONFIG_DRIVE = 'disk.config';

function diskProblem({ path, device, format, source }: ForeignDisk, dir: string): string | null {
  if (source === 'empty') return null;
  if (path === null || source !== 'file') return `one of its ${device} devices is not a file (${source})`;
  if (!path.startsWith(`${dir}/`)) {
    return `its disk ${path} is not in ${dir}: compute.instances_dir of its host must be Nova's instances_path`;
  }
  const name = path.slice(dir.length + 1);
  if (name === CONFIG_DRIVE) return null;
  if (name !== ROOT)
    return `it has another disk besides its root disk (${name}): ephemeral and swap disks are not taken over`;
  return format === 'qcow2' ? null : `its root disk is ${format}, and not qcow2 (Nova's images_type)`;
}

/** Whether a guest is off and none of its disks is open. */
const isOff = ({ powerState }: Pick<ForeignGuest, 'powerState'>): boolean =>
  powerState === power.shutdown || powerState === power.crashed;

/** Nova mounts a share in a directory named by the MD5 of the share. */
const isInShare = (path: string, share: string, file: string): boolean =>
  path.endsWith(`/${createHash('md5').update(share).digest('hex')}/${file}`);

/** Null if a disk has the source that Nova's driver gives such a volume; else what it has instead. */
function otherSource({ source, protocol, name, path, format }: ForeignDisk, volume: VolumeDisk): string | null {
  switch (volume.kind) {
    case 'rbd':
      return source === 'network' && protocol === 'rbd' && name === volume.image ? null : (name ?? path ?? source);
    case 'iscsi':
      return source === 'block' ? null : source;
    case 'nfs':
      if (source !== 'file' || !isInShare(path ?? '', volume.share, volume.file)) return path ?? source;
      return format === volume.format ? null : `${path} as ${format}`;
    default:
      return source;
  }
}

/** Why a volume's disk cannot be taken over; null: it is plugged in as this program does it, or will be at the next start. */
function volumeProblem(volume: VolumeDisk, guest: Pick<ForeignGuest, 'disks' | 'powerState'>): string | null {
  const { volumeId } = volume;
  const refused = (why: string) => `volume ${volumeId}: ${why}`;
  if (guest.disks.some(({ serial }) => serial === undefined))
    return refused("its host's agent does not report volumes: upgrade it to this release");
  const [disk, other] = guest.disks.filter(({ serial }) => serial === volumeId);
  if (disk === undefined) return refused('its guest does not have it');
  if (other !== undefined) return refused('its guest has it twice');
  if (disk.encrypted === true) return refused('it is encrypted');
  if (disk.device !== 'disk') return refused(`it is a ${disk.device} in its guest`);
  if (disk.target !== volume.name || disk.bus !== volume.bus)
    return refused(`it is ${disk.target} (${disk.bus}) in its guest, and ${volume.name} (${volume.bus}) for Nova`);
  const odd = otherSource(disk, volume);
  if (odd !== null) return refused(`its guest has something else in its place (${odd})`);
  // QEMU would open it from the next start on, and Nova's device would stay behind on the host
  if (volume.kind !== 'iscsi' || (isOff(guest) && disk.isThere === false)) return null;
  return refused(
    `it is a device of its host (${disk.path}), where Nova logged in to its target: stop the server there and log the host out first`,
  );
}

/** Why a running guest could not go back to Nova with a volume; null: the guest is off, or has it as Nova plugs it in. */
export function returnProblem(volume: VolumeDisk, guest: Pick<ForeignGuest, 'disks' | 'powerState'>): string | null {
  if (isOff(guest)) return null;
  const disk = guest.disks.find(({ serial }) => serial === volume.volumeId);
  if (disk === undefined) return `volume ${volume.volumeId}: its guest does not have it`;
  return otherSource(disk, volume) === null
    ? null
    : `volume ${volume.volumeId}: it is attached in a way that Nova does not know: stop the server first`;
}

const TAP_CHARACTERS = 11;

/** The device name that Neutron and Nova give a port on its host. */
export const tapName = (portId: string): string => `tap${portId.slice(0, TAP_CHARACTERS)}`;

/** Whether an interface is in Open vSwitch: plugged by libvirt (`bridge`), or by Nova's os-vif (`ethernet` with a tap device). */
const isSwitched = ({ type, portId, device }: ForeignInterface): boolean =>
  type === 'bridge' ? portId !== null : type === 'ethernet' && device?.startsWith('tap') === true;

/** Problems of its disks and volumes. */
function storageProblems(guest: ForeignGuest, volumes: readonly VolumeDisk[]): readonly string[] {
  const { disks, dir } = guest;
  const own = disks.filter(({ serial }) => !volumes.some(({ volumeId }) => volumeId === serial));
  const hasRoot = own.some(({ path }) => path === `${dir}/${ROOT}`);
  const boots = volumes.some(({ bootIndex }) => bootIndex === 0);
  return [
    ...own.map((disk) => diskProblem(disk, dir)).filter((problem) => problem !== null),
    ...volumes.map((volume) => volumeProblem(volume, guest)).filter((problem) => problem !== null),
    ...(hasRoot || boots ? [] : ['it has no root disk on its host']),
    ...(hasRoot && boots ? ['it has a root disk on its host besides its root volume'] : []),
  ];
}

/** Why a guest cannot be taken over; empty: it can. @param volumes those that it should have */
export function guestProblems(
  guest: ForeignGuest,
  macs: readonly string[],
  volumes: readonly VolumeDisk[] = [],
): readonly string[] {
  const { interfaces, hostDevices, hasTpm, unsafe = [] } = guest;
  const plugged = interfaces.map(({ mac }) => mac.toLowerCase());
  const unplugged = macs.filter((mac) => !plugged.includes(mac.toLowerCase()));
  const unknown = plugged.filter((mac) => !macs.some((one) => one.toLowerCase() === mac));
  const notSwitched = interfaces.filter((one) => !isSwitched(one));
  return [
    ...storageProblems(guest, volumes),
    ...unsafe,
    ...(hostDevices > 0 ? ['it has devices of its host (PCI, SR-IOV)'] : []),
    ...(hasTpm ? ['it has a TPM, whose secrets are kept elsewhere'] : []),
    ...(unplugged.length > 0 ? [`interfaces that Nova has are not plugged in: ${unplugged.join(', ')}`] : []),
    ...(unknown.length > 0 ? [`it has interfaces that Nova does not have: ${unknown.join(', ')}`] : []),
    ...(notSwitched.length > 0 ? ['one of its interfaces is not in Open vSwitch'] : []),
  ];
}

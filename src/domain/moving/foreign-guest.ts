// Why: a guest that another program made is looked at before it is taken over: what it is to its hypervisor, and why it may have to stay
// where it is.

import { createHash } from 'node:crypto';
import { power, type PowerState } from '../servers/servers.ts';
import type { Size } from '../adjustment/size.ts';
import type { VolumeDisk } from '../servers/server-volumes.ts';

export interface ForeignDisk {
  /** Where it lies: a file, or a device of the host; null: neither (a volume over the network, nothing at all). */
  readonly path: string | null;
  readonly device: string;
  readonly format: string;
  /** Of what kind its source is: `file`, `block`, `network`, …; `empty` for a drive with nothing in it. */
  readonly source: string;
  /** Of a volume its id; null: none. An agent of before does not say, as all that follows. */
  readonly serial?: string | null;
  /** `vdb`, on its bus. */
  readonly target?: string;
  readonly bus?: string;
  /** Over the network: by which protocol, and what it is called there. */
  readonly protocol?: string | null;
  readonly name?: string | null;
  readonly encrypted?: boolean;
  /** Of a device of the host: whether the host has it now. */
  readonly isThere?: boolean;
}

export interface ForeignInterface {
  readonly mac: string;
  /** libvirt's type: `bridge`, `hostdev`, `vhostuser`, … */
  readonly type: string;
  /** By which libvirt has Open vSwitch know it; null: libvirt does not. */
  readonly portId: string | null;
  /** What it is called on the host; null: nothing. */
  readonly device: string | null;
}

/** A guest as its host shows it, whoever made it. */
export interface ForeignGuest {
  readonly uuid: string;
  /** libvirt's. */
  readonly name: string;
  readonly powerState: PowerState;
  readonly maximum: Size;
  readonly current: Size;
  /** Where a guest's files lie on this host: `…/UUID`. */
  readonly dir: string;
  readonly disks: readonly ForeignDisk[];
  readonly interfaces: readonly ForeignInterface[];
  /** Devices of the host that it has. */
  readonly hostDevices: number;
  readonly hasTpm: boolean;
  /** Why its files must not be opened for it: they name others. An agent of before does not say. */
  readonly unsafe?: readonly string[];
  /** Whether this program made it, or has it already. */
  readonly ours: boolean;
}

const ROOT = 'disk';
const CONFIG_DRIVE = 'disk.config';

function diskProblem({ path, device, format, source }: ForeignDisk, dir: string): string | null {
  if (source === 'empty') return null;
  if (path === null || source !== 'file') return `a ${device} of it is no file (${source})`;
  if (!path.startsWith(`${dir}/`)) {
    return `its disk ${path} does not lie in ${dir}: compute.instances_dir of its host must be Nova's instances_path`;
  }
  const name = path.slice(dir.length + 1);
  if (name === CONFIG_DRIVE) return null;
  if (name !== ROOT)
    return `it has another disk beside its root disk (${name}): ephemeral and swap disks are not taken over`;
  return format === 'qcow2' ? null : `its root disk is ${format}, and not qcow2 (Nova's images_type)`;
}

/** Whether a guest is off, and has none of its disks open. */
const isOff = ({ powerState }: Pick<ForeignGuest, 'powerState'>): boolean =>
  powerState === power.shutdown || powerState === power.crashed;

/** Shares are mounted by Nova below a directory that is called by their MD5. */
const isInShare = (path: string, share: string, file: string): boolean =>
  path.endsWith(`/${createHash('md5').update(share).digest('hex')}/${file}`);

/** Whether a disk is how Nova's driver plugs such a volume; what it is instead, else null. */
function otherSource({ source, protocol, name, path }: ForeignDisk, volume: VolumeDisk): string | null {
  switch (volume.kind) {
    case 'rbd':
      return source === 'network' && protocol === 'rbd' && name === volume.image ? null : (name ?? path ?? source);
    case 'iscsi':
      return source === 'block' ? null : source;
    case 'nfs':
      return source === 'file' && isInShare(path ?? '', volume.share, volume.file) ? null : (path ?? source);
    default:
      return source;
  }
}

/** Why the disk of a volume is none that this program could have plugged in; null: it is, or will be with the next start. */
function volumeProblem(volume: VolumeDisk, guest: Pick<ForeignGuest, 'disks' | 'powerState'>): string | null {
  const { volumeId } = volume;
  const refused = (why: string) => `volume ${volumeId}: ${why}`;
  if (guest.disks.some(({ serial }) => serial === undefined))
    return refused("its host's agent does not tell of volumes: bring it to the release of this command");
  const [disk, other] = guest.disks.filter(({ serial }) => serial === volumeId);
  if (disk === undefined) return refused('its guest does not have it');
  if (other !== undefined) return refused('its guest has it twice');
  if (disk.encrypted === true) return refused('it is encrypted');
  if (disk.device !== 'disk') return refused(`it is a ${disk.device} in its guest`);
  if (disk.target !== volume.name || disk.bus !== volume.bus)
    return refused(`it is ${disk.target} (${disk.bus}) in its guest, and ${volume.name} (${volume.bus}) for Nova`);
  const odd = otherSource(disk, volume);
  if (odd !== null) return refused(`its guest has something else in its place (${odd})`);
  // opened by QEMU from the next start on, and left behind on the host by who made it a device
  if (volume.kind !== 'iscsi' || (isOff(guest) && disk.isThere === false)) return null;
  return refused(
    `it is a device of its host (${disk.path}), where Nova logged in to its target: stop the server there and log the host out first`,
  );
}

/** Why a running guest could not go back with a volume: it has it as this program opens it; null: as Nova does, or it is off. */
export function returnProblem(volume: VolumeDisk, guest: Pick<ForeignGuest, 'disks' | 'powerState'>): string | null {
  if (isOff(guest)) return null;
  const disk = guest.disks.find(({ serial }) => serial === volume.volumeId);
  if (disk === undefined) return `volume ${volume.volumeId}: its guest does not have it`;
  return otherSource(disk, volume) === null
    ? null
    : `volume ${volume.volumeId}: its guest has it as it is opened here, which Nova does not know: stop the server first`;
}

const TAP_CHARACTERS = 11;

/** What Neutron and Nova call the device of a port on its host. */
export const tapName = (portId: string): string => `tap${portId.slice(0, TAP_CHARACTERS)}`;

/** In Open vSwitch by libvirt, or by Nova itself (os-vif), which libvirt then gives a device by its name. */
const isSwitched = ({ type, portId, device }: ForeignInterface): boolean =>
  type === 'bridge' ? portId !== null : type === 'ethernet' && device?.startsWith('tap') === true;

/** Of its disks and volumes alone. */
function storageProblems(guest: ForeignGuest, volumes: readonly VolumeDisk[]): readonly string[] {
  const { disks, dir } = guest;
  const own = disks.filter(({ serial }) => !volumes.some(({ volumeId }) => volumeId === serial));
  const hasRoot = own.some(({ path }) => path === `${dir}/${ROOT}`);
  const boots = volumes.some(({ bootIndex }) => bootIndex === 0);
  return [
    ...own.map((disk) => diskProblem(disk, dir)).filter((problem) => problem !== null),
    ...volumes.map((volume) => volumeProblem(volume, guest)).filter((problem) => problem !== null),
    ...(hasRoot || boots ? [] : ['it has no root disk on its host']),
    ...(hasRoot && boots ? ['it has a root disk on its host beside its root volume'] : []),
  ];
}

/** Why a guest cannot be taken over as it stands; empty: nothing speaks against it. @param volumes those that it shall have */
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
    ...(unplugged.length > 0 ? [`interfaces that Nova tells of are not plugged: ${unplugged.join(', ')}`] : []),
    ...(unknown.length > 0 ? [`it has interfaces that Nova does not tell of: ${unknown.join(', ')}`] : []),
    ...(notSwitched.length > 0 ? ['an interface of it is not plugged into Open vSwitch'] : []),
  ];
}

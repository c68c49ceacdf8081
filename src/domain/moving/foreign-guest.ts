// Why: a guest that another program made is looked at before it is taken over: what it is to its hypervisor, and why it may have to stay
// where it is.

import type { PowerState } from '../servers/servers.ts';
import type { Size } from '../adjustment/size.ts';

export interface ForeignDisk {
  /** Where it lies; null: it is no file (a volume over the network, a device of the host, nothing at all). */
  readonly path: string | null;
  readonly device: string;
  readonly format: string;
  /** Of what kind its source is: `file`, `block`, `network`, …; `empty` for a drive with nothing in it. */
  readonly source: string;
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
  if (path === null) return `a ${device} of it is no file (${source})`;
  if (!path.startsWith(`${dir}/`)) {
    return `its disk ${path} does not lie in ${dir}: compute.instances_dir of its host must be Nova's instances_path`;
  }
  const name = path.slice(dir.length + 1);
  if (name === CONFIG_DRIVE) return null;
  if (name !== ROOT)
    return `it has another disk beside its root disk (${name}): ephemeral and swap disks are not taken over`;
  return format === 'qcow2' ? null : `its root disk is ${format}, and not qcow2 (Nova's images_type)`;
}

const TAP_CHARACTERS = 11;

/** What Neutron and Nova call the device of a port on its host. */
export const tapName = (portId: string): string => `tap${portId.slice(0, TAP_CHARACTERS)}`;

/** In Open vSwitch by libvirt, or by Nova itself (os-vif), which libvirt then gives a device by its name. */
const isSwitched = ({ type, portId, device }: ForeignInterface): boolean =>
  type === 'bridge' ? portId !== null : type === 'ethernet' && device?.startsWith('tap') === true;

/** Why a guest cannot be taken over as it stands; empty: nothing speaks against it. */
export function guestProblems(guest: ForeignGuest, macs: readonly string[]): readonly string[] {
  const { disks, interfaces, hostDevices, hasTpm, dir, unsafe = [] } = guest;
  const plugged = interfaces.map(({ mac }) => mac.toLowerCase());
  const unplugged = macs.filter((mac) => !plugged.includes(mac.toLowerCase()));
  const unknown = plugged.filter((mac) => !macs.some((one) => one.toLowerCase() === mac));
  const notSwitched = interfaces.filter((one) => !isSwitched(one));
  return [
    ...disks.map((disk) => diskProblem(disk, dir)).filter((problem) => problem !== null),
    ...(disks.some(({ path }) => path === `${dir}/${ROOT}`) ? [] : ['it has no root disk on its host']),
    ...unsafe,
    ...(hostDevices > 0 ? ['it has devices of its host (PCI, SR-IOV)'] : []),
    ...(hasTpm ? ['it has a TPM, whose secrets are kept elsewhere'] : []),
    ...(unplugged.length > 0 ? [`interfaces that Nova tells of are not plugged: ${unplugged.join(', ')}`] : []),
    ...(unknown.length > 0 ? [`it has interfaces that Nova does not tell of: ${unknown.join(', ')}`] : []),
    ...(notSwitched.length > 0 ? ['an interface of it is not plugged into Open vSwitch'] : []),
  ];
}

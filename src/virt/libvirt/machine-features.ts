// Why: what guests' machines can have here is what libvirt says of this QEMU: buses, models, firmware, a TPM. The scheduler reads it
// as traits, so that what this host lacks is never promised on it.

import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { MachineFeatures } from '../../domain/placement/host-traits.ts';
import type { LimitKind } from '../../domain/machines/limits-request.ts';
import type { HostChoice } from './host-choice.ts';
import { Fault } from '../../base/errors.ts';
import type { LibvirtCalls } from './rpc/procedures.ts';
import { isX86 } from './architecture.ts';
import { attributeOf, children, type Element, find, readXml } from './xml.ts';

/** QEMU's network cards, of which libvirt's domain capabilities do not speak. */
const VIF_MODELS = ['virtio', 'ne2k_pci', 'pcnet', 'rtl8139', 'e1000', 'e1000e'];

/** From which versions on libvirt knows a device; in libvirt's form. */
const SINCE = { virtioIommu: 8_003_000, physicalBits: 8_007_000, virtioSound: 10_004_000, igb: 9_003_000 };
const QEMU_SINCE = { virtioSound: 8_002_000, igb: 8_000_000 };

const valuesOf = (element: Element | null, name: string): string[] => {
  const list = element === null ? [] : children(element, 'enum').filter((one) => one.getAttribute('name') === name);
  return list.flatMap((one) => children(one, 'value').map((value) => value.textContent ?? ''));
};

const supported = (root: Element, path: string): Element | null => {
  const element = find(root, path);
  return element?.getAttribute('supported') === 'yes' ? element : null;
};

type Device = Pick<
  MachineFeatures,
  'diskBuses' | 'videoModels' | 'tpmModels' | 'tpmVersions' | 'uefi' | 'secureBoot'
> & { readonly maxVcpus: number | null };

/** From one answer of libvirt's, which is about one kind of machine. */
function readDomainCapabilities(xml: string): Device {
  const root = readXml(xml);
  const tpm = supported(root, 'devices/tpm');
  const emulated = valuesOf(tpm, 'backendModel').includes('emulator');
  const loader = supported(root, 'os/loader');
  const most = attributeOf(root, 'vcpu', 'max');
  const uefi = valuesOf(supported(root, 'os'), 'firmware').includes('efi');
  return {
    diskBuses: valuesOf(supported(root, 'devices/disk'), 'bus'),
    videoModels: valuesOf(supported(root, 'devices/video'), 'modelType'),
    tpmModels: emulated ? valuesOf(tpm, 'model') : [],
    // libvirt before 8.6 names none and has both
    tpmVersions: emulated ? defaulted(valuesOf(tpm, 'backendVersion'), ['1.2', '2.0']) : [],
    uefi,
    secureBoot: uefi && valuesOf(loader, 'secure').includes('yes'),
    maxVcpus: most === null ? null : Number(most),
  };
}

const defaulted = <T>(list: readonly T[], usual: readonly T[]): readonly T[] => (list.length > 0 ? list : usual);

/** Whether a program is where this process would look for it. */
async function hasProgram(name: string): Promise<boolean> {
  for (const dir of `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter)) {
    const there = await access(join(dir, name)).then(
      () => true,
      () => false,
    );
    if (there) return true;
  }
  return false;
}

const all = (devices: readonly Device[], name: 'diskBuses' | 'videoModels' | 'tpmModels' | 'tpmVersions'): string[] => [
  ...new Set(devices.flatMap((one) => one[name])),
];

const MACHINES: Readonly<Record<string, readonly (string | null)[]>> = { x86_64: ['pc', 'q35'], i686: ['pc', 'q35'] };

/**
 * What guests of this host can have on one of its kinds of machines, and how many vCPUs its usual one takes.
 * @param versions of libvirt and QEMU, in libvirt's form
 */
export async function readMachineFeatures(
  calls: LibvirtCalls,
  { arch, virtType }: Pick<HostChoice, 'arch' | 'virtType'>,
  versions: { readonly libvirt: number; readonly qemu: number },
  limits: readonly LimitKind[],
): Promise<{ readonly features: MachineFeatures; readonly maxVcpus: number | null }> {
  const answers = await Promise.all(
    (MACHINES[arch] ?? [null]).map((machine) =>
      calls
        .connectGetDomainCapabilities(null, arch, machine, virtType)
        .then(readDomainCapabilities, (error: unknown) => {
          // a QEMU without that machine
          if (machine !== null && error instanceof Fault && error.kind !== 'unavailable') return null;
          throw error;
        }),
    ),
  );
  const devices = answers.filter((one) => one !== null);
  // what emulates it is no part of libvirt or QEMU
  const tpm = (await hasProgram('swtpm')) && (await hasProgram('swtpm_setup'));
  const has = (name: keyof typeof SINCE) =>
    versions.libvirt >= SINCE[name] && versions.qemu >= (name in QEMU_SINCE ? QEMU_SINCE[name as 'igb'] : 0);
  const features: MachineFeatures = {
    diskBuses: all(devices, 'diskBuses'),
    videoModels: all(devices, 'videoModels'),
    vifModels: has('igb') ? [...VIF_MODELS, 'igb'] : VIF_MODELS,
    tpmModels: tpm ? all(devices, 'tpmModels') : [],
    tpmVersions: tpm ? all(devices, 'tpmVersions') : [],
    viommuModels: viommuModels(arch, has('virtioIommu')),
    uefi: devices.some(({ uefi }) => uefi),
    secureBoot: devices.some(({ secureBoot }) => secureBoot),
    packedRing: true,
    virtioSound: has('virtioSound'),
    physicalBits: has('physicalBits'),
    limits,
  };
  return { features, maxVcpus: devices[0]?.maxVcpus ?? null };
}

function viommuModels(arch: string, virtio: boolean): string[] {
  const own = arch === 'x86_64' ? ['intel'] : arch === 'aarch64' ? ['smmuv3'] : [];
  const models = [...own, ...(virtio && (isX86(arch) || arch === 'aarch64') ? ['virtio'] : [])];
  return models.length === 0 ? [] : [...models, 'auto'];
}

// Why: what runs before the guest's own system: a BIOS, or UEFI, which libvirt chooses among those that the host has by what it shall do.

import type { DomainPlace } from '../domain-place.ts';
import { leaf, text, type XMLBuilder } from '../xml.ts';
import { isQ35, type MachineKind } from './kind.ts';

/** Whether the guest boots by UEFI; one whose kernel is given along on a machine with a BIOS needs none. */
export const bootsByUefi = ({ firmware, wish }: MachineKind, { kernel }: Pick<DomainPlace, 'kernel'>): boolean =>
  firmware === 'uefi' && (kernel === null || wish.firmware === 'uefi' || wish.secureBoot === 'required');

/** Whether the firmware's own memory must be kept from the guest's system, which takes `<smm>`. */
export const needsSmm = ({ wish, machine }: MachineKind): boolean => wish.secureBoot === 'required' && isQ35(machine);

export function writeOs(domain: XMLBuilder, kind: MachineKind, place: DomainPlace): void {
  const { wish, arch, machine, x86 } = kind;
  const uefi = bootsByUefi(kind, place);
  const os = domain.ele('os', uefi ? { firmware: 'efi' } : {});
  text(os, 'type', 'hvm', { arch, machine });
  if (uefi) {
    const secure = wish.secureBoot === 'required';
    // `optional` is what the firmware brings
    if (secure || wish.secureBoot === 'disabled' || wish.secureBoot === null) {
      const firmware = os.ele('firmware');
      leaf(firmware, 'feature', { enabled: secure ? 'yes' : 'no', name: 'enrolled-keys' });
      leaf(firmware, 'feature', { enabled: secure ? 'yes' : 'no', name: 'secure-boot' });
    }
    if (secure) leaf(os, 'loader', { secure: 'yes' });
  }
  if (place.kernel !== null) {
    text(os, 'kernel', place.kernel);
    if (place.ramdisk !== null) text(os, 'initrd', place.ramdisk);
    text(os, 'cmdline', kernelArguments(wish.properties['os_command_line'], x86));
  }
  if (wish.bootMenu) leaf(os, 'bootmenu', { enable: 'yes', timeout: BOOT_MENU_MS });
  leaf(os, 'smbios', { mode: 'sysinfo' });
}

/** How long the menu waits for a key. */
const BOOT_MENU_MS = 3_000;

/** What a kernel that comes from an image is told; the image's own words stand last, so they win. */
const kernelArguments = (own: string | undefined, x86: boolean): string =>
  `root=/dev/vda console=tty0 console=${x86 ? 'ttyS0' : 'ttyAMA0'}${own === undefined ? '' : ` ${own}`}`;

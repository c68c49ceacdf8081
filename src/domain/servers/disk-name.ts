// Why: what a guest calls its disks follows from their bus and their order, by Linux' rule.

const prefixes: Readonly<Record<string, string>> = {
  virtio: 'vd',
  scsi: 'sd',
  sata: 'sd',
  usb: 'sd',
  ide: 'hd',
  fdc: 'fd',
  xen: 'xvd',
};

/** The name of the disk at `index` on a bus (`hw_disk_bus`): vda ... vdz, vdaa. An unknown bus counts as virtio. */
export function diskName(bus: string, index: number): string {
  let letters = '';
  for (let rest = index; rest >= 0; rest = Math.floor(rest / 26) - 1) {
    letters = String.fromCharCode(97 + (rest % 26)) + letters;
  }
  return `${prefixes[bus] ?? prefixes['virtio']}${letters}`;
}

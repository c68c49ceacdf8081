// Why: QEMU before 9.0 forgets some of what an emulated guest writes while its memory is copied: the guest breaks on the other host, at
// once or later. Such a guest stands still while its memory goes. (QEMU's commit 03bfc2188f06; measured in docs/moves.md.)

import { attributeOf, readXml } from '../xml.ts';

const REPAIRED = 9;
/** Machines that are named for the QEMU that made them. */
const VERSIONED = /^(?:pc-i440fx|pc-q35|virt|pseries|s390-ccw-virtio)-(\d+)\.\d+$/;

/**
 * Whether all that a guest writes on its way arrives. Its machine tells how old its QEMU may be, also where another was
 * installed since it began: none runs machines that are newer than itself.
 */
export function writesArrive(xml: string): boolean {
  const root = readXml(xml);
  if (root.getAttribute('type') !== 'qemu') return true;
  const [, version = '0'] = VERSIONED.exec(attributeOf(root, 'os/type', 'machine') ?? '') ?? [];
  return Number(version) >= REPAIRED;
}

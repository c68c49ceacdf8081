// Why: a guest is started with all the memory that it may ever have, and a balloon in it takes away what is too much.

import { toKib } from '../units.ts';
import { text } from '../xml.ts';
import type { MemoryWay } from './way.ts';

export const balloon: MemoryWay = {
  method: 'balloon',
  writeSize(domain, { maximum, boot }) {
    text(domain, 'memory', toKib(maximum.memoryMb), { unit: 'KiB' });
    text(domain, 'currentMemory', toKib(boot.memoryMb), { unit: 'KiB' });
  },
  writeCells() {},
  writeDevice() {},
  // libvirt learns of a balloon's moves once in a second; QEMU itself knows better
  hasKib: (info, { actualKib }) => actualKib ?? info.memoryKib,
  // autodeflate: a guest in need takes pages back
  leastKib: () => 0,
  bootsKib: (info) => info.memoryKib,
  set: (calls, domain, memoryMb, impact) => calls.domainSetMemoryFlags(domain, toKib(memoryMb), impact),
};

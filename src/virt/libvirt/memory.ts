// Why: memory reaches a guest in one of two ways, and which one it is is decided here: by the spec when a domain is written, by
// the domain itself once it is there.

import type { MemoryMethod } from '../../domain/adjustment/memory-method.ts';
import { balloon } from './memory/balloon.ts';
import { virtioMem } from './memory/virtio-mem.ts';
import type { MemoryWay } from './memory/way.ts';

export const memoryWays: Readonly<Record<MemoryMethod, MemoryWay>> = { balloon, 'virtio-mem': virtioMem };

/** How the domain with this definition has its memory. */
export function memoryWayIn(xml: string): MemoryWay {
  // every look at a guest asks: libvirt writes it so, and to parse the whole document would take longer than all the rest
  return /<memory model=(['"])virtio-mem\1/.test(xml) ? virtioMem : balloon;
}

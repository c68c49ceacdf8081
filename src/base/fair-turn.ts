// Why: this process has one thread for everybody. Work that goes on and on in it (a long transaction of SQLite's, a long list)
// gives the others their turn from time to time.

import { limits } from './limits.ts';

let sliceBegan: number | null = null;
let sliceMs: number = limits.sliceMs;

/** How long work may take until others have their turn. Infinity in a simulation: whose turn it is then follows from its seed. */
export function takeSlicesOf(ms: number): void {
  sliceMs = ms;
}

/**
 * Null while the work since others had their turn is short; once it has taken `limits.sliceMs`, what to await before going on.
 * Costs a look at the clock.
 */
export function fairTurn(): Promise<void> | null {
  if (sliceBegan === null) {
    sliceBegan = performance.now();
    setImmediate(() => (sliceBegan = null));
    return null;
  }
  if (performance.now() - sliceBegan < sliceMs) return null;
  return new Promise((resolve) => setImmediate(resolve));
}

// Why: this process has one thread for everybody. Work that goes on and on in it (a long transaction of SQLite's, a long list)
// gives the others their turn from time to time.

import { limits } from './limits.ts';

let sliceBegan: number | null = null;

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
  if (performance.now() - sliceBegan < limits.sliceMs) return null;
  return new Promise((resolve) => setImmediate(resolve));
}

// Why: how long it takes to find that a signature or a key is wrong must not tell in which place it is.

import { timingSafeEqual } from 'node:crypto';

/** Whether both are the same, in a time that depends on their lengths alone. */
export function isSameText(right: string, given: string): boolean {
  const [a, b] = [Buffer.from(right), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}

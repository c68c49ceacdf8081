// Why: a link-local IPv6 peer address includes an interface (scope), whose name Node looks up by its index in this process's namespace. If no
// interface has that index, Node reports no peer address; so the interface in a network's namespace gets an index that exists here too.

import { readFileSync } from 'node:fs';

/** The loopback interface has index 1 in every namespace. */
const LOOPBACK = 1;

/** The index of an interface of this process's namespace that is free in a new namespace; null: there is none. */
export function indexToShare(table = '/proc/self/net/dev_mcast'): number | null {
  try {
    const numbers = readFileSync(table, 'utf8')
      .split('\n')
      .map((line) => Number(line.trim().split(/\s+/)[0]));
    const found = Math.min(...numbers.filter((number) => number > LOOPBACK));
    return Number.isFinite(found) ? found : null;
  } catch {
    return null;
  }
}

/** For the other end of the pair: the kernel accepts both indexes or none. Above all that it assigns itself. */
const FIRST = 0x4000_0000;
const DIGITS = 7;
export const indexOfLink = (networkId: string): number =>
  FIRST + Number.parseInt(networkId.replaceAll('-', '').slice(0, DIGITS), 16);

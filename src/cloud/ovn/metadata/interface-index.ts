// Why: whoever asks from a link-local address of IPv6 is known together with the interface that he came by, and Node looks for the name of
// that interface in the namespace where this process is. If there is none of that number, it does not tell who asked; so the
// interface in a network's namespace gets a number that is somebody's here too.

import { readFileSync } from 'node:fs';

/** The loopback interface is number 1 in every namespace. */
const LOOPBACK = 1;

/** The number of an interface of this process's namespace that another namespace does not have yet; null: there is none. */
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

/** For the other end of the pair: the kernel lets one choose both numbers or none. Above all that it gives by itself. */
const FIRST = 0x4000_0000;
const DIGITS = 7;
export const indexOfLink = (networkId: string): number =>
  FIRST + Number.parseInt(networkId.replaceAll('-', '').slice(0, DIGITS), 16);

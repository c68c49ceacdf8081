// Why: a password costs as much to check as to guess. Whoever sends many must wait for himself and not be waited for, and what
// nobody waits for any more is not computed.

import { clientKey } from '../../base/client-key.ts';
import { overLimit, unavailable } from '../../base/errors.ts';

/** Who wants something dear to be done. */
export interface Turn {
  /** Where the request came from; all of a client's IPv6 addresses count as one. */
  readonly address: string;
  /** Whom it says it is about. */
  readonly user: string;
  /** Aborted when the answer is no longer awaited. */
  readonly signal?: AbortSignal;
}

/** Runs work when it is its turn. Rejects with `overLimit` or `unavailable` where too much waits already. */
export type Gate = <T>(turn: Turn, work: () => Promise<T>) => Promise<T>;

export interface GateBounds {
  /** At work at once. */
  readonly atOnce: number;
  /** That may wait: of one user at one address, of one address, of all. */
  readonly perUser: number;
  readonly perAddress: number;
  readonly total: number;
}

const RETRY_SECONDS = 5;

/** Those who wait, in the order in which it is their turn; maps keep the order in which keys were put in. */
type Users = Map<string, Set<() => void>>;

const sizeOf = (users: Users | undefined): number => {
  let size = 0;
  for (const waiting of users?.values() ?? []) size += waiting.size;
  return size;
};

/** The first entry of a map, which becomes the last. */
function rotate<V>(map: Map<string, V>): readonly [string, V] | undefined {
  const [first] = map;
  if (first === undefined) return undefined;
  map.delete(first[0]);
  map.set(first[0], first[1]);
  return first;
}

/** Addresses take turns; at one address users do, and of one user the first comes first. */
export function makeFairGate({ atOnce, perUser, perAddress, total }: GateBounds): Gate {
  const addresses = new Map<string, Users>();
  let running = 0;
  let waitingInAll = 0;

  function leave({ address, user }: Turn, begin: () => void): void {
    const users = addresses.get(address);
    const waiting = users?.get(user);
    if (users === undefined || !waiting?.delete(begin)) return;
    waitingInAll -= 1;
    if (waiting.size === 0) users.delete(user);
    if (users.size === 0) addresses.delete(address);
  }

  function beginNext(): void {
    const next = rotate(addresses);
    const user = next === undefined ? undefined : rotate(next[1]);
    const [begin] = user?.[1] ?? [];
    if (next === undefined || user === undefined || begin === undefined) {
      running -= 1;
      return;
    }
    leave({ address: next[0], user: user[0] }, begin);
    begin();
  }

  function join(turn: Turn, begin: () => void): void {
    const users = addresses.get(turn.address) ?? new Map<string, Set<() => void>>();
    const waiting = users.get(turn.user) ?? new Set();
    if (waiting.size >= perUser || sizeOf(users) >= perAddress)
      throw overLimit('Too many logins at once. Try again later.', { retryAfterSeconds: RETRY_SECONDS });
    if (waitingInAll >= total)
      throw unavailable('Too many logins at once. Try again later.', { retryAfterSeconds: RETRY_SECONDS });
    addresses.set(turn.address, users.set(turn.user, waiting.add(begin)));
    waitingInAll += 1;
  }

  /** Resolves when it is the turn's turn; whoever finishes hands its place over, so `running` stays as it is. */
  const wait = (turn: Turn): Promise<void> =>
    new Promise((resolve, reject) => {
      const gone = (): void => {
        leave(turn, begin);
        reject(unavailable('Nobody waits for the answer any more.'));
      };
      const begin = (): void => {
        turn.signal?.removeEventListener('abort', gone);
        resolve();
      };
      if (turn.signal?.aborted) return gone();
      join(turn, begin);
      turn.signal?.addEventListener('abort', gone, { once: true });
    });

  return async (asked, work) => {
    const turn = { ...asked, address: clientKey(asked.address) };
    if (running < atOnce) running += 1;
    else await wait(turn);
    try {
      return await work();
    } finally {
      beginNext();
    }
  };
}

// Why: whether a host is up is derived from when it last reported, by whoever asks; here the turn from one to the other is
// noticed once, logged, and used: a host that is back is asked for its guests at once. Only hosts that are down are read, or were.

import { messageOf } from '../../base/errors.ts';
import { downHosts, hostStates } from '../../db/hosts.ts';
import { tx } from '../../db/tx.ts';
import { noteRoom } from '../../db/waiting-placements.ts';
import type { OpsDeps } from '../deps.ts';
import { upSince } from '../placement/host-up.ts';
import { reconcileHost } from './guests.ts';

async function welcome(deps: OpsDeps, host: string): Promise<void> {
  deps.log.info({ host }, 'a host is back');
  await tx(deps.database, async (t) => noteRoom(t));
  try {
    await reconcileHost(deps, host, await deps.bus.call(host, 'list', {}));
  } catch (error) {
    deps.log.warn({ host, reason: messageOf(error) }, 'its guests come with its next report');
  }
}

/** Remembers who was down last time; one for each worker. */
export function makeHostLiveness(): (deps: OpsDeps) => Promise<void> {
  let wereDown: ReadonlySet<string> = new Set();
  return async (deps) => {
    const { read } = deps.database;
    const down = await downHosts(read, upSince(deps));
    const areDown = new Set(down.map(({ host }) => host));
    for (const { host, lastSeenAt } of down) {
      if (!wereDown.has(host)) deps.log.warn({ host, lastSeenAt }, 'a host is down');
    }
    const others = [...wereDown].filter((host) => !areDown.has(host));
    wereDown = areDown;
    // one that was removed is not back
    for (const { host } of await hostStates(read, others)) await welcome(deps, host);
  };
}

// Why: whether a host is up is derived from when it last reported, by whoever asks; here the turn from one to the other is
// noticed once, logged, and used: a host that is back is asked for its guests at once.

import { messageOf } from '../../base/errors.ts';
import { allHostStates } from '../../db/hosts.ts';
import { isHostUp } from '../../domain/placement/host.ts';
import type { OpsDeps } from '../deps.ts';
import { reconcileHost } from './guests.ts';

/** Remembers who was up last time; one for each worker. */
export function makeHostLiveness(): (deps: OpsDeps) => Promise<void> {
  const wasUp = new Map<string, boolean>();
  return async (deps) => {
    for (const host of await allHostStates(deps.database.read)) {
      const up = isHostUp(host, deps.clock.now(), deps.config.hostDownMs);
      const before = wasUp.get(host.host);
      wasUp.set(host.host, up);
      if (before === up) continue;
      if (!up) deps.log.warn({ host: host.host, lastSeenAt: host.lastSeenAt }, 'a host is down');
      else if (before === false) {
        deps.log.info({ host: host.host }, 'a host is back');
        try {
          await reconcileHost(deps, host.host, await deps.bus.call(host.host, 'list', {}));
        } catch (error) {
          deps.log.warn({ host: host.host, reason: messageOf(error) }, 'its guests come with its next report');
        }
      }
    }
  };
}

// Why: that a host is silent says nothing of it while nobody could be heard: a broker that was away would else make every cloud look dead,
// and end in ERROR what only had to wait.

import { unavailable } from '../../base/errors.ts';
import type { Host } from '../../domain/placement/hosts.ts';
import type { OpsDeps } from '../deps.ts';
import { isUp } from './host-up.ts';

/** Throws `unavailable` where some of these hosts count as down, and the bus has not worked for as long as a host may be silent. */
export function mustHear(deps: OpsDeps, hosts: readonly Host[]): void {
  if (deps.bus.hearingMs() >= deps.config.hostDownMs || hosts.every((host) => host.forcedDown || isUp(deps, host)))
    return;
  throw unavailable('Which hosts live is not known yet: the message broker was away.', { code: 'bus.away' });
}

// Why: most of what is asked of a host depends on whether it reports at all; by which clock and after what silence stands here.

import { type Host, isHostUp } from '../../domain/placement/hosts.ts';
import type { OpsDeps } from '../deps.ts';

/** A host that reported last at this moment or later is up; milliseconds since the epoch. */
export const upSince = ({ clock, config }: Pick<OpsDeps, 'clock' | 'config'>): number =>
  clock.now() - config.hostDownMs;

/** Whether a host reports; one that is not known does not. */
export const isUp = ({ clock, config }: OpsDeps, host: Host | null): boolean =>
  host !== null && isHostUp(host, clock.now(), config.hostDownMs);

// Why: a server belongs only on a host that is enabled and answers.

import { secondsBetween } from '../../base/clock.ts';
import { isHostUp } from '../../domain/placement/hosts.ts';
import type { Filter } from '../spec.ts';

export const computeFilter: Filter =
  (_spec, { nowMs, hostDownMs }) =>
  (host) => {
    if (host.disabled) return host.disabledReason === null ? 'disabled' : `disabled: ${host.disabledReason}`;
    if (isHostUp(host, nowMs, hostDownMs)) return null;
    if (host.forcedDown) return 'forced down';
    if (host.lastSeenAt === null) return 'has never reported';
    return `has not reported for ${Math.round(secondsBetween(host.lastSeenAt, nowMs))} s`;
  };

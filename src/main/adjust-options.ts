// Why: what can be configured of servers that change their size as they run.

import { limits } from '../base/limits.ts';
import { choice, number } from './config-options.ts';

export const adjustOptions = {
  adjust_confirm_seconds: number(
    limits.adjustConfirmMs / 1000,
    'seconds',
    'How long an adjustment waits for the guest.',
    0.1,
    240,
  ),
  adjust_may_migrate: choice(
    'no',
    ['no', 'yes'],
    'Whether a server that shall grow and has no room on its host goes, as it runs, to one that has; a request may say otherwise.',
  ),
  release_guest_offline: choice(
    'no',
    ['no', 'yes'],
    'Whether vCPUs that a guest turned off but still has plugged are free for others: it may turn them on again at any time.',
  ),
  autoscale_host_share: number(
    0.9,
    '',
    'The share of what may be claimed of a host up to which servers grow by themselves; the rest is for those whose owners ask.',
    0,
    1,
  ),
  start_settle_seconds: number(
    limits.startSettleMs / 1000,
    'seconds',
    "How long a guest that was started may take until its balloon is down at the server's size.",
    0.1,
    240,
  ),
};

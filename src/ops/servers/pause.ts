// Why: a frozen guest keeps its memory, and runs on where it was.

import { defineTransition } from '../../domain/servers/transition.ts';
import { definePlainAction } from '../engine/action.ts';
import { hostOf } from './host-of.ts';
import { powerSteps, settleState } from './power.ts';

export const pauseAction = definePlainAction({
  name: 'pause',
  transition: defineTransition('pause', 'Freeze a server in memory.', ['active'], {
    task: 'pausing',
    to: 'paused',
    verb: 'pause',
  }),
  notification: 'pause',
  request: { key: 'pause', policy: 'os_compute_api:os-pause-server:pause' },
  ...powerSteps(
    'compute_pause_instance',
    ({ server, call }) => call(hostOf(server), 'pause', { uuid: server.uuid }),
    settleState,
  ),
});

export const unpauseAction = definePlainAction({
  name: 'unpause',
  transition: defineTransition('unpause', 'Let a frozen server run again.', ['paused'], {
    task: 'unpausing',
    to: 'active',
    verb: 'unpause',
  }),
  notification: 'unpause',
  request: { key: 'unpause', policy: 'os_compute_api:os-pause-server:unpause' },
  ...powerSteps(
    'compute_unpause_instance',
    ({ server, call }) => call(hostOf(server), 'unpause', { uuid: server.uuid }),
    settleState,
  ),
});

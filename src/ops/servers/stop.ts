// Why: a server is asked to shut down, and switched off when it does not.

import { defineTransition } from '../../domain/servers/transition.ts';
import { definePlainAction } from '../engine/action.ts';
import { hostOf } from './host-of.ts';
import { powerSteps } from './power.ts';

export const stopAction = definePlainAction({
  name: 'stop',
  transition: defineTransition('stop', 'Shut a server down.', ['active', 'error'], {
    task: 'powering-off',
    to: 'stopped',
    placed: true,
  }),
  notification: 'power_off',
  request: { key: 'os-stop', policy: 'os_compute_api:servers:stop' },
  ...powerSteps('compute_stop_instance', ({ deps, server, call }) =>
    call(hostOf(server), 'powerOff', { uuid: server.uuid, timeoutMs: deps.config.shutdownMs }),
  ),
});

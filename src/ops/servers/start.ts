// Why: a server that is off boots again, with the size that it has by then.

import { defineTransition } from '../../domain/servers/transition.ts';
import { definePlainAction } from '../engine/action.ts';
import { awaitPorts } from './await-ports.ts';
import { guestSpec } from './build.ts';
import { hostOf } from './host-of.ts';
import { powerSteps } from './power.ts';
import { endElsewhere } from './whereabouts.ts';

export const startAction = definePlainAction({
  name: 'start',
  transition: defineTransition('start', 'Start a stopped server.', ['stopped'], {
    task: 'powering-on',
    to: 'active',
    placed: true,
  }),
  notification: 'power_on',
  request: { key: 'os-start', policy: 'os_compute_api:servers:start' },
  ...powerSteps('compute_start_instance', async (context) => {
    const server = await endElsewhere(context);
    const { deps, call } = context;
    const view = await call(hostOf(server), 'powerOn', { spec: await guestSpec(deps.database.read, server, null) });
    await awaitPorts(context);
    return view;
  }),
});

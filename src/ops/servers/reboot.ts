// Why: a soft reboot asks the guest; a hard one takes away the power, and brings a server out of almost any state.

import type { Op } from '../../base/op.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import type { OpsDeps } from '../deps.ts';
import { defineAction } from '../engine/action.ts';
import { beginAction } from '../engine/begin.ts';
import { guestSpec } from './build.ts';
import { hostOf } from './host-of.ts';
import { powerSteps } from './power.ts';
import { endElsewhere } from './whereabouts.ts';

export type RebootType = 'SOFT' | 'HARD';

interface RebootInput {
  readonly type: RebootType;
}

export const rebootAction = defineAction<RebootInput>()({
  name: 'reboot',
  transitions: {
    rebootSoft: defineTransition('reboot', 'Reboot through the guest.', ['active'], {
      task: 'rebooting',
      to: 'active',
    }),
    rebootHard: defineTransition(
      'reboot',
      'Power-cycle the server.',
      ['active', 'stopped', 'paused', 'suspended', 'error'],
      {
        tasks: [
          null,
          'rebooting',
          'reboot_pending',
          'reboot_started',
          'resuming',
          'rebooting_hard',
          'unpausing',
          'pausing',
          'suspending',
        ],
        task: 'rebooting_hard',
        to: 'active',
      },
    ),
  },
  notification: 'reboot',
  ...powerSteps<RebootInput>('compute_reboot_instance', async (context) => {
    const server = await endElsewhere(context);
    const { deps, input, call } = context;
    return call(hostOf(server), 'reboot', {
      spec: await guestSpec(deps.database.read, server, null),
      type: input.type,
      timeoutMs: deps.config.shutdownMs,
    });
  }),
});

export async function rebootServer(
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  type: RebootType,
): Promise<void> {
  const { rebootSoft, rebootHard } = rebootAction.transitions;
  await beginAction(deps, op, uuid, type === 'SOFT' ? rebootSoft : rebootHard, rebootAction, () => ({ type }));
}

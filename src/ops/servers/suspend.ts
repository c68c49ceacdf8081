// Why: a suspended server is off, and its memory lies on disk until it goes on.

import { conflict } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { asksForDevices } from '../../domain/pci/pci-alias.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import type { OpsDeps } from '../deps.ts';
import { definePlainAction } from '../engine/action.ts';
import { beginAction } from '../engine/begin.ts';
import { hostOf } from './host-of.ts';
import { powerSteps, settleState } from './power.ts';

/** Throws 409 too for a server with devices, whose state nobody can write to disk. */
async function suspendServer(deps: OpsDeps, op: Op, { uuid }: Pick<Server, 'uuid'>): Promise<void> {
  await beginAction(deps, op, uuid, suspendAction.transitions.plain, suspendAction, ({ flavor }) => {
    if (!asksForDevices(flavor)) return {};
    throw conflict(`Cannot 'suspend' instance ${uuid} while it has PCI devices of its host`);
  });
}

export const suspendAction = definePlainAction({
  name: 'suspend',
  transition: defineTransition('suspend', 'Store the memory of a server on disk and switch it off.', ['active'], {
    task: 'suspending',
    to: 'suspended',
    verb: 'suspend',
  }),
  notification: 'suspend',
  request: { key: 'suspend', policy: 'os_compute_api:os-suspend-server:suspend', begin: suspendServer },
  ...powerSteps(
    'compute_suspend_instance',
    ({ server, call }) => call(hostOf(server), 'suspend', { uuid: server.uuid }),
    settleState,
  ),
});

export const resumeAction = definePlainAction({
  name: 'resume',
  transition: defineTransition('resume', 'Let a suspended server go on where it was.', ['suspended'], {
    task: 'resuming',
    to: 'active',
    verb: 'resume',
  }),
  notification: 'resume',
  request: { key: 'resume', policy: 'os_compute_api:os-suspend-server:resume' },
  ...powerSteps(
    'compute_resume_instance',
    ({ server, call }) => call(hostOf(server), 'resume', { uuid: server.uuid }),
    settleState,
  ),
});

// Why: the new flavor or host is kept: the old host forgets what it had set aside and is free of its claim.

import { badRequest } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { findMigrationIn, updateMigration } from '../../db/migrations.ts';
import { updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { MigrationStatus, ServerMigration } from '../../domain/servers/migrations.ts';
import { defineTransition, type Transition } from '../../domain/servers/transition.ts';
import { wakeWorkers, enqueueAction, lockServerFor } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { endMove, leaveGivenUp, type MoveInput, moveOf } from './migrations.ts';
import { mustBeUp } from './resize.ts';
import { defineAction } from '../engine/action.ts';
import { recordFailure, vmStateOf } from '../engine/settle.ts';

/** The resized server, locked, and its move, which turns to `status`. Throws Nova's 400, 404 and 409s. */
export async function lockResized(
  t: Tx,
  op: Op,
  uuid: string,
  transition: Transition,
): Promise<{ readonly server: Server; readonly migration: ServerMigration }> {
  const server = await lockServerFor(t, op, uuid, transition);
  const migration = await findMigrationIn(t, uuid, ['finished']);
  if (migration === null) throw badRequest('Instance has not been resized.');
  return { server, migration };
}

/** Confirms a resize or cold migration. Throws Nova's 400, 404 and 409s. */
export async function confirmResize(deps: OpsDeps, op: Op, { uuid }: Pick<Server, 'uuid'>): Promise<void> {
  const id = await tx(deps.database, async (t) => {
    const { server, migration } = await lockResized(t, op, uuid, confirmResizeAction.transitions.confirmResize);
    await mustBeUp(t, deps, migration.sourceCompute);
    const nowMs = deps.clock.now();
    await updateMigration(t, migration.id, { status: 'confirming' }, nowMs);
    return enqueueAction(t, op, server, confirmResizeAction, { migrationId: migration.id }, nowMs);
  });
  wakeWorkers(deps, confirmResizeAction, [id]);
}

const status = (t: Tx, { migrationId }: MoveInput, to: MigrationStatus, nowMs: number): Promise<void> =>
  updateMigration(t, migrationId, { status: to }, nowMs);

export const confirmResizeAction = defineAction<MoveInput>()({
  name: 'confirmResize',
  transitions: {
    confirmResize: defineTransition(
      'confirmResize',
      'Keep the new flavor or host of a resized or migrated server.',
      ['resized'],
      { to: 'active' },
    ),
  },
  notification: 'resize_confirm',
  requests: {
    confirmResize: {
      key: 'confirmResize',
      policy: 'os_compute_api:servers:confirm_resize',
      status: 204,
      begin: confirmResize,
    },
  },
  secrets: [],
  steps: [
    {
      name: 'source',
      event: 'compute_confirm_resize',
      async run(context) {
        const { sourceCompute } = await moveOf(context);
        await context.call(sourceCompute, 'dropDisk', { uuid: context.server.uuid });
      },
      undo: 'what was set aside may be gone; confirming once more takes the rest',
    },
  ],
  async settle(t, { server, input }, nowMs) {
    // a server that was stopped may have been started to look at it, and the other way round; its guest may have crashed, or be frozen
    const vmState = vmStateOf(server.powerState) ?? 'active';
    await updateServer(t, server.id, { vmState, taskState: null }, nowMs);
    await endMove(t, input.migrationId, 'confirmed', nowMs);
    return null;
  },
  async failed(t, { server, input }, failure, nowMs) {
    await status(t, input, 'finished', nowMs);
    await recordFailure(t, server, failure, nowMs);
  },
  givenUp: leaveGivenUp,
});

// Why: the server goes back to what it was: the old host makes its guest again from what it had set aside, and what was made of it
// since is given up. The claim on the old host was held all the time, so there is always room.

import { invariant } from '../../base/invariant.ts';
import type { Op } from '../../base/op.ts';
import { internal } from '../../base/errors.ts';
import { updateMigration } from '../../db/migrations.ts';
import { addRemnant } from '../../db/remnants.ts';
import { findServer, updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { power, type Server } from '../../domain/servers/servers.ts';
import type { Before } from '../../domain/servers/migrations.ts';
import { wakeWorkers, enqueueAction } from '../engine/begin.ts';
import { awaitPorts } from './await-ports.ts';
import { guestSpec } from './build.ts';
import { clearHost } from './clear-host.ts';
import { lockResized } from './confirm-resize.ts';
import type { OpsDeps } from '../deps.ts';
import {
  bindTo,
  bindAtHome,
  endMove,
  leaveGivenUp,
  hostNamed,
  isCurrentPlacement,
  type MoveInput,
  type Placement,
  currentPlacement,
  switchPlacement,
} from './migrations.ts';
import { lockQuota } from '../administration/quota-sets.ts';
import { checkUpsize } from './resize.ts';
import { step, type StepContext } from '../engine/saga.ts';
import { settleFailed, settleFromView } from '../engine/settle.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { defineAction } from '../engine/action.ts';

interface RevertInput extends MoveInput {
  /** What the server was and shall be again, and what it is until then. */
  readonly old: Placement;
  readonly present: Placement;
  readonly wasOn: boolean;
  readonly isOn: boolean;
}

/** Takes a resize or cold migration back. Throws Nova's 400, 403 (quota), 404 and 409s. */
async function revertResize(deps: OpsDeps, op: Op, { uuid }: Pick<Server, 'uuid'>): Promise<void> {
  const id = await tx(deps.database, async (t) => {
    const seen = await findServer(t, uuid);
    if (seen !== null) await lockQuota(t, seen.projectId);
    const { server, migration } = await lockResized(t, op, uuid, revertResizeAction.transitions.revertResize);
    const { flavor, boot, vmState, availabilityZone } = migration.before as Before;
    await checkUpsize(t, deps, { ...server, bootVcpus: boot.vcpus, bootMemoryMb: boot.memoryMb }, flavor);
    const nowMs = deps.clock.now();
    await updateServer(t, server.id, { taskState: 'resize_reverting', promised: boot }, nowMs);
    await updateMigration(t, migration.id, { status: 'reverting' }, nowMs);
    const old = {
      host: migration.sourceCompute,
      node: migration.sourceNode,
      availabilityZone,
      flavor,
      bootVcpus: boot.vcpus,
      bootMemoryMb: boot.memoryMb,
    };
    const input: RevertInput = {
      migrationId: migration.id,
      old,
      present: currentPlacement(server),
      wasOn: vmState !== 'stopped',
      isOn: server.powerState === power.running,
    };
    return enqueueAction(t, op, server, revertResizeAction, input, nowMs);
  });
  wakeWorkers(deps, revertResizeAction, [id]);
}

type Context = StepContext<RevertInput>;

const onOneHost = ({ old, present }: RevertInput): boolean => old.host === present.host;

const specOf = ({ deps, server, input }: Context, placement: Placement) =>
  guestSpec(
    deps.database.read,
    { ...server, ...placement },
    null,
    isCurrentPlacement(server, placement) ? undefined : input.migrationId,
  );

const source = step({
  name: 'source',
  event: 'compute_finish_revert_resize',
  async run(context: Context) {
    const { old, wasOn } = context.input;
    const spec = await specOf(context, old);
    const view = await context.call(old.host as string, 'restoreDisk', { spec, on: wasOn });
    if (wasOn) await awaitPorts(context);
    return view;
  },
  async undo({ deps, server, input, call }) {
    // there, the new guest gave way to the old one
    if (onOneHost(input)) throw internal('A revert on one host cannot be taken back.');
    await call(input.old.host as string, 'migrateDisk', { uuid: server.uuid, timeoutMs: deps.config.shutdownMs });
  },
});

/** Removes what the move had made on the other host. */
async function clearLeft(context: Context): Promise<string | null> {
  const { server, input } = context;
  if (onOneHost(input)) return null;
  invariant(server.host !== input.present.host, `server ${server.uuid} is not where its guest is removed`);
  return clearHost(context, input.present.host as string, ['guest']);
}

async function settle(t: Tx, { server, input, output }: Context, nowMs: number): Promise<null> {
  await endMove(t, input.migrationId, 'reverted', nowMs);
  await settleFromView(t, server, output(source), nowMs, input.wasOn, { launchedAt: nowMs });
  return null;
}

export const revertResizeAction = defineAction<RevertInput>()({
  name: 'revertResize',
  transitions: {
    revertResize: defineTransition(
      'revertResize',
      'Bring a resized or migrated server back to its old flavor and host.',
      ['resized'],
      { task: 'resize_reverting', to: 'active' },
    ),
  },
  notification: 'resize_revert',
  requests: {
    revertResize: { key: 'revertResize', policy: 'os_compute_api:servers:revert_resize', begin: revertResize },
  },
  secrets: [],
  steps: [
    {
      name: 'destination',
      event: 'compute_revert_resize',
      run: ({ deps, server, input, call }) =>
        call(input.present.host as string, 'powerOff', { uuid: server.uuid, timeoutMs: deps.config.shutdownMs }),
      async undo(context) {
        const { input, call } = context;
        if (!input.isOn) return;
        await call(input.present.host as string, 'powerOn', { spec: await specOf(context, input.present) });
      },
    },
    {
      name: 'network',
      run: async (context) => bindTo(context, await hostNamed(context, context.input.old.host)),
      undo: bindAtHome,
    },
    source,
    {
      name: 'switch',
      run: (context) => switchPlacement(context, context.input.old),
      undo: (context) => switchPlacement(context, context.input.present),
      final: true,
    },
    {
      name: 'cleanup',
      run: clearLeft,
      undo: 'what is left there goes when its host is asked again',
    },
  ],
  settle,
  async failed(t, context, failure, nowMs) {
    const { server, input } = context;
    if (isCurrentPlacement(server, input.old) && failure.stuck === null) {
      // back already: only what is left on the other host is in doubt
      await addRemnant(t, { serverUuid: server.uuid, host: input.present.host as string }, nowMs);
      await settle(t, context, nowMs);
      return;
    }
    await updateMigration(t, input.migrationId, { status: failure.stuck === null ? 'finished' : 'error' }, nowMs);
    await settleFailed(t, server, failure, nowMs, failure.stuck === null ? {} : { vmState: 'error' });
  },
  givenUp: leaveGivenUp,
});

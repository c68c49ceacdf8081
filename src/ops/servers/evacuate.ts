// Why: when a host is dead, its servers are built anew elsewhere, from their images, with their addresses and sizes. What the dead
// host has of them goes when it is back; until then they are not placed there.

import { badRequest, conflict, notFound } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { findHost } from '../../db/hosts.ts';
import { cancelActions, openActions } from '../../db/instance-actions.ts';
import { findMigration, unfinishedMoves } from '../../db/migrations.ts';
import { addRemnant } from '../../db/remnants.ts';
import { findServer, updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { power, type Server } from '../../domain/servers/servers.ts';
import { wakeWorkers, enqueueAction, lockServerFor } from '../engine/begin.ts';
import { awaitPorts } from './await-ports.ts';
import { guestSpec } from './build.ts';
import type { OpsDeps } from '../deps.ts';
import { isUp } from '../placement/host-up.ts';
import {
  abandonMoves,
  acceptMove,
  becomeThere,
  bindTo,
  bindAtHome,
  destinationOf,
  endMove,
  leaveGivenUp,
  leaveUncarried,
  giveBackPlace,
  holdPlace,
  type MoveInput,
  moveRequest,
  removeThere,
} from './migrations.ts';
import { whereOf } from '../placement/place.ts';
import { step, type StepContext } from '../engine/saga.ts';
import { settleFailed, settleFromView } from '../engine/settle.ts';
import { arrivedBy } from './whereabouts.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { defineAction } from '../engine/action.ts';

export interface EvacuateRequest {
  /** Null: the scheduler chooses. */
  readonly host: string | null;
  /** The host is taken without asking the scheduler's filters. */
  readonly forced: boolean;
  readonly adminPass: string | null;
  /** Off afterwards, whatever it was before; else as it was. */
  readonly staysOff: boolean;
}

interface EvacuateInput extends MoveInput {
  readonly host: string | null;
  readonly forced: boolean;
  readonly adminPass: string | null;
  readonly off: boolean;
}

async function mustBeDead(t: Tx, deps: OpsDeps, name: string): Promise<void> {
  if (isUp(deps, await findHost(t, { host: name }))) throw badRequest(`Compute service of ${name} is still in use.`);
}

async function checkHost(t: Tx, uuid: string, host: string | null): Promise<void> {
  if (host === null) return;
  if ((await findHost(t, { host })) === null) throw notFound(`Compute host ${host} not found.`, { code: 'host' });
  if ((await findServer(t, uuid))?.host === host) throw badRequest("The target host can't be the same one.");
}

/**
 * Builds a server anew away from its dead host. What was under way for it is overtaken. Throws Nova's 400s, 404s and 409s.
 */
export async function evacuateServer(
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  request: EvacuateRequest,
): Promise<void> {
  const ids = await tx(deps.database, async (t) => {
    await checkHost(t, uuid, request.host);
    const server = await lockServerFor(t, op, uuid, evacuateAction.transitions.evacuate);
    await mustBeDead(t, deps, server.host as string);
    const open = await openActions(t, uuid);
    if (open.some(({ action }) => action === 'delete')) {
      throw conflict(`Cannot 'evacuate' instance ${uuid} while it is in task_state ${server.taskState}`);
    }
    await cancelActions(t, uuid);
    const nowMs = deps.clock.now();
    const move = await acceptMove(t, op, server, 'evacuation', server.flavor, null, nowMs);
    await updateServer(t, server.id, { taskState: 'rebuilding' }, nowMs);
    const { host, forced, adminPass, staysOff } = request;
    const input: EvacuateInput = {
      ...move,
      host,
      forced,
      adminPass,
      off: staysOff || server.vmState === 'stopped',
    };
    // the overtaken actions come first: a worker must end them
    return [...open.map(({ id }) => id), await enqueueAction(t, op, server, evacuateAction, input, nowMs)];
  });
  wakeWorkers(deps, evacuateAction, ids);
}

type Context = StepContext<EvacuateInput>;

const place = step({
  name: 'place',
  event: 'rebuild_server',
  async run(context: Context) {
    const { deps, server, input } = context;
    if ((await arrivedBy(context, await unfinishedMoves(deps.database.read, server))) !== null) {
      throw conflict(`Instance ${server.uuid} has left its host: a hard reboot goes on where it is.`);
    }
    await abandonMoves(context, ({ id }) => id !== input.migrationId);
    const request = moveRequest(context, server, {
      forcedHost: input.forced ? input.host : null,
      requestedHost: input.forced ? null : input.host,
      excluded: [server.host as string],
    });
    return holdPlace(context, request, 'pre-migrating');
  },
  undo: giveBackPlace,
});

const build = step({
  name: 'build',
  event: 'compute_rebuild_instance',
  async run(context: Context) {
    const { deps, server, input, commit, call } = context;
    await commit((t, nowMs) => updateServer(t, server.id, { taskState: 'rebuild_spawning' }, nowMs));
    const host = await destinationOf(context);
    const there = { ...server, ...whereOf(host) };
    const spec = await guestSpec(deps.database.read, there, input.adminPass, input.migrationId);
    const view = await call(host.host, 'spawn', { spec });
    if (!input.off) {
      await awaitPorts(context);
      return view;
    }
    return call(host.host, 'powerOff', { uuid: server.uuid, timeoutMs: 0 });
  },
  undo: removeThere,
});

async function settle(t: Tx, { server, input, output }: Context, nowMs: number): Promise<null> {
  const view = output(build);
  const moved = await becomeThere(t, server, server, input, output(place), nowMs);
  await addRemnant(t, { serverUuid: server.uuid, host: server.host as string }, nowMs);
  await endMove(t, input.migrationId, 'done', nowMs);
  await settleFromView(t, moved, view, nowMs, view.powerState === power.running, { launchedAt: nowMs });
  return null;
}

export const evacuateAction = defineAction<EvacuateInput>()({
  name: 'evacuate',
  transitions: {
    evacuate: defineTransition(
      'evacuate',
      'Rebuild the server away from its dead host.',
      ['active', 'stopped', 'error'],
      { tasks: null, task: 'rebuilding', placed: true, lockable: false },
    ),
  },
  notification: 'rebuild',
  secrets: ['adminPass'],
  steps: [
    place,
    {
      name: 'network',
      run: async (context) => bindTo(context, await destinationOf(context)),
      undo: bindAtHome,
    },
    build,
  ],
  settle,
  async failed(t, { server, input }, failure, nowMs) {
    const host = (await findMigration(t, input.migrationId))?.destCompute ?? null;
    // a host that did not take its guest back may have it still, running with the server's addresses
    if (failure.stuck !== null && host !== null) await addRemnant(t, { serverUuid: server.uuid, host }, nowMs);
    await endMove(t, input.migrationId, failure.step === place.name ? 'error' : 'failed', nowMs);
    // as Nova: its host is dead, so it is an error until somebody tries again
    await settleFailed(t, server, failure, nowMs, { vmState: 'error' });
  },
  async givenUp(t, context, stuck, nowMs) {
    await leaveGivenUp(t, context, stuck, nowMs);
    await leaveUncarried(t, context, nowMs);
  },
});

// Why: POST /servers. Everything that can be refused is refused before the 202; then one transaction makes the rows and an
// action for each server, and the saga places it, gives it ports, and builds it on its host.

import { Fault, forbidden, internal } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import { insertDetails } from '../../db/server-details.ts';
import { insertNics, replaceNics } from '../../db/server-nics.ts';
import { insertServers, updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { CreateServersRequest } from '../../domain/servers/create-request.ts';
import type { ImageFacts } from '../../domain/machines/images.ts';
import { startSizeOf } from '../../domain/machines/flavors.ts';
import { disksOnHost } from '../../domain/servers/server-volumes.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { fittingCount } from '../../domain/placement/quota-sets.ts';
import { wakeWorkers, holdActions, enqueueAction } from '../engine/begin.ts';
import { type BuildRequest, portTargetOf, specToBuild } from './build.ts';
import { beginVolumes } from './early-volumes.ts';
import { addPlannedVolumes, attachPlanned, detachPlanned } from './new-volumes.ts';
import type { OpsDeps } from '../deps.ts';
import { giveUpPlace, type Placed, placementOf, placeServer } from '../placement/place.ts';
import { placeOrWait } from '../placement/wait-for-room.ts';
import { handOver, placeTogether, type TogetherInput } from '../placement/place-together.ts';
import { accountsOf, lockQuota } from '../administration/quota-sets.ts';
import { hintedGroup, joinGroup } from '../administration/server-groups.ts';
import { type Failure, type Saga, step, type StepContext } from '../engine/saga.ts';
import { settleFailed, settleFromView, vmStateOf } from '../engine/settle.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { defineAction } from '../engine/action.ts';
import { awaitPorts } from './await-ports.ts';
import { finishPorts } from './made-ports.ts';
import { imageOfCopy, removeMadeImage } from './image-of-copy.ts';
import { type CheckedRequest, checkRequest, newServers } from './new-server.ts';

export interface CreatedServers {
  readonly reservationId: string;
  readonly autoDiskConfig: boolean;
  readonly servers: readonly { readonly uuid: string; readonly adminPass: string }[];
}

/** What the saga needs beyond the row. The password is forgotten when the action ends. */
export interface CreateInput extends TogetherInput {
  readonly adminPass: string | null;
  /** The backup of which its image is to be made; absent: it is there. */
  readonly copyId?: string;
  /** Hosts on which it was tried already. */
  readonly excluded: readonly string[];
  /** Why the last of them did not build it. */
  readonly lastProblem: string | null;
}

/**
 * Creates `minCount` to `maxCount` servers, as many as the quota allows. Throws Nova's 400s, 403 (quota) and 409s; after
 * it returned, each server ends ACTIVE or in ERROR with a fault.
 * @param image what was found of its image just now, or of the one that its devices are from; null: nothing was looked for
 */
export async function createServers(
  deps: OpsDeps,
  op: Op,
  asked: CreateServersRequest,
  image: ImageFacts | null = null,
): Promise<CreatedServers> {
  return createChecked(deps, op, await checkRequest(deps, op, asked, { found: image }));
}

/** As `createServers`, of what was checked; `copyId`: the image is to be made of that backup. */
export async function createChecked(
  deps: OpsDeps,
  op: Op,
  checked: CheckedRequest,
  copyId: string | null = null,
): Promise<CreatedServers> {
  const { request, projectId, flavor, autoDiskConfig } = checked;
  const group = await hintedGroup(deps, op.caller, request.schedulerHints);
  const { userId } = op.caller;
  /** How many the quota allows. */
  const fitting = async (t: Tx): Promise<number> => {
    const accounts = await accountsOf(t, deps.config.quota, { projectId, userId });
    const found = fittingCount(accounts, startSizeOf(flavor), request.minCount, request.maxCount);
    if ('message' in found) throw forbidden(found.message, { code: 'quota' });
    return found.count;
  };
  const early = deps.volume.early !== null && request.volumes.length > 0;
  const begun = await beginVolumes(deps, op, request.volumes, early ? await tx(deps.database, fitting) : 0);
  const { actionId, rows } = await tx(deps.database, async (t) => {
    await lockQuota(t, projectId);
    const count = early ? Math.min(await fitting(t), begun.ids.length) : await fitting(t);
    const nowMs = deps.clock.now();
    const servers = newServers(deps, userId, checked, count, nowMs, begun.ids);
    const ids = await insertServers(t, servers);
    await insertDetails(t, ids, request.metadata, request.tags);
    const made = servers.map((server, index) => ({ ...server, id: ids[index] as number, updatedAt: nowMs }));
    for (const server of made) await addPlannedVolumes(t, server, server.build as BuildRequest, nowMs);
    const input = { adminPass: request.adminPass, ...(copyId !== null && { copyId }) };
    const first = await enqueueCreate(t, op, made, input, nowMs);
    if (group !== null) await joinGroup(t, deps, op, group, made);
    return { actionId: first, rows: made };
  }).catch(async (error: unknown) => {
    await begun.keepFirst(0);
    throw error;
  });
  await begun.keepFirst(rows.length);
  wakeWorkers(deps, createAction, [actionId]);
  return {
    reservationId: rows[0]?.reservationId ?? '',
    autoDiskConfig,
    servers: rows.map(({ uuid }) => ({ uuid, adminPass: request.adminPass })),
  };
}

/** Leaves an action for each: of several the first finds a place for all, and the others wait for it. */
async function enqueueCreate(
  t: Tx,
  op: Op,
  servers: readonly Server[],
  asked: Pick<CreateInput, 'adminPass' | 'copyId'>,
  nowMs: number,
): Promise<number> {
  const [first, ...others] = servers;
  if (first === undefined) throw internal('No server was to be created.');
  const input: CreateInput = { ...asked, excluded: [], lastProblem: null };
  const places: CreateInput = others.length === 0 ? input : { ...input, together: { part: 'places' } };
  const actionId = await enqueueAction(t, op, first, createAction, places, nowMs);
  const waits: CreateInput = { ...input, together: { part: 'waits' } };
  await holdActions(t, op, others, createAction, waits, nowMs, nowMs + limits.placedTogetherMs);
  return actionId;
}

// --- the saga -------------------------------------------------------------------------------------------------------

const exhausted = (server: Server, lastProblem: string | null): Fault =>
  internal(
    'Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance ' +
      `${server.uuid}.`,
    { code: 'noValidHost', detail: `Last exception: ${lastProblem ?? 'none'}` },
  );

/** As `placeServer`; where other hosts were tried before, the failure tells of the last of them. */
async function place(context: StepContext<CreateInput>): Promise<Placed> {
  const { deps, server, input } = context;
  const where = { ...placementOf(deps, server, context.build(), disksOnHost(server)), excluded: input.excluded };
  if (input.excluded.length === 0) {
    const { together } = input;
    if (together?.part === 'refused') {
      throw internal(together.message, { code: 'noValidHost', detail: together.detail });
    }
    return placeOrWait(context, () =>
      together?.part === 'places' ? placeTogether(context, where) : placeServer(context, where, 'networking'),
    );
  }
  return placeServer(context, where, 'networking').catch((error: unknown) => {
    const none = error instanceof Fault && error.code === 'noValidHost';
    throw none ? exhausted(server, input.lastProblem) : error;
  });
}

const giveBackPlace = (context: StepContext<CreateInput>): Promise<void> => giveUpPlace(context, 'scheduling');

async function makePorts(context: StepContext<CreateInput>) {
  const { deps, server } = context;
  const nics = await deps.network.allocate(portTargetOf(server), context.build().network, 0, !context.again);
  context.point('made');
  return finishPorts(context, async (t, nowMs) => {
    await insertNics(t, server.id, nics);
    await updateServer(t, server.id, { taskState: 'spawning' }, nowMs);
    return { ports: nics.map((nic) => nic.portId) };
  });
}

async function giveBackPorts({ deps, server, commit }: StepContext<CreateInput>): Promise<void> {
  await deps.network.release(server);
  await commit((t) => replaceNics(t, server.id, []));
}

const build = step({
  name: 'build',
  event: 'compute__do_build_and_run_instance',
  async run(context: StepContext<CreateInput>) {
    const { deps, server, claim, input, build: asked, call } = context;
    await attachPlanned(context);
    const spec = await specToBuild(deps.database.read, { server, claim, build: asked() }, input.adminPass);
    const view = await call(server.host as string, 'spawn', { spec });
    await awaitPorts(context, 'fresh');
    return view;
  },
  async undo(context) {
    const { server, call } = context;
    if (server.host !== null) await call(server.host, 'destroy', { uuid: server.uuid });
    await detachPlanned(context);
  },
});

/** Another host may do better, unless one was named; what the request itself did wrong no host mends. */
function elsewhere(failure: Failure, { input, server }: StepContext<CreateInput>) {
  // that host leads to no wire of a network's
  const isUnbound = failure.code === 'PortBindingFailed';
  if (!isUnbound && (failure.step !== build.name || failure.kind === 'badRequest')) return null;
  if (failure.kind === 'unavailable' || failure.code === 'PortNotPlugged') return null;
  if (server.host === null || input.excluded.length + 1 >= limits.buildAttempts) return null;
  return {
    from: 'place',
    input: { ...input, excluded: [...input.excluded, server.host], lastProblem: failure.message },
  };
}

const plain: Saga<CreateInput> = {
  name: 'create',
  notification: 'create',
  secrets: ['adminPass'],
  steps: [
    { name: 'place', event: 'conductor_schedule_and_build_instances', run: place, undo: giveBackPlace },
    { name: 'ports', run: makePorts, undo: giveBackPorts },
    build,
  ],
  retry: elsewhere,
  overtaken: handOver,
  async settle(t, { server, output }, nowMs) {
    const view = output(build);
    const born = { launchedAt: nowMs, vmState: vmStateOf(view.powerState) ?? ('active' as const) };
    await settleFromView(t, server, view, nowMs, true, born);
    return null;
  },
  async failed(t, { server }, failure, nowMs) {
    await settleFailed(t, server, failure, nowMs, { vmState: 'error' });
  },
};

/** The same, once its image is made. */
export const createFromBackupSaga: Saga<CreateInput> = {
  ...plain,
  steps: [imageOfCopy, ...plain.steps],
  async overtaken(context) {
    await handOver(context);
    await removeMadeImage(context);
  },
};

export const createAction = defineAction<CreateInput>()({
  ...plain,
  transitions: {
    create: defineTransition('create', 'Create the server.', [], {
      task: 'scheduling',
      to: 'active',
      launched: false,
      lockable: false,
    }),
  },
  variant: ({ copyId }) => (copyId === undefined ? null : createFromBackupSaga),
});

// Why: an image of a server is made in the same three steps whether it is asked for, is a backup, or is what a shelved server
// leaves: the image is there, the host copies the disk, the host brings the copy. Taken back, nothing of it is left.

import { isYes } from '../../base/boolean-word.ts';
import { Fault, notFound, unavailable } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import { type Op, systemCaller } from '../../base/op.ts';
import { letGoAction, readyAction, withdrawAction } from '../../db/instance-actions.ts';
import { findBuild, updateServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import type { Server, TaskState } from '../../domain/servers/servers.ts';
import type { Transition } from '../../domain/servers/transition.ts';
import { copiedImage, snapshotOf, type SnapshotRequest } from '../../domain/servers/snapshot.ts';
import { wakeWorkers, type Enqueued, enqueueTransition, lockServerFor } from '../engine/begin.ts';
import type { BuildRequest } from './build.ts';
import type { OpsDeps } from '../deps.ts';
import { hostOf } from './host-of.ts';
import { type Saga, type Step, step, type StepContext } from '../engine/saga.ts';

export interface SnapshotInput {
  readonly imageId: string;
}

/** Removes an image; one that is gone already is fine. */
export async function removeImage({ image }: Pick<OpsDeps, 'image'>, imageId: string): Promise<void> {
  await image.remove(systemCaller, imageId).catch((error: unknown) => {
    if (!(error instanceof Fault) || error.kind !== 'notFound') throw error;
  });
}

/**
 * Does what a finished action can do without: it is tried again while the other side is unavailable, as often as any step,
 * and then left undone and logged.
 */
export async function tolerate<I>(
  { action, log }: StepContext<I>,
  left: string,
  work: () => Promise<void>,
): Promise<{ readonly left: string | null }> {
  try {
    await work();
    return { left: null };
  } catch (error) {
    const mayReturn = error instanceof Fault && error.kind === 'unavailable' && action.attempts < limits.stepAttempts;
    if (!(error instanceof Fault) || mayReturn) throw error;
    log.warn({ err: error }, left);
    return { left };
  }
}

/** The image is not to be: the action was never asked for. Where the image cannot be removed now, the action sees to it. */
async function takeBack(deps: OpsDeps, { actionId, server }: Enqueued, imageId: string): Promise<void> {
  try {
    await removeImage(deps, imageId);
    const overtaken = await tx(deps.database, async (t) => {
      if (await withdrawAction(t, actionId)) {
        await updateServer(t, server.id, { taskState: server.taskState }, deps.clock.now());
        return false;
      }
      await letGoAction(t, actionId);
      return true;
    });
    if (overtaken) deps.bus.nudge(actionId);
  } catch (error) {
    deps.log.warn({ image: imageId, err: error }, 'an image that was refused is left to its action');
  }
}

/**
 * Begins a move that makes an image: refused before anything is made, then the image is there, queued, when the 202 is
 * answered. The action is first, under which an image is found whose maker died; it waits for the image, and so does what
 * overtakes it. `wishOf` says what the image is.
 */
export async function beginSnapshot<I extends SnapshotInput>(
  deps: OpsDeps,
  op: Op,
  uuid: string,
  transition: Transition,
  saga: Saga<I>,
  wishOf: (server: Server) => SnapshotRequest,
  inputOf: (imageId: string, server: Server) => NoInfer<I>,
): Promise<{ readonly imageId: string }> {
  const { database, hooks } = deps;
  const imageId = newUuid();
  const left = await enqueueTransition(
    deps,
    op,
    uuid,
    transition,
    saga,
    (now) => inputOf(imageId, now),
    limits.imageMadeMs,
  );
  const { actionId, server } = left;
  hooks?.point?.(`${saga.name}.left`);
  try {
    const { userName, projectName, roles } = await findBuild<BuildRequest>(database.read, server.id);
    const image = snapshotOf(server, { userName, projectName, roles }, op.caller, wishOf(server));
    await deps.image.create(op.caller, { ...image, id: imageId });
    hooks?.point?.(`${saga.name}.imaged`);
  } catch (error) {
    await takeBack(deps, left, imageId);
    throw error;
  }
  if (!(await tx(database, (t) => readyAction(t, actionId)))) {
    await removeImage(deps, imageId);
    await tx(database, (t) => letGoAction(t, actionId));
    deps.bus.nudge(actionId);
    await tx(database, (t) => lockServerFor(t, op, uuid, transition));
    throw unavailable(`Image ${imageId} was made too late.`);
  }
  wakeWorkers(deps, saga, [actionId]);
  return { imageId };
}

/** The task while the disk is copied (null: the one before stays until then), and while the copy is brought. */
export interface SnapshotTasks {
  readonly begun: TaskState | null;
  readonly copying: TaskState;
  readonly uploading: TaskState;
}

const setTask = <I>({ commit, server }: StepContext<I>, taskState: TaskState): Promise<void> =>
  commit((t, nowMs) => updateServer(t, server.id, { taskState }, nowMs));

/**
 * The three steps. Undone in reverse: the copy is forgotten, the image removed.
 * @param event what users know the last of them by
 */
export function snapshotSteps<I extends SnapshotInput>(
  tasks: SnapshotTasks,
  event?: string,
): readonly [image: Step<I>, copy: Step<I>, upload: Step<I>] {
  const copy = step({
    name: 'copy',
    async run(context: StepContext<I>) {
      const { input, server, call } = context;
      await setTask(context, tasks.copying);
      return call(hostOf(server), 'snapshot', {
        ...{ uuid: server.uuid, imageId: input.imageId },
        quiesce: isYes(server.image?.properties['os_require_quiesce']),
      });
    },
    async undo(context) {
      const { server, input, call } = context;
      if (server.host === null) return;
      await tolerate(context, 'a copy of a disk stays on its host until the server goes', async () => {
        await call(hostOf(server), 'dropSnapshot', { uuid: server.uuid, imageId: input.imageId });
      });
    },
  });
  return [
    {
      name: 'image',
      async run(context) {
        if (tasks.begun !== null) await setTask(context, tasks.begun);
        const { deps, input } = context;
        if ((await deps.image.find(systemCaller, input.imageId)) === null) {
          throw notFound(`Image ${input.imageId} could not be found.`);
        }
      },
      undo: ({ deps, input }) => removeImage(deps, input.imageId),
    },
    copy,
    {
      name: 'upload',
      ...(event === undefined ? {} : { event }),
      async run(context) {
        const { deps, input, server, call, output } = context;
        await setTask(context, tasks.uploading);
        const image = await deps.image.find(systemCaller, input.imageId);
        // formats are said before the data comes; data that is there came before an answer was lost
        if (image?.status === 'queued') {
          await deps.image.change(systemCaller, input.imageId, copiedImage(server, output(copy).format));
        }
        await call(hostOf(server), 'uploadSnapshot', { uuid: server.uuid, imageId: input.imageId });
      },
      undo: 'the data goes with the image',
    },
  ];
}

/** A delete overtook the action: an image that is not whole goes with the server, one that is stays its owner's. */
export async function dropHalfImage<I extends SnapshotInput>({ deps, input }: StepContext<I>): Promise<void> {
  const image = await deps.image.find(systemCaller, input.imageId);
  if (image !== null && image.status !== 'active') await removeImage(deps, input.imageId);
}

// Why: a server goes back to what its disk was: the copy is read to its last byte before anything is touched, the guest is off, the disk
// is made beside the present one and takes its place at once. What breaks before that leaves the server as it was.

import { conflict, notFound, outwardMessage } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { copiesOfChain, lockCopy, updateCopy } from '../../db/server-copies.ts';
import { updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { GuestView } from '../../domain/servers/guests.ts';
import { chainTo, isBackup, type ServerCopy } from '../../domain/servers/server-copies.ts';
import { power, type Server } from '../../domain/servers/servers.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import type { OpsDeps } from '../deps.ts';
import { defineAction } from '../engine/action.ts';
import { enqueueAction, lockServerFor, wakeWorkers } from '../engine/begin.ts';
import { step, type StepContext } from '../engine/saga.ts';
import { settleFailed, settleFromView } from '../engine/settle.ts';
import { guestSpec } from './build.ts';
import { hostOf } from './host-of.ts';

interface RestoreInput {
  readonly copyId: string;
  /** Whether its guest ran, and shall again. */
  readonly runs: boolean;
}

export const noCopy = (id: string) => notFound(`No snapshot or backup ${id} could be found.`, { code: 'copy' });

/** Throws what keeps a copy from being restored. */
export function checkRestorable({ id, status, job }: ServerCopy): void {
  if (status !== 'available' || job === 'delete') {
    throw conflict(`${id} cannot be restored while it is '${job === 'delete' ? 'deleting' : status}'.`, {
      code: 'copy.busy',
    });
  }
}

/** Begins to give a server the disk of one of its copies. Throws 404, 409 and 501. */
export async function restoreCopy(
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  { what, id: copyId }: { readonly what: 'snapshot' | 'backup'; readonly id: string },
): Promise<void> {
  const transition = restoreDiskAction.transitions.restore;
  const actionId = await tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, transition);
    const copy = await lockCopy(t, copyId);
    if (copy === null || copy.serverUuid !== uuid || isBackup(copy) !== (what === 'backup')) throw noCopy(copyId);
    checkRestorable(copy);
    if (copy.imageRef !== server.imageRef) {
      throw conflict(`Instance ${uuid} was rebuilt from another image since: restore ${copyId} to a new server.`, {
        code: 'copy.image',
      });
    }
    if (copy.rootGb > server.flavor.rootGb) {
      throw conflict(
        `The disk of ${copyId} has ${copy.rootGb} GiB, and instance ${uuid} ${server.flavor.rootGb} GiB.`,
        {
          code: 'disk.down',
        },
      );
    }
    const nowMs = deps.clock.now();
    await updateCopy(t, copyId, { status: 'restoring' }, nowMs);
    await updateServer(t, server.id, { taskState: transition.task }, nowMs);
    const input = { copyId, runs: server.vmState === 'active' };
    return enqueueAction(t, op, server, restoreDiskAction, input, nowMs);
  });
  wakeWorkers(deps, restoreDiskAction, [actionId]);
}

/** A copy with all that it builds on; throws where that is not there. */
export async function wholeChain(
  { database }: Pick<OpsDeps, 'database'>,
  copy: ServerCopy,
): Promise<readonly ServerCopy[]> {
  const chain = chainTo(await copiesOfChain(database.read, copy.chainId), copy.id);
  if (chain !== null) return chain;
  throw conflict(`What ${copy.id} builds on is not there.`, { code: 'copy.broken' });
}

async function chainOf({ deps, input }: StepContext<RestoreInput>): Promise<readonly ServerCopy[]> {
  const copy = await tx(deps.database, (t) => lockCopy(t, input.copyId));
  if (copy === null) throw noCopy(input.copyId);
  return wholeChain(deps, copy);
}

const check = step({
  name: 'check',
  async run(context: StepContext<RestoreInput>) {
    const { deps, rest } = context;
    const found = await rest(deps.copies.verify(await chainOf(context)));
    if (found !== null) throw conflict(`It cannot be restored: ${found.problem}.`, { code: 'copy.broken' });
  },
  undo: 'it was only read',
});

const powerOn = async ({ deps, server, call }: StepContext<RestoreInput>): Promise<GuestView> =>
  call(hostOf(server), 'powerOn', { spec: await guestSpec(deps.database.read, server, null) });

const off = step({
  name: 'off',
  async run({ deps, server, input, call }: StepContext<RestoreInput>) {
    if (!input.runs) return;
    await call(hostOf(server), 'powerOff', { uuid: server.uuid, timeoutMs: deps.config.shutdownMs });
  },
  async undo(context) {
    if (context.input.runs) await powerOn(context);
  },
});

const disk = step({
  name: 'disk',
  final: true,
  async run(context: StepContext<RestoreInput>) {
    const { deps, server, call } = context;
    const chain = (await chainOf(context)).map((copy) => deps.copies.pathOf(copy));
    const spec = await guestSpec(deps.database.read, server, null);
    return call(hostOf(server), 'replaceDisk', { spec, chain });
  },
  undo: 'the disk is the one of before, or the one that was asked for',
});

const on = step({
  name: 'on',
  run: async (context: StepContext<RestoreInput>) => (context.input.runs ? powerOn(context) : context.output(disk)),
  undo: 'the host is asked what became of the guest when the failure is written',
});

/** The copy is one that can be restored again, unless it was found broken. */
const release = (t: Tx, copyId: string, nowMs: number, reason: string | null): Promise<unknown> =>
  updateCopy(t, copyId, { status: reason === null ? 'available' : 'error', reason }, nowMs);

export const restoreDiskAction = defineAction<RestoreInput>()({
  name: 'restore_disk',
  transitions: {
    restore: defineTransition('restore', 'Give the server the disk of a snapshot or backup.', ['active', 'stopped'], {
      ...{ task: 'rebuilding', placed: true, verb: 'copyDisk' },
    }),
  },
  notification: 'restore_disk',
  secrets: [],
  steps: [check, off, disk, on],
  async settle(t, { server, input, output }, nowMs) {
    const view = output(on);
    await settleFromView(t, server, view, nowMs, view.powerState === power.running);
    await release(t, input.copyId, nowMs, null);
    return null;
  },
  observe: ({ server, call }) => call(hostOf(server), 'inspect', { uuid: server.uuid }),
  async failed(t, { server, input }, failure, nowMs, seen) {
    await release(t, input.copyId, nowMs, failure.code === 'copy.broken' ? outwardMessage(failure) : null);
    await settleFailed(t, server, failure, nowMs, {}, seen as GuestView | null);
  },
  async overtaken({ deps, input }) {
    await tx(deps.database, (t) => release(t, input.copyId, deps.clock.now(), null));
  },
});

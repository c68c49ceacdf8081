// Why: a snapshot and a backup are made alike: there is room, the host copies the root disk beside the guest, the copy is sealed with the
// sum of its bytes. Taken back, no file of it is left, and its row says why there is none.

import { badRequest, conflict, forbidden, notImplemented, outwardMessage } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import { invariant } from '../../base/invariant.ts';
import { findSchedule } from '../../db/backup-schedules.ts';
import { findHost } from '../../db/hosts.ts';
import {
  copiesOfServer,
  findCopy,
  gbBeingMade,
  insertCopy,
  removeCopiesSoon,
  updateCopy,
} from '../../db/server-copies.ts';
import { updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { DiskCopied } from '../../domain/servers/guests.ts';
import { expired, nextParent, type ServerCopy } from '../../domain/servers/server-copies.ts';
import { bootsFromVolume } from '../../domain/servers/server-volumes.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { copyable, defineTransition } from '../../domain/servers/transition.ts';
import type { OpsDeps } from '../deps.ts';
import { defineAction } from '../engine/action.ts';
import { enqueueAction, lockServerFor, wakeWorkers } from '../engine/begin.ts';
import { step, type StepContext } from '../engine/saga.ts';
import { settleFailed } from '../engine/settle.ts';
import { isUp } from '../placement/host-up.ts';
import { hostOf } from './host-of.ts';
import { tolerate } from './snapshot.ts';

export interface CopyRequest {
  readonly what: 'snapshot' | 'backup';
  readonly name: string;
  readonly description: string | null;
  readonly tags: readonly string[];
  /** With the guest's memory. */
  readonly memory: boolean;
  readonly quiesce: boolean;
  /** Of a backup: whether what changed since the last one is enough, where that is known. */
  readonly incremental: boolean;
  /** Its server's schedule asks for it, and this many are to lie in a chain. */
  readonly scheduled?: { readonly chain: number };
}

interface CopyInput {
  readonly copyId: string;
}

const NO_MEMORY =
  'A snapshot with memory is not offered: QEMU would have to stand still while the memory is written, or the disk would have to become a ' +
  'chain of layers below the running guest. Ask for "memory": false.';

/** The row of a copy that is about to be made. */
async function newCopy(t: Tx, op: Op, server: Server, request: CopyRequest, nowMs: number): Promise<ServerCopy> {
  const isSnapshot = request.what === 'snapshot';
  const all = await copiesOfServer(t, server.uuid, isSnapshot ? 'snapshots' : 'backups');
  const most = isSnapshot ? limits.snapshotsOfServer : limits.backupsOfServer;
  if (all.length >= most) {
    throw forbidden(`Instance ${server.uuid} has ${all.length} ${request.what}s, and may have ${most}.`, {
      code: 'quota',
    });
  }
  const longest = request.scheduled?.chain ?? limits.backupChain;
  const parent = !isSnapshot && request.incremental ? nextParent(all, longest) : null;
  const id = newUuid();
  return {
    id,
    serverUuid: server.uuid,
    projectId: server.projectId,
    userId: op.caller.userId,
    kind: isSnapshot ? 'snapshot' : parent === null ? 'full' : 'incremental',
    parentId: parent?.id ?? null,
    chainId: parent?.chainId ?? id,
    position: parent === null ? 0 : parent.position + 1,
    name: request.name,
    description: request.description,
    tags: request.tags,
    status: 'creating',
    reason: null,
    quiesced: request.quiesce,
    live: null,
    ...{ virtualBytes: null, bytes: null, sha256: null },
    imageRef: server.imageRef,
    image: server.image,
    rootGb: server.flavor.rootGb,
    scheduled: request.scheduled !== undefined,
    ...{ job: null, jobDueAt: null, verifiedAt: null },
    createdAt: nowMs,
    updatedAt: nowMs,
  };
}

/** @throws badRequest for a server whose root disk is no file of its host's, with what there is in place of copies of it */
export function mustHaveDisk(server: Pick<Server, 'uuid' | 'imageRef'>): void {
  if (!bootsFromVolume(server)) return;
  throw badRequest(
    `Instance ${server.uuid} boots from a volume, which is not copied by this: make a snapshot of the volume ` +
      '(`openstack volume snapshot create --force`), or an image of the server (`openstack server image create`).',
  );
}

/** Begins a snapshot or a backup, whose row is there when this returns. Throws 403 (too many), 404, 409 and 501. */
export async function copyServer(
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  request: CopyRequest,
): Promise<ServerCopy> {
  if (request.memory) throw notImplemented(NO_MEMORY);
  const transition = copyDiskAction.transitions[request.what];
  const { id, copy } = await tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, transition);
    mustHaveDisk(server);
    if (request.quiesce && server.vmState !== 'active') {
      throw conflict(`Instance ${uuid} does not run, so that nobody in it can hold its file systems still.`, {
        code: 'snapshot.quiesce',
      });
    }
    const nowMs = deps.clock.now();
    const made = await newCopy(t, op, server, request, nowMs);
    await insertCopy(t, made);
    await updateServer(t, server.id, { taskState: transition.task }, nowMs);
    return { copy: made, id: await enqueueAction(t, op, server, copyDiskAction, { copyId: made.id }, nowMs) };
  });
  wakeWorkers(deps, copyDiskAction, [id]);
  return copy;
}

/** The row, as long as the copy is to be. */
async function copyOf({ deps, input }: StepContext<CopyInput>): Promise<ServerCopy> {
  const copy = await findCopy(deps.database.read, input.copyId);
  invariant(copy !== null, `copy ${input.copyId}, which is being made, has a row`);
  return copy;
}

const place = step({
  name: 'place',
  async run(context: StepContext<CopyInput>) {
    const { deps } = context;
    const copy = await copyOf(context);
    await deps.copies.prepare(copy, copy.rootGb, await gbBeingMade(deps.database.read, copy.id));
  },
  undo: async ({ deps, input, server }) => deps.copies.remove({ id: input.copyId, serverUuid: server.uuid }),
});

const pathIn = ({ deps, input, server }: Pick<StepContext<CopyInput>, 'deps' | 'input' | 'server'>): string =>
  deps.copies.pathOf({ id: input.copyId, serverUuid: server.uuid });

/** Ends the copying where it goes on; a host that is away is left to whoever sweeps. */
const dropCopy = (context: StepContext<CopyInput>): Promise<unknown> =>
  tolerate(context, 'a host may yet leave a copy of a disk that nobody wants', async () => {
    const { server, call } = context;
    if (server.host !== null) await call(server.host, 'dropDiskCopy', { uuid: server.uuid, path: pathIn(context) });
  });

const disk = step({
  name: 'disk',
  async run(context: StepContext<CopyInput>): Promise<DiskCopied> {
    const { deps, server, call } = context;
    const { id, kind, parentId, quiesced } = await copyOf(context);
    const parent = parentId === null ? null : await findCopy(deps.database.read, parentId);
    const since = parent?.status === 'available' ? parent : null;
    const isThere = since !== null && (await deps.copies.isThere(since));
    return call(hostOf(server), 'copyDisk', {
      ...{ uuid: server.uuid, path: pathIn(context), quiesce: quiesced },
      mark: kind === 'snapshot' ? null : id,
      changes: isThere ? { since: since.id, virtualBytes: since.virtualBytes ?? 0 } : null,
    });
  },
  async undo(context) {
    await dropCopy(context);
  },
});

const seal = step({
  name: 'seal',
  async run(context: StepContext<CopyInput>) {
    const { deps, output, rest } = context;
    const { virtualBytes, incremental } = output(disk);
    const { id, serverUuid, parentId } = await copyOf(context);
    const copy = { id, serverUuid, virtualBytes, parentId: incremental ? parentId : null };
    return rest(deps.copies.seal(copy));
  },
  undo: 'what it noted goes with the copy',
});

/** A backup that was to say the difference, and is whole, for what changed was not known. */
const whole = ({ id, kind }: ServerCopy) =>
  kind === 'snapshot' ? {} : ({ kind: 'full', parentId: null, chainId: id, position: 0 } as const);

/** Lets go what is too old by the server's schedule. */
async function rotate(t: Tx, uuid: string, nowMs: number): Promise<void> {
  const schedule = await findSchedule(t, uuid);
  if (schedule === null) return;
  const old = expired(await copiesOfServer(t, uuid, 'backups'), schedule.keep);
  await removeCopiesSoon(
    t,
    old.map(({ id }) => id),
    nowMs,
  );
}

export const copyDiskAction = defineAction<CopyInput>()({
  name: 'copy_disk',
  transitions: {
    snapshot: defineTransition('snapshot', 'Copy the root disk as a snapshot of the server.', copyable, {
      ...{ task: 'image_snapshot', lockable: false, verb: 'copyDisk' },
    }),
    backup: defineTransition('backup', 'Copy the root disk, or what changed on it, as a backup.', copyable, {
      ...{ task: 'image_backup', lockable: false, verb: 'copyDisk' },
    }),
  },
  notification: 'copy_disk',
  secrets: [],
  steps: [place, disk, seal],
  async settle(t, context, nowMs) {
    const { server, input, output } = context;
    const { live, virtualBytes, incremental } = output(disk);
    const copy = await findCopy(t, input.copyId);
    invariant(copy !== null, `copy ${input.copyId}, which was made, has a row`);
    const kind = incremental ? {} : whole(copy);
    const made = { ...kind, ...output(seal), live, virtualBytes, status: 'available' } as const;
    await updateCopy(t, copy.id, made, nowMs);
    await updateServer(t, server.id, { taskState: null }, nowMs);
    if (copy.scheduled) await rotate(t, server.uuid, nowMs);
    return null;
  },
  async failed(t, { server, input }, failure, nowMs) {
    await updateCopy(t, input.copyId, { status: 'error', reason: outwardMessage(failure) }, nowMs);
    if ((await findCopy(t, input.copyId))?.scheduled === true) await rotate(t, server.uuid, nowMs);
    await settleFailed(t, server, failure, nowMs, {});
  },
  async overtaken(context) {
    const { deps, input, server, log } = context;
    const { host, uuid } = server;
    // so that what overtakes it need not wait for a copy that nobody wants
    if (host !== null && isUp(deps, await findHost(deps.database.read, { host }))) {
      await deps.bus.call(host, 'dropDiskCopy', { uuid, path: pathIn(context) }).catch((error: unknown) => {
        log.warn({ copy: input.copyId, err: error }, 'a host may yet leave a copy of a disk that nobody wants');
      });
    }
    await tx(deps.database, (t) => removeCopiesSoon(t, [input.copyId], deps.clock.now()));
  },
});

// Why: a server's volumes come and go while it lives. What is promised (a row with the volume's name in the guest) is written with the
// action that keeps it: the volume is reserved, plugged in, and said to be there, or all of that is taken back.

import { asFault, badRequest, Fault, forbidden, notFound, outwardMessage } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import type { Volume } from '../../cloud/volume.ts';
import { findBuild } from '../../db/servers.ts';
import { findHost } from '../../db/hosts.ts';
import { insertClosedAction } from '../../db/instance-actions.ts';
import { addServerVolume, removeServerVolume, updateServerVolume, volumesOfServer } from '../../db/server-volumes.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { GuestView } from '../../domain/servers/guests.ts';
import {
  diskOf,
  hasSecret,
  nextDevice,
  ownNames,
  type ServerVolume,
  type VolumeBus,
  type VolumeDisk,
} from '../../domain/servers/server-volumes.ts';
import type { Server, VmState } from '../../domain/servers/servers.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { defineAction } from '../engine/action.ts';
import { checkTransition, enqueueAction, lockServerFor, wakeWorkers } from '../engine/begin.ts';
import { step, type StepContext } from '../engine/saga.ts';
import { recordFailure } from '../engine/settle.ts';
import type { OpsDeps } from '../deps.ts';
import { isUp } from '../placement/host-up.ts';
import type { BuildRequest } from './build.ts';
import { targetNamed } from './connect-volumes.ts';
import { ending } from './made-ports.ts';
import { busOfServer } from './volume-bus.ts';

/** States of a server whose volumes may be changed. */
const states: readonly VmState[] = [
  'active',
  'paused',
  'stopped',
  'resized',
  'soft-delete',
  'shelved',
  'shelved_offloaded',
];

export interface AttachRequest {
  readonly volumeId: string;
  /** `/dev/vdc`; null: the next one. What the guest's bus does not have, or another disk has, is not taken, as in Nova. */
  readonly device: string | null;
  readonly tag: string | null;
  readonly deleteOnTermination: boolean;
}

interface AttachInput {
  readonly volumeId: string;
  readonly bus: VolumeBus;
  readonly device: string;
}

const invalid = (message: string) => badRequest(`Invalid volume: ${message}`, { code: 'volume.busy' });

/** Throws Nova's 400s for a volume that a server cannot have now. */
export function checkFree(volume: Volume, server: Pick<Server, 'uuid' | 'projectId'>): void {
  if (volume.attachments.some(({ serverUuid }) => serverUuid === server.uuid)) {
    throw invalid(`volume ${volume.id} already attached`);
  }
  if (volume.status !== 'available') {
    throw invalid(`volume ${volume.id} status must be 'available'. Currently in '${volume.status}'`);
  }
  if (volume.projectId !== server.projectId) {
    throw invalid(`volume ${volume.id} is of another project than the server`);
  }
}

/** The name that a volume gets: the one that is asked for, where it is free on the guest's bus. */
async function deviceFor(
  t: Tx,
  server: Server,
  asked: string | null,
  bus: VolumeBus,
  taken: readonly ServerVolume[],
): Promise<string> {
  const { disks } = await findBuild<BuildRequest>(t, server.id);
  const own = ownNames(server, disks?.others.length ?? null);
  const next = nextDevice(bus, own, taken);
  const free = asked !== null && !taken.some(({ device }) => device === asked);
  if (!free || asked.length !== next.length || !asked.startsWith(next.slice(0, -1))) return next;
  // behind the server's own disks
  return asked >= nextDevice(bus, own, []) ? asked : next;
}

/**
 * Begins to give a server a volume; its row is there, with the name that the guest has for it. Throws Nova's 400s, 404s and 409s.
 */
export async function attachVolume(
  deps: OpsDeps,
  op: Op,
  server: Server,
  request: AttachRequest,
): Promise<ServerVolume> {
  const { uuid } = server;
  const transition = attachVolumeAction.transitions.attachVolume;
  await checkTransition(deps.database.read, op, server, transition);
  const { volumeId, tag, deleteOnTermination } = request;
  checkFree(await deps.volume.volume(op.caller, volumeId), server);
  const bus = busOfServer(server);
  const { id, made } = await tx(deps.database, async (t) => {
    const now = await lockServerFor(t, op, uuid, transition);
    const taken = await volumesOfServer(t, now.id);
    if (taken.some((volume) => volume.volumeId === volumeId)) throw invalid(`volume ${volumeId} already attached`);
    const device = await deviceFor(t, now, request.device, bus, taken);
    const nowMs = deps.clock.now();
    const volume: ServerVolume = {
      ...{
        volumeId,
        attachmentId: null,
        device,
        tag,
        deleteOnTermination,
        bootIndex: null,
        disk: null,
        createdAt: nowMs,
      },
    };
    await addServerVolume(t, now.id, volume);
    return { id: await enqueueAction(t, op, now, attachVolumeAction, { volumeId, bus, device }, nowMs), made: volume };
  });
  wakeWorkers(deps, attachVolumeAction, [id]);
  return made;
}

const reserve = step({
  name: 'volume',
  run: async ({ deps, server, input }: StepContext<AttachInput>): Promise<{ readonly attachmentId: string }> => ({
    attachmentId: await deps.volume.reserve(input.volumeId, server.uuid),
  }),
  async undo({ deps, server, input, outputIfDone }) {
    const done = outputIfDone(reserve);
    // one whose answer was lost is told by asking once more
    const held = done?.attachmentId ?? (await deps.volume.reserve(input.volumeId, server.uuid).catch(unlessTaken));
    if (held !== null) await deps.volume.release(held);
  },
});

/** That a volume is gone, or at somebody else: then nothing of it is kept for the server. */
function unlessTaken(error: unknown): null {
  if (error instanceof Fault && (error.kind === 'badRequest' || error.kind === 'notFound')) return null;
  throw error;
}

interface Plugged {
  /** Absent: the row has it already, since there is a password in it. Null: no host reaches it yet. */
  readonly disk?: VolumeDisk | null;
  readonly view: GuestView | null;
}

const plug = step({
  name: 'guest',
  event: 'compute_attach_volume',
  async run(context: StepContext<AttachInput>): Promise<Plugged> {
    const { deps, server, input, output, call, commit } = context;
    const { host, uuid } = server;
    const to = await targetNamed(context, host);
    const { connection } = await deps.volume.connect(output(reserve).attachmentId, to, input.device);
    const disk = connection === null ? null : diskOf(input, connection, null);
    const secret = disk !== null && hasSecret(disk);
    if (secret) await commit((t) => updateServerVolume(t, server.id, input.volumeId, { disk }));
    const view = host === null || disk === null ? null : await call(host, 'attachVolume', { uuid, disk });
    return secret ? { view } : { disk, view };
  },
  async undo({ server, input, call }) {
    const { volumeId } = input;
    if (server.host !== null) await call(server.host, 'detachVolume', { uuid: server.uuid, volumeId });
  },
});

/** What overtakes an attachment goes on with the volumes that the rows have: this one goes, from the guest too where it stays. */
async function takeBack(context: StepContext<AttachInput>): Promise<void> {
  const { deps, server, input, log } = context;
  const { uuid, host, taskState } = server;
  const stays =
    host !== null && !ending.includes(taskState) && isUp(deps, await findHost(deps.database.read, { host }));
  if (stays) {
    await deps.bus.call(host, 'detachVolume', { uuid, volumeId: input.volumeId }).catch((error: unknown) => {
      log.warn(
        { volume: input.volumeId, err: error },
        'a guest keeps a volume that was taken back until its next start',
      );
    });
  }
  const held = (await volumesOfServer(deps.database.read, server.id)).find(
    ({ volumeId }) => volumeId === input.volumeId,
  );
  // what a server that ends has is released with it
  if (held?.attachmentId !== null || ending.includes(taskState)) return;
  const attachmentId = context.outputIfDone(reserve)?.attachmentId ?? null;
  if (attachmentId !== null) await deps.volume.release(attachmentId);
  await tx(deps.database, (t) => removeServerVolume(t, server.id, input.volumeId));
}

export const attachVolumeAction = defineAction<AttachInput>()({
  name: 'attach_volume',
  transitions: {
    attachVolume: defineTransition('attach_volume', 'Attach a volume.', states, { verb: 'attachVolume' }),
  },
  notification: 'volume_attach',
  secrets: [],
  steps: [
    reserve,
    plug,
    {
      name: 'complete',
      run: ({ deps, input, output }) => deps.volume.complete(output(reserve).attachmentId, input.device),
      undo: 'the attachment goes with its reservation',
    },
  ],
  async settle(t, { server, input, output }) {
    const { attachmentId } = output(reserve);
    const { disk } = output(plug);
    await updateServerVolume(t, server.id, input.volumeId, { attachmentId, ...(disk !== undefined && { disk }) });
    return null;
  },
  async failed(t, { server, input, outputIfDone }, failure, nowMs) {
    // a guest that perhaps has it keeps it: the server's owner sees it, and may have it detached
    const held = failure.stuck === null ? null : outputIfDone(reserve);
    if (held === null) await removeServerVolume(t, server.id, input.volumeId);
    else await updateServerVolume(t, server.id, input.volumeId, { attachmentId: held.attachmentId });
    await recordFailure(t, server, failure, nowMs);
  },
  overtaken: takeBack,
});

interface DetachInput {
  readonly volumeId: string;
  readonly attachmentId: string;
}

/** Begins to take a volume from a server. Throws Nova's 400s, 403, 404s and 409s. */
export async function detachVolume(deps: OpsDeps, op: Op, server: Server, volumeId: string): Promise<void> {
  const transition = detachVolumeAction.transitions.detachVolume;
  await deps.volume.volume(op.caller, volumeId);
  await checkTransition(deps.database.read, op, server, transition);
  const id = await tx(deps.database, async (t) => {
    const now = await lockServerFor(t, op, server.uuid, transition);
    const found = (await volumesOfServer(t, now.id)).find((volume) => volume.volumeId === volumeId);
    if (found === undefined) {
      throw notFound(`Instance ${server.uuid} is not attached to volume ${volumeId}`, { code: 'VolumeNotFound' });
    }
    if (found.bootIndex === 0 && now.vmState !== 'shelved_offloaded') {
      throw forbidden('Cannot detach a root device volume');
    }
    if (found.attachmentId === null) throw invalid(`volume ${volumeId} is being attached`);
    const input = { volumeId, attachmentId: found.attachmentId };
    return enqueueAction(t, op, now, detachVolumeAction, input, deps.clock.now());
  });
  wakeWorkers(deps, detachVolumeAction, [id]);
}

const AGAIN = 'a volume that is half gone is detached by asking once more';

export const detachVolumeAction = defineAction<DetachInput>()({
  name: 'detach_volume',
  transitions: {
    detachVolume: defineTransition('detach_volume', 'Detach a volume.', states, { verb: 'detachVolume' }),
  },
  notification: 'volume_detach',
  secrets: [],
  steps: [
    {
      name: 'volume',
      run: ({ deps, input }) => deps.volume.detaching(input.volumeId, true),
      undo: ({ deps, input }) => deps.volume.detaching(input.volumeId, false),
    },
    {
      name: 'guest',
      event: 'compute_detach_volume',
      async run({ server, input: { volumeId }, call }): Promise<GuestView | null> {
        return server.host === null ? null : call(server.host, 'detachVolume', { uuid: server.uuid, volumeId });
      },
      undo: AGAIN,
    },
    { name: 'release', run: ({ deps, input }) => deps.volume.release(input.attachmentId), undo: AGAIN },
  ],
  async settle(t, { server, input }) {
    await removeServerVolume(t, server.id, input.volumeId);
    return null;
  },
  failed: (t, { server }, failure, nowMs) => recordFailure(t, server, failure, nowMs),
});

/** Says whether a volume goes with its server. Throws Nova's 404 where the server has it no more. */
export async function updateAttachedVolume(
  deps: OpsDeps,
  _op: Op,
  { id, uuid }: Pick<Server, 'id' | 'uuid'>,
  volumeId: string,
  { deleteOnTermination }: Pick<ServerVolume, 'deleteOnTermination'>,
): Promise<void> {
  const there = await tx(deps.database, (t) => updateServerVolume(t, id, volumeId, { deleteOnTermination }));
  if (!there) throw notFound(`Instance ${uuid} is not attached to volume ${volumeId}`, { code: 'VolumeNotFound' });
}

/** The volumes of a server that ends: each is free again, or goes along. */
export async function letVolumesGo(
  deps: OpsDeps,
  server: Pick<Server, 'id' | 'uuid'>,
  requestId: string,
): Promise<readonly string[]> {
  const volumes = await volumesOfServer(deps.database.read, server.id);
  if (volumes.length === 0) return [];
  await deps.volume.releaseAll(server.uuid);
  for (const { volumeId, deleteOnTermination } of volumes) {
    if (deleteOnTermination) await deps.volume.remove(volumeId, requestId);
  }
  return volumes.map(({ volumeId }) => volumeId);
}

/** Copies a volume that a guest has to a file, as it is now; `quiesce`: with its file systems still. */
export async function copyAttached(
  deps: OpsDeps,
  host: string,
  uuid: string,
  volumeId: string,
  path: string,
  quiesce: boolean,
): Promise<void> {
  await deps.bus.call(host, 'copyVolume', { uuid, volumeId, path, quiesce });
}

const EXTENDED = { action: 'extend_volume', event: 'compute_extend_volume' } as const;

/** Makes a guest see the new size of a volume that it has; the server's history tells of it. */
export async function growAttached(
  deps: OpsDeps,
  server: Pick<Server, 'uuid' | 'projectId' | 'userId'> & { readonly host: string },
  volumeId: string,
  bytes: number,
  requestId: string,
): Promise<void> {
  const { uuid, projectId, userId, host } = server;
  const record = { serverUuid: uuid, action: EXTENDED.action, requestId, projectId, userId };
  const tell = (problem: string | null): Promise<void> =>
    tx(deps.database, (t) =>
      insertClosedAction(
        t,
        { ...record, nowMs: deps.clock.now() },
        { name: EXTENDED.event, error: problem !== null, ...(problem === null ? {} : { details: problem }) },
      ),
    );
  try {
    await deps.bus.call(host, 'growVolume', { uuid, volumeId, bytes });
  } catch (error) {
    await tell(outwardMessage(asFault(error)));
    throw error;
  }
  await tell(null);
}

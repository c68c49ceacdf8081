// Why: a shelved server comes back with the size and the addresses that it had: where it still is, or on whatever host the
// scheduler finds, from the image that it waited as, or from its volume.

import { badRequest, conflict, internal, notFound } from '../../base/errors.ts';
import { type Op, systemCaller } from '../../base/op.ts';
import { findHost } from '../../db/hosts.ts';
import { isZoneServed } from '../../db/services.ts';
import { volumesOfServer } from '../../db/server-volumes.ts';
import { updateServer } from '../../db/servers.ts';
import { findShelved, removeShelved } from '../../db/shelved.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { GuestView } from '../../domain/servers/guests.ts';
import type { ImageFacts } from '../../domain/machines/images.ts';
import { bootsFromVolume } from '../../domain/servers/server-volumes.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { wakeWorkers, enqueueAction, lockServerFor } from '../engine/begin.ts';
import { awaitPorts } from './await-ports.ts';
import { guestSpec } from './build.ts';
import type { OpsDeps } from '../deps.ts';
import { bindTo, moveRequest } from './migrations.ts';
import { giveUpPlace, type Placed, placeServer } from '../placement/place.ts';
import { hostOf } from './host-of.ts';
import { type Saga, type Step, step, type StepContext } from '../engine/saga.ts';
import { settleFailed, settleFromView } from '../engine/settle.ts';
import { removeImage, type SnapshotInput, tolerate } from './snapshot.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { defineAction } from '../engine/action.ts';
import { endElsewhere } from './whereabouts.ts';

export interface UnshelveRequest {
  /** Undefined: as it is; null: whatever zone, from now on. */
  readonly zone: string | null | undefined;
  readonly host: string | null;
  /** Throws 403 where the caller may not name a host; asked only when one is named, after the server's state. */
  readonly mayNameHost: () => void;
}

/** `imageId` is empty where the server waited as its volume. */
interface UnshelveInput extends SnapshotInput {
  /** Whether it has no host. */
  readonly offloaded: boolean;
  readonly host: string | null;
}

/** Nova's checks of zone and host, in Nova's order; throws 400, 403 and 409. */
async function checkRequest(t: Tx, server: Server, { zone, host, mayNameHost }: UnshelveRequest): Promise<void> {
  if ((zone !== undefined || host !== null) && server.vmState !== 'shelved_offloaded') {
    throw conflict(
      `Specifying an availability zone or a host when unshelving server "${server.uuid}" with status ` +
        `"${server.vmState}" is not supported. The server status must be SHELVED_OFFLOADED.`,
    );
  }
  if (zone != null && !(await isZoneServed(t, zone))) {
    throw badRequest('The requested availability zone is not available');
  }
  if (host === null) return;
  mayNameHost();
  const found = await findHost(t, { host });
  if (found === null) throw badRequest(`Compute host ${host} could not be found.`);
  const wanted = zone === undefined ? server.requestedZone : zone;
  if (wanted !== null && found.zone !== wanted) {
    throw conflict(`Host "${host}" is not in the availability zone "${wanted}".`);
  }
}

/** A shelved server without a host may have lost the volume that it boots from; throws 400 then. */
async function checkRoot(t: Tx, server: Server): Promise<void> {
  if (!bootsFromVolume(server)) return;
  const volumes = await volumesOfServer(t, server.id);
  if (volumes.some(({ bootIndex }) => bootIndex === 0)) return;
  throw badRequest(`The volume that instance ${server.uuid} boots from was detached.`);
}

/** Begins to bring a shelved server back. Throws 400, 403, 404 and 409. */
export async function unshelveServer(
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  request: UnshelveRequest,
): Promise<void> {
  const id = await tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, unshelveAction.transitions.unshelve);
    await checkRequest(t, server, request);
    await checkRoot(t, server);
    const shelved = await findShelved(t, server.id);
    if (shelved === null) throw internal(`Instance ${uuid} is shelved, and nothing says as what.`);
    const nowMs = deps.clock.now();
    const zone = request.zone === undefined ? {} : { requestedZone: request.zone };
    await updateServer(t, server.id, { taskState: 'unshelving', ...zone }, nowMs);
    const input: UnshelveInput = {
      imageId: shelved.imageId,
      offloaded: server.vmState === 'shelved_offloaded',
      host: request.host,
    };
    return enqueueAction(t, op, server, unshelveAction, input, nowMs);
  });
  wakeWorkers(deps, unshelveAction, [id]);
}

type Context = StepContext<UnshelveInput>;

const NO_IMAGE = 'shelved.noImage';

async function shelvedImage({ deps, input }: Context): Promise<ImageFacts> {
  const image = await deps.image.find(systemCaller, input.imageId);
  if (image !== null) return image;
  throw notFound(`Unshelve attempted but the image ${input.imageId} cannot be found.`, { code: NO_IMAGE });
}

const bindAt = (context: Context, host: string): Promise<void> =>
  bindTo(context, { host, zone: context.server.availabilityZone ?? '' });

const image = step({ name: 'image', event: 'get_image_info', run: shelvedImage, undo: 'the image was only looked at' });

/** Starts the guest anew from what the server waited as: an image, or its volume. */
const spawned = step({
  name: 'guest',
  event: 'compute_unshelve_instance',
  async run(context: Context) {
    const { deps, server, input, commit, call, output } = context;
    await commit((t, nowMs) => updateServer(t, server.id, { taskState: 'spawning' }, nowMs));
    const spec = await guestSpec(deps.database.read, server, null);
    const disks = input.imageId === '' ? spec.disks : { ...spec.disks, image: output(image) };
    const view = await call(hostOf(server), 'spawn', { spec: { ...spec, disks } });
    await awaitPorts(context);
    return view;
  },
  async undo({ server, call }) {
    if (server.host !== null) await call(server.host, 'destroy', { uuid: server.uuid });
  },
  final: true,
});

const poweredOn = step({
  name: 'guest',
  event: 'compute_unshelve_instance',
  async run(context: Context) {
    const server = await endElsewhere(context);
    const { deps, commit, call } = context;
    await commit((t, nowMs) => updateServer(t, server.id, { taskState: 'powering-on' }, nowMs));
    const view = await call(hostOf(server), 'powerOn', { spec: await guestSpec(deps.database.read, server, null) });
    await awaitPorts(context);
    return view;
  },
  async undo({ server, call }) {
    await call(hostOf(server), 'powerOff', { uuid: server.uuid, timeoutMs: 0 });
  },
  final: true,
});

/** The server runs. */
async function settleBack(t: Tx, { server, input }: Context, view: GuestView, nowMs: number): Promise<void> {
  const launched = input.offloaded ? { launchedAt: nowMs } : {};
  await settleFromView(t, server, view, nowMs, true, launched);
}

const forget: Step<UnshelveInput> = {
  name: 'forget',
  run: (context) =>
    tolerate(context, 'the image of a server that is back stays', async () => {
      if (context.input.imageId !== '') await removeImage(context.deps, context.input.imageId);
    }),
  undo: 'the image is needed no longer',
};

const back = (
  before: Saga<UnshelveInput>['steps'],
  guest: Step<UnshelveInput, GuestView>,
  after: Saga<UnshelveInput>['steps'] = [forget],
): Saga<UnshelveInput> => ({
  name: 'unshelve',
  notification: 'unshelve',
  secrets: [],
  steps: [...before, guest, ...after],
  async settle(t, context, nowMs) {
    await settleBack(t, context, context.output(guest), nowMs);
    await removeShelved(t, context.server.id);
    return null;
  },
  async failed(t, context, failure, nowMs) {
    const { server, outputIfDone } = context;
    const view = outputIfDone(guest);
    // back already: only the image is left, and on record, so that it goes with the server
    if (view !== null) await settleBack(t, context, view, nowMs);
    await settleFailed(t, server, failure, nowMs, failure.code === NO_IMAGE ? { vmState: 'error' } : {});
  },
});

/** Of a server that is still on its host. */
export const unshelveHereSaga = back([], poweredOn);

const placing: Saga<UnshelveInput>['steps'] = [
  {
    name: 'place',
    event: 'schedule_instances',
    run(context): Promise<Placed> {
      const { server, input } = context;
      return placeServer(context, moveRequest(context, server, { requestedHost: input.host }), 'unshelving');
    },
    undo: (context) => giveUpPlace(context, 'unshelving'),
  },
  {
    name: 'ports',
    run: (context) => bindAt(context, hostOf(context.server)),
    undo: (context) => bindAt(context, ''),
  },
];

/** Of a server that boots from a volume and has no host. */
export const unshelveVolumeSaga = back(placing, spawned, []);

export const unshelveAction = defineAction<UnshelveInput>()({
  transitions: {
    unshelve: defineTransition('unshelve', 'Bring the shelved server back.', ['shelved', 'shelved_offloaded'], {
      task: 'unshelving',
      to: 'active',
    }),
  },
  ...back([image, ...placing], spawned),
  variant({ offloaded, imageId }) {
    if (!offloaded) return unshelveHereSaga;
    return imageId === '' ? unshelveVolumeSaga : null;
  },
});

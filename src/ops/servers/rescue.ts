// Why: a rescued server runs from another image with its own disk beside it. Which image is the action's affair alone: whatever
// starts the server afterwards starts it from its own disk.

import { badRequest } from '../../base/errors.ts';
import type { Caller, Op } from '../../base/op.ts';
import type { GuestView } from '../../domain/servers/guests.ts';
import type { ImageFacts } from '../../domain/machines/images.ts';
import { knownProperties } from '../../domain/machines/image-properties.ts';
import type { Server, VmState } from '../../domain/servers/servers.ts';
import { bootsFromVolume } from '../../domain/servers/server-volumes.ts';
import { beginAction, checkTransition } from '../engine/begin.ts';
import { bootParts } from './boot-source.ts';
import { guestSpec } from './build.ts';
import type { OpsDeps } from '../deps.ts';
import { hostOf } from './host-of.ts';
import { imageIdOn, rootVolumeOf } from './root-volume.ts';
import type { Saga, Step, StepContext } from '../engine/saga.ts';
import { settleBroken, settleFromView, vmStateOf } from '../engine/settle.ts';
import { endElsewhere } from './whereabouts.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { defineAction, definePlainAction, type NoInput } from '../engine/action.ts';

export interface RescueRequest {
  readonly adminPass: string;
  /** Null: the image that the server was made from. */
  readonly imageRef: string | null;
}

interface Input {
  readonly adminPass: string | null;
  readonly image: ImageFacts;
  readonly kernel: ImageFacts | null;
  readonly ramdisk: ImageFacts | null;
}

async function namedImage(deps: OpsDeps, caller: Caller, imageRef: string): Promise<ImageFacts> {
  const image = await deps.image.find(caller, imageRef);
  if (image === null || image.status !== 'active' || knownProperties(image)['img_block_device_mapping'] !== undefined) {
    throw badRequest(`Requested rescue image '${imageRef}' is not supported`);
  }
  return image;
}

/** As Nova: of a server that was made from a copy of another, the image that the other was made from, as long as it is there. */
async function ownImage(deps: OpsDeps, caller: Caller, { uuid, image }: Server): Promise<ImageFacts> {
  if (image === null) throw badRequest(`Instance ${uuid} cannot be rescued: it has no image`);
  const base = image.properties['base_image_ref'];
  const found = base === undefined || base === '' ? null : await deps.image.find(caller, base);
  return found?.status === 'active' ? found : image;
}

/** The microversion since which servers that boot from a volume are rescued. */
const RESCUES_VOLUMES = 87;

const onVolume = ({ uuid }: Pick<Server, 'uuid'>) =>
  badRequest(`Instance ${uuid} cannot be rescued: Cannot rescue a volume-backed instance`);

/** The image whose data the volume that a server boots from began with. */
async function imageOnRoot(deps: OpsDeps, op: Op, server: Server): Promise<ImageFacts> {
  const id = imageIdOn(await rootVolumeOf(deps, op, server));
  const image = id === null ? null : await deps.image.find(op.caller, id);
  if (image?.status !== 'active') throw onVolume(server);
  return image;
}

/** Begins to rescue a server. Throws 400 for an image that will not do, 404, 409 (state, lock), 501. */
export async function rescueServer(deps: OpsDeps, op: Op, target: Server, request: RescueRequest): Promise<void> {
  await checkTransition(deps.database.read, op, target, rescueAction.transitions.rescue);
  const { caller } = op;
  const image = await (request.imageRef !== null
    ? namedImage(deps, caller, request.imageRef)
    : bootsFromVolume(target)
      ? imageOnRoot(deps, op, target)
      : ownImage(deps, caller, target));
  const { hw_rescue_bus: bus, hw_rescue_device: device } = knownProperties(image);
  // the rescue disk must not take the name of the volume that the guest boots from
  const isStable = op.minor >= RESCUES_VOLUMES && bus !== undefined && device !== undefined;
  if (bootsFromVolume(target) && !isStable) throw onVolume(target);
  const input: Input = { adminPass: request.adminPass, image, ...(await bootParts(deps, caller, image)) };
  await beginAction(deps, op, target.uuid, rescueAction.transitions.rescue, rescueAction, () => input);
}

/** Ends as its saga says, or in ERROR, whatever the guest runs from then; a hard reboot brings it back to its own disk. */
const ending = <I>(
  secrets: Saga<I>['secrets'],
  before: Saga<I>['steps'],
  guest: Step<I, GuestView>,
  to: VmState,
): Omit<Saga<I>, 'name' | 'notification'> => ({
  secrets,
  steps: [...before, guest],
  async settle(t, { server, output }, nowMs) {
    const launched = to === 'rescued' ? { launchedAt: nowMs } : {};
    const view = output(guest);
    // one that crashed as it booted from its own disk is off
    const vmState = to === 'rescued' ? to : (vmStateOf(view.powerState) ?? to);
    await settleFromView(t, server, view, nowMs, true, { vmState, ...launched });
    return null;
  },
  observe: ({ server, call }) => call(hostOf(server), 'inspect', { uuid: server.uuid }),
  failed: (t, { server }, failure, nowMs, seen) => settleBroken(t, server, failure, nowMs, seen as GuestView | null),
});

async function rescueGuest(context: StepContext<Input>): Promise<GuestView> {
  const server = await endElsewhere(context);
  const { deps, input, call } = context;
  const { adminPass, image, kernel, ramdisk } = input;
  const own = await guestSpec(deps.database.read, server, adminPass);
  return call(hostOf(server), 'rescue', { spec: { ...own, kernel, ramdisk, rescue: image } });
}

export const rescueAction = defineAction<Input>()({
  name: 'rescue',
  transitions: {
    rescue: defineTransition('rescue', 'Boot the server from a rescue image.', ['active', 'stopped', 'error'], {
      task: 'rescuing',
      to: 'rescued',
      verb: 'rescue',
    }),
  },
  notification: 'rescue',
  ...ending<Input>(
    ['adminPass'],
    [
      {
        name: 'power_off',
        run: ({ deps, server, call }) =>
          call(hostOf(server), 'powerOff', { uuid: server.uuid, timeoutMs: deps.config.shutdownMs }),
        undo: 'a server in ERROR may be off',
      },
    ],
    {
      name: 'guest',
      event: 'compute_rescue_instance',
      run: rescueGuest,
      undo: 'its own disk is as it was: a hard reboot boots it',
    },
    'rescued',
  ),
});

export const unrescueAction = definePlainAction({
  name: 'unrescue',
  transition: defineTransition('unrescue', 'Boot a rescued server from its own disk again.', ['rescued'], {
    task: 'unrescuing',
    to: 'active',
    verb: 'unrescue',
  }),
  notification: 'unrescue',
  request: { key: 'unrescue', policy: 'os_compute_api:os-unrescue' },
  ...ending<NoInput>(
    [],
    [],
    {
      name: 'guest',
      event: 'compute_unrescue_instance',
      run: async ({ deps, server, call }) =>
        call(hostOf(server), 'unrescue', { spec: await guestSpec(deps.database.read, server, null) }),
      undo: 'what the guest runs from then, a hard reboot settles',
    },
    'active',
  ),
});

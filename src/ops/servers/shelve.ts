// Why: a shelved server is switched off and waits as an image: on its host at first, so that it is quickly back, and on no host
// once it is offloaded, when nothing of it is claimed but its ports and volumes. One that boots from a volume waits as that, and leaves
// its host at once.

import type { Op } from '../../base/op.ts';
import { releaseClaim } from '../../db/claims.ts';
import { findShelved, putShelved, removeShelved } from '../../db/shelved.ts';
import { findServer, updateServer } from '../../db/servers.ts';
import type { GuestView } from '../../domain/servers/guests.ts';
import { bootsFromVolume } from '../../domain/servers/server-volumes.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { OpsDeps } from '../deps.ts';
import { beginAction } from '../engine/begin.ts';
import { connectVolumes } from './connect-volumes.ts';
import { removeGuestEverywhere } from './migrations.ts';
import { hostOf } from './host-of.ts';
import { type Saga, type Step, step, type StepContext } from '../engine/saga.ts';
import { settleFailed, settleFromView } from '../engine/settle.ts';
import { beginSnapshot, removeImage, type SnapshotInput, snapshotSteps, tolerate } from './snapshot.ts';
import { copyable, defineTransition } from '../../domain/servers/transition.ts';
import { defineAction, definePlainAction } from '../engine/action.ts';

type Named = Pick<Server, 'uuid'>;

/** `imageId` is empty where the server boots from a volume: none is made. */
interface ShelveInput extends SnapshotInput {
  /** Whether the server leaves its host at once. */
  readonly offload: boolean;
}

const NAME_CHARACTERS = 255;
const SUFFIX = '-shelved';

const shelvedName = ({ displayName }: Server): string =>
  `${displayName.slice(0, NAME_CHARACTERS - SUFFIX.length)}${SUFFIX}`;

/**
 * Begins to shelve a server, as an image that is there when this returns; without one, and as Nova not for a while only, where it
 * boots from a volume. Throws 404, 409 and 501.
 */
async function shelveServer(deps: OpsDeps, op: Op, { uuid }: Named): Promise<void> {
  const seen = await findServer(deps.database.read, uuid);
  if (seen !== null && bootsFromVolume(seen)) {
    const input: ShelveInput = { imageId: '', offload: true };
    await beginAction(deps, op, uuid, shelveAction.transitions.shelve, shelveAction, () => input);
    return;
  }
  const wishOf = (server: Server) => ({ name: shelvedName(server), type: 'snapshot' as const, properties: {} });
  const offload = deps.config.shelvedOffloadMs === 0;
  await beginSnapshot(deps, op, uuid, shelveAction.transitions.shelve, shelveAction, wishOf, (imageId) => ({
    imageId,
    offload,
  }));
}

/** Nothing of the server is on its host any more, and nothing is claimed there. Its ports and volumes are kept, at no host. */
async function leaveHost(context: StepContext<unknown>): Promise<{ readonly left: string | null }> {
  const { deps, server, commit, point } = context;
  if (server.host === null) return { left: null };
  const left = await removeGuestEverywhere(context);
  await deps.network.rebind({ ...server, host: '', zone: server.availabilityZone ?? '' });
  point('unbound');
  await connectVolumes(context, '');
  await commit(async (t, nowMs) => {
    await releaseClaim(t, server.id, nowMs);
    const nowhere = { host: null, node: null, availabilityZone: null, vmState: 'shelved_offloaded' as const };
    await updateServer(t, server.id, nowhere, nowMs);
  });
  return { left };
}

const offloadStep: Step<unknown> = {
  name: 'offload',
  event: 'compute_shelve_offload_instance',
  run: leaveHost,
  undo: 'the server is shelved already, and may be offloaded again',
};

const [image, copy, upload] = snapshotSteps<ShelveInput>({
  begun: null,
  copying: 'shelving_image_pending_upload',
  uploading: 'shelving_image_uploading',
});

const guest = step({
  name: 'guest',
  run({ deps, server, call }: StepContext<ShelveInput>) {
    // one that is frozen hears no power button
    const timeoutMs = server.vmState === 'paused' ? 0 : deps.config.shutdownMs;
    return call(hostOf(server), 'powerOff', { uuid: server.uuid, timeoutMs });
  },
  undo: 'a guest that was shut down stays off, and the row says so',
});

const shelved: Step<ShelveInput> = {
  name: 'shelve',
  event: 'compute_shelve_instance',
  async run(context) {
    const { deps, server, input, commit, output } = context;
    // its state was set by hand since it was shelved the last time: nobody will come back to that image
    const before = await findShelved(deps.database.read, server.id);
    if (before !== null && before.imageId !== input.imageId) {
      await tolerate(context, 'an older image of a shelved server stays', () => removeImage(deps, before.imageId));
    }
    await commit(async (t, nowMs) => {
      await putShelved(t, server.id, input.imageId, nowMs);
      const taskState = input.offload ? ('shelving_offloading' as const) : server.taskState;
      await settleFromView(t, server, output(guest), nowMs, false, { vmState: 'shelved', taskState });
    });
  },
  async undo({ server, commit }) {
    await commit(async (t, nowMs) => {
      await removeShelved(t, server.id);
      await updateServer(t, server.id, { vmState: 'stopped', taskState: 'shelving' }, nowMs);
    });
  },
  final: true,
};

/** Of a server that boots from a volume: nothing is copied, and it leaves its host at once. Nova tells of that alone. */
export const shelveVolumeSaga: Saga<ShelveInput> = {
  name: 'shelve',
  notification: 'shelve_offload',
  secrets: [],
  steps: [guest, shelved, offloadStep],
  async settle(t, { server }, nowMs) {
    await updateServer(t, server.id, { taskState: null }, nowMs);
    return null;
  },
  async observe({ server, call }) {
    return server.vmState === 'shelved' ? null : call(hostOf(server), 'inspect', { uuid: server.uuid });
  },
  async failed(t, { server }, failure, nowMs, seen) {
    await settleFailed(t, server, failure, nowMs, {}, seen as GuestView | null);
  },
};

/** Of a server that stays on its host for a while. */
export const shelveHereSaga: Saga<ShelveInput> = {
  ...shelveVolumeSaga,
  notification: 'shelve',
  steps: [image, guest, copy, upload, shelved],
  // a server that is shelved by now has its image on record, where its deletion finds it
  overtaken: ({ deps, input }) => removeImage(deps, input.imageId),
};

export const shelveAction = defineAction<ShelveInput>()({
  transitions: {
    shelve: defineTransition('shelve', 'Switch a server off and keep it as an image, or as its volume.', copyable, {
      task: 'shelving',
      to: 'shelved',
      verb: 'snapshot',
    }),
  },
  ...shelveHereSaga,
  requests: { shelve: { key: 'shelve', policy: 'os_compute_api:os-shelve:shelve', begin: shelveServer } },
  variant({ imageId, offload }) {
    if (imageId === '') return shelveVolumeSaga;
    return offload ? null : shelveHereSaga;
  },
  steps: [...shelveHereSaga.steps, offloadStep],
});

export const offloadAction = definePlainAction({
  name: 'shelveOffload',
  transition: defineTransition('shelveOffload', 'Take a shelved server from its host.', ['shelved'], {
    task: 'shelving_offloading',
    to: 'shelved_offloaded',
  }),
  notification: 'shelve_offload',
  request: { key: 'shelveOffload', policy: 'os_compute_api:os-shelve:shelve_offload' },
  secrets: [],
  steps: [offloadStep],
  async settle(t, { server }, nowMs) {
    await updateServer(t, server.id, { taskState: null }, nowMs);
    return null;
  },
  async failed(t, { server }, failure, nowMs) {
    await settleFailed(t, server, failure, nowMs, {});
  },
});

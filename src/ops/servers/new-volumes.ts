// Why: a server may begin with volumes, and boot from one. What can be refused of them is refused with the request; they are made, if they
// are not there, and attached before its host builds it, under ids that were chosen with its row, so that doing it again makes none twice.

import { badRequest, Fault, internal } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import type { Volume } from '../../cloud/volume.ts';
import { addServerVolume, updateServerVolume, volumesOfServer } from '../../db/server-volumes.ts';
import type { Tx } from '../../db/tx.ts';
import type { CreateServersRequest } from '../../domain/servers/create-request.ts';
import type { ImageFacts } from '../../domain/machines/images.ts';
import { isOfVolumes, propertiesBesideDevices } from '../../domain/servers/image-devices.ts';
import {
  diskOf,
  type NewServerVolume,
  nextDevice,
  ownNames,
  type PlannedVolume,
  type ServerVolume,
} from '../../domain/servers/server-volumes.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { snapshotMissing, volumeMissing } from '../../domain/servers/volumes.ts';
import type { OpsDeps } from '../deps.ts';
import type { StepContext } from '../engine/saga.ts';
import { checkFree } from './attach-volume.ts';
import { awaitOutcome, volumePatience } from './await-outcome.ts';
import type { BuildRequest } from './build.ts';
import { targetNamed } from './connect-volumes.ts';
import { requestOf } from './early-volumes.ts';
import { busOfServer } from './volume-bus.ts';

const invalid = (why: string) => badRequest(`Block Device Mapping is Invalid: ${why}`);

/** What is not there is a bad request, in the words that Nova has for it. */
const unlessMissing = <T>(found: Promise<T>, refused: () => Fault): Promise<T> =>
  found.catch((error: unknown) => {
    throw error instanceof Fault && error.kind === 'notFound' ? refused() : error;
  });

/** A volume that can be made. */
const makeable = (deps: OpsDeps, { caller }: Op, volume: NewServerVolume): Promise<Pick<Volume, 'imageMetadata'>> =>
  unlessMissing(deps.volume.checkNew(caller, requestOf(volume)), () =>
    volume.source === 'snapshot' && volume.bootIndex === 0
      ? badRequest(snapshotMissing(volume.id))
      : invalid(`failed to get ${volume.source} ${volume.id}.`),
  );

/** A volume that is there, and free. */
async function existing(deps: OpsDeps, { caller }: Op, { id, bootIndex }: NewServerVolume): Promise<Volume> {
  const volume = await unlessMissing(deps.volume.volume(caller, id), () =>
    bootIndex === 0 ? invalid(`failed to get volume ${id}.`) : badRequest(volumeMissing(id)),
  );
  checkFree(volume, { uuid: '', projectId: caller.projectId ?? '' });
  if (bootIndex === 0 && !volume.bootable) throw badRequest(`Block Device ${id} is not bootable.`);
  return volume;
}

/** What boots: what it keeps of its image, if it has one. */
interface Checked {
  readonly bootIndex: number | null;
  readonly imageMetadata: Volume['imageMetadata'];
}

/**
 * The volumes that a new server is asked for with. Throws Nova's 400s for one that is not there, is not free or cannot be made, and what
 * the volume service says of who may not.
 */
export async function checkVolumes(
  deps: OpsDeps,
  op: Op,
  { volumes }: CreateServersRequest,
): Promise<readonly Checked[]> {
  const checked: Checked[] = [];
  for (const volume of volumes) {
    const { imageMetadata } =
      volume.source === 'volume' ? await existing(deps, op, volume) : await makeable(deps, op, volume);
    checked.push({ bootIndex: volume.bootIndex, imageMetadata });
  }
  return checked;
}

const OWN_KEYS = new Set([
  ...['image_id', 'image_name', 'checksum', 'container_format', 'disk_format', 'min_disk', 'min_ram', 'size'],
]);

/** What a server that boots from a volume takes for its image. */
function asVolumes(minRamMb: number, properties: Readonly<Record<string, string>>): ImageFacts {
  return {
    ...{ id: '', name: null, status: 'active', owner: null, visibility: 'private' },
    ...{ diskFormat: 'raw', containerFormat: 'bare' },
    ...{ minDiskGb: 0, minRamMb, sizeBytes: null, virtualSizeBytes: null },
    ...{ checksum: null, osHashAlgo: null, osHashValue: null },
    properties: propertiesBesideDevices({ properties }),
  };
}

/** The same of the image whose data its root volume has. */
export const imageOnVolume = ({ minRamMb, properties }: ImageFacts): ImageFacts => asVolumes(minRamMb, properties);

/**
 * The same of a new server: what the volume kept of its image.
 * @param image its image, which may be one that stands for the volumes, and says it then; null: none
 */
export function imageOfVolume(volumes: readonly Checked[], image: ImageFacts | null): ImageFacts {
  if (image !== null && isOfVolumes(image)) return imageOnVolume(image);
  const kept = volumes.find(({ bootIndex }) => bootIndex === 0)?.imageMetadata ?? {};
  const own = Object.fromEntries(Object.entries(kept).filter(([name]) => !OWN_KEYS.has(name)));
  return asVolumes(Number(kept['min_ram'] ?? 0), own);
}

/** Writes down what a new server will have, with the names that its guest gives them. */
export async function addPlannedVolumes(
  t: Tx,
  server: Server,
  { volumes = [], disks }: BuildRequest,
  nowMs: number,
): Promise<void> {
  const bus = busOfServer(server);
  const own = ownNames(server, disks?.others.length ?? null);
  const added: ServerVolume[] = [];
  const inOrder = volumes.toSorted((a, b) => (a.bootIndex ?? Infinity) - (b.bootIndex ?? Infinity));
  for (const { volumeId, bootIndex, tag, deleteOnTermination } of inOrder) {
    const device = nextDevice(bus, bootIndex === 0 ? 0 : own, added);
    const volume: ServerVolume = {
      ...{ volumeId, attachmentId: null, device, tag, deleteOnTermination, bootIndex, disk: null, createdAt: nowMs },
    };
    added.push(volume);
    await addServerVolume(t, server.id, volume);
  }
}

const MADE = ['available', 'reserved', 'attaching', 'in-use'];

/** Waits until a volume's bytes are there. */
async function whenMade<I>(context: StepContext<I>, { volumeId }: PlannedVolume): Promise<void> {
  const unmade = (why: string) =>
    internal(`Volume ${volumeId} did not finish being created${why}.`, { code: 'volume.busy' });
  const look = async (): Promise<true | null> => {
    const status = await context.deps.volume.status(volumeId);
    if (status === 'creating' || status === 'downloading') return null;
    if (status !== null && MADE.includes(status)) return true;
    throw unmade(`: its status is ${status ?? 'deleted'}`);
  };
  await awaitOutcome(context, volumePatience, look, () => unmade(' in time'));
}

/** Makes what is not there, and attaches all of it to the server on its host. */
export async function attachPlanned<I>(context: StepContext<I>): Promise<void> {
  const { deps, server, action } = context;
  const { volumes = [] } = context.build();
  if (volumes.length === 0) return;
  for (const volume of volumes) {
    if (volume.source === 'volume') continue;
    const owner = { projectId: server.projectId, userId: server.userId };
    await deps.volume.make(volume.volumeId, owner, requestOf(volume), action.requestId);
  }
  const rows = await volumesOfServer(deps.database.read, server.id);
  const bus = busOfServer(server);
  const to = await targetNamed(context, server.host);
  for (const volume of volumes) {
    const row = rows.find(({ volumeId }) => volumeId === volume.volumeId);
    if (row === undefined) continue;
    await whenMade(context, volume);
    const attachmentId = await deps.volume.reserve(volume.volumeId, server.uuid);
    const { connection } = await deps.volume.connect(attachmentId, to, row.device);
    await deps.volume.complete(attachmentId, row.device);
    const plugged = { volumeId: volume.volumeId, bus, device: row.device };
    const disk = connection === null ? null : diskOf(plugged, connection, volume.bootIndex);
    await context.commit((t) => updateServerVolume(t, server.id, volume.volumeId, { attachmentId, disk }));
  }
}

/** What `attachPlanned` did is taken back; what it made stays the server's, to go with it or not. */
export async function detachPlanned<I>(context: StepContext<I>): Promise<void> {
  const { deps, server } = context;
  const { volumes = [] } = context.build();
  if (volumes.length > 0) await deps.volume.releaseAll(server.uuid);
}

// Why: a server that boots from a volume keeps that volume when it is rebuilt, and perhaps gives it the data of another image. Its guest is
// off meanwhile, and nothing else has the volume's file open.

import { badRequest, internal } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import type { Volume } from '../../cloud/volume.ts';
import { volumesOfServer } from '../../db/server-volumes.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { step, type StepContext } from '../engine/saga.ts';
import type { OpsDeps } from '../deps.ts';
import { awaitOutcome, volumePatience } from './await-outcome.ts';
import { connectVolumes } from './connect-volumes.ts';
import { hostOf } from './host-of.ts';
import { makeWay } from './whereabouts.ts';

/** The volume that a server boots from. Throws Nova's 404 where the caller may not see it. */
export async function rootVolumeOf(
  deps: OpsDeps,
  { caller }: Pick<Op, 'caller'>,
  { id, uuid }: Pick<Server, 'id' | 'uuid'>,
): Promise<Volume> {
  const volumes = await volumesOfServer(deps.database.read, id);
  const root = volumes.find(({ bootIndex }) => bootIndex === 0);
  if (root === undefined) throw internal(`Instance ${uuid} has no volume to boot from.`, { code: 'volume.busy' });
  return deps.volume.volume(caller, root.volumeId);
}

/** The id of the image whose data a volume has; null: of none. */
export const imageIdOn = ({ imageMetadata }: Pick<Volume, 'imageMetadata'>): string | null =>
  imageMetadata?.['image_id'] ?? null;

/** The microversion since which a rebuild puts the image's data on the volume, whichever image it is. */
const REIMAGES = 93;

/** What a rebuild does to a root volume. */
export interface Reimage {
  readonly volumeId: string;
  readonly imageId: string;
}

/** What a rebuild shall do to the root volume, and whether that has another image's data now. */
export interface RootChange {
  /** Null: it stays as it is. */
  readonly reimage: Reimage | null;
  readonly differs: boolean;
}

/** Throws Nova's 400 for another image before 2.93, and what the volume service says of one that its volume cannot have. */
export async function rootChange(deps: OpsDeps, op: Op, server: Server, imageId: string): Promise<RootChange> {
  const volume = await rootVolumeOf(deps, op, server);
  const differs = imageIdOn(volume) !== imageId;
  if (op.minor < REIMAGES) {
    if (!differs) return { reimage: null, differs };
    throw badRequest(
      `Image ${imageId} is unacceptable: Unable to rebuild with a different image for a volume-backed server.`,
    );
  }
  await deps.volume.checkReimage(op.caller, volume.id, imageId);
  return { reimage: { volumeId: volume.id, imageId }, differs };
}

interface Input {
  readonly reimage: Reimage | null;
}

const reimageOf = ({ input, server }: StepContext<Input>): Reimage => {
  if (input.reimage === null) throw internal(`The root volume of ${server.uuid} was not to be changed.`);
  return input.reimage;
};

/** Switches the guest off and begins to put the image's data on its volume. */
export const reimage = step({
  name: 'reimage',
  async run(context: StepContext<Input>): Promise<void> {
    const { deps, server, action, call } = context;
    const { volumeId, imageId } = reimageOf(context);
    const { uuid } = server;
    await makeWay(context);
    const there = (await call(hostOf(server), 'inspect', { uuid })) !== null;
    if (there) await call(hostOf(server), 'powerOff', { uuid, timeoutMs: deps.config.shutdownMs });
    if (deps.volume.reimagesApart) await connectVolumes(context, '', volumeId);
    await deps.volume.reimage(volumeId, imageId, action.requestId);
  },
  undo: (context) => endReimage(context),
});

/** Waits until the data is there. */
export const reimaged = step({
  name: 'volume',
  async run(context: StepContext<Input>): Promise<void> {
    const { volumeId } = reimageOf(context);
    const failed = (why: string) =>
      internal(`Failed to rebuild volume backed instance: volume ${volumeId} ${why}.`, { code: 'volume.busy' });
    const look = async (): Promise<true | null> => {
      const status = await context.deps.volume.status(volumeId);
      if (status === null) throw failed('is gone');
      if (status === 'error') throw failed('has its data of before, and the messages of the volume service say why');
      return status === 'downloading' ? null : true;
    };
    await awaitOutcome(context, volumePatience, look, () => failed('did not get its new data in time'));
    if (context.deps.volume.reimagesApart) await connectVolumes(context, hostOf(context.server), volumeId);
  },
  undo: 'the work on the volume is given up with what began it',
});

/** A volume that was at no host for its new data is at the server's again, whole as it was or with what came; one that is broken stays. */
async function bringBack(context: StepContext<Input>, volumeId: string): Promise<void> {
  const { deps, server, log } = context;
  const look = async () => {
    const status = await deps.volume.status(volumeId);
    return status === 'downloading' ? null : (status ?? 'deleted');
  };
  const late = () => internal(`Volume ${volumeId} does not end getting data.`, { code: 'volume.busy' });
  const status = await awaitOutcome(context, volumePatience, look, late);
  if (status !== 'error') return connectVolumes(context, hostOf(server), volumeId);
  log.warn({ volume: volumeId }, 'a volume is kept for its server at no host: its new data did not come');
}

/** The data of before stays where the new one is not whole yet. */
export async function endReimage<I extends Input>(context: StepContext<I>): Promise<void> {
  const { deps, input } = context;
  if (input.reimage === null) return;
  await deps.volume.endReimage(input.reimage.volumeId);
  if (deps.volume.reimagesApart) await bringBack(context, input.reimage.volumeId);
}

// Why: a new server begins with an image, and one that is to be what a backup was gets one that is made of it: the chain is read to its
// last byte, written as one disk, and brought to the image service.

import { createReadStream } from 'node:fs';
import { conflict, internal } from '../../base/errors.ts';
import { type Caller, systemCaller } from '../../base/op.ts';
import { findCopy } from '../../db/server-copies.ts';
import { updateServer } from '../../db/servers.ts';
import type { ImageFacts, NewImage } from '../../domain/machines/images.ts';
import { inheritedProperties } from '../../domain/servers/snapshot.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { ServerCopy } from '../../domain/servers/server-copies.ts';
import type { StepContext } from '../engine/saga.ts';
import { noCopy, wholeChain } from './restore-copy.ts';
import { removeImage } from './snapshot.ts';

interface MadeOfCopy {
  readonly copyId?: string;
}

/** Whoever asked for the server may make images for its project: an image is what an ordinary member makes. */
const ownerOf = ({ projectId, userId }: Pick<Server, 'projectId' | 'userId'>): Caller => ({
  ...systemCaller,
  ...{ projectId, userId, roles: ['member', 'reader'], systemScope: null, isAdmin: false },
});

/** What the image of a backup says of itself. */
export const imageOf = ({ id, name, serverUuid, image, rootGb }: ServerCopy, imageId: string): NewImage => ({
  id: imageId,
  name,
  visibility: 'private',
  sharedWith: null,
  // said with the data
  ...{ diskFormat: null, containerFormat: null },
  minDiskGb: Math.max(rootGb, image?.minDiskGb ?? 0),
  minRamMb: image?.minRamMb ?? 0,
  properties: {
    ...(image === null ? {} : inheritedProperties(image)),
    ...{ image_type: 'backup', instance_uuid: serverUuid, xloud_backup_id: id },
  },
});

/** The same before it is there, to be judged by. */
export const factsOf = (image: NewImage, owner: string | null): ImageFacts => ({
  ...{ id: image.id, name: image.name, status: 'queued', owner, visibility: image.visibility },
  ...{ diskFormat: 'qcow2', containerFormat: 'bare', minDiskGb: image.minDiskGb, minRamMb: image.minRamMb },
  ...{ sizeBytes: null, virtualSizeBytes: null, checksum: null, osHashAlgo: null, osHashValue: null },
  properties: image.properties,
});

export async function removeMadeImage<I extends MadeOfCopy>({ deps, server }: StepContext<I>): Promise<void> {
  await removeImage(deps, server.imageRef);
}

async function write<I extends MadeOfCopy>({ deps, server, rest }: StepContext<I>, copy: ServerCopy): Promise<void> {
  const chain = await wholeChain(deps, copy);
  const found = await rest(deps.copies.verify(chain));
  if (found !== null) throw conflict(`No server can be made of it: ${found.problem}.`, { code: 'copy.broken' });
  await rest(
    deps.copies.flattened(chain, server.imageRef, async ({ path, format: disk }) => {
      const formats = { disk, container: 'bare' };
      await deps.image.change(systemCaller, server.imageRef, { formats });
      await deps.image.write(server.imageRef, createReadStream(path) as AsyncIterable<Uint8Array>);
    }),
  );
}

export const imageOfCopy = {
  name: 'image',
  async run<I extends MadeOfCopy>(context: StepContext<I>): Promise<void> {
    const { deps, server, input, commit } = context;
    const copy = await findCopy(deps.database.read, input.copyId ?? '');
    if (copy === null) throw noCopy(input.copyId ?? '');
    const id = server.imageRef;
    const before =
      (await deps.image.find(systemCaller, id)) ?? (await deps.image.create(ownerOf(server), imageOf(copy, id)));
    if (before.status === 'queued') await write(context, copy);
    const image = await deps.image.find(systemCaller, id);
    if (image?.status !== 'active') throw internal(`Image ${id} was not made.`);
    await commit((t, nowMs) => updateServer(t, server.id, { image }, nowMs));
  },
  undo: removeMadeImage,
} as const;

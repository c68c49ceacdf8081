// Why: in production volumes are Cinder's; this is compute's volume interface over Cinder's API. Reads, and volumes that will belong to the
// user, use the user's token; what is done for a server uses our own.

import { badRequest, conflict, Fault, notFound, notImplemented } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { type Caller, systemCaller } from '../base/op.ts';
import { snapshotMissing, volumeMissing } from '../domain/servers/volumes.ts';
import { cinderAttachments } from './cinder-attachments.ts';
import {
  type CinderHttp,
  cinderHttp,
  type CinderOptions,
  isAtLeast,
  type Json,
  REIMAGE,
  VERSION,
} from './cinder-http.ts';
import { snapshotFrom, volumeFrom } from './cinder-shapes.ts';
import type { ImageService } from './image.ts';
import { mustHaveId, mustHaveList, mustHaveObject, record, textOf } from './answer-values.ts';
import type { EarlyVolumes, NewVolumeRequest, Volume, VolumeService, VolumeSnapshot } from './volume.ts';

interface Parts {
  readonly http: CinderHttp;
  readonly images: Pick<ImageService, 'find'>;
  readonly log: Log;
}

/** Metadata key with the request for which a volume was made, to find it again if the answer was lost. */
const MARK = 'xloud:id';

const pathOf = (noun: 'volumes' | 'snapshots', id: string): string => `/${noun}/${encodeURIComponent(id)}`;
const noVolume = (id: string) => (): Fault => notFound(volumeMissing(id), { code: 'VolumeNotFound' });
const noSnapshot = (id: string) => (): Fault => notFound(snapshotMissing(id), { code: 'SnapshotNotFound' });

const volumeIn = (body: Json): Volume => mustHaveId('volume', volumeFrom(mustHaveObject('volume', body, 'volume')));
const snapshotIn = (body: Json): VolumeSnapshot =>
  mustHaveId('volume', snapshotFrom(mustHaveObject('volume', body, 'snapshot')));

async function volumeOf({ http }: Parts, as: Caller | null, id: string): Promise<Volume> {
  const request = { method: 'GET', path: pathOf('volumes', id), to: 'show a volume', missing: noVolume(id) } as const;
  return volumeIn(await http.ask(as, request));
}

async function snapshotOf({ http }: Parts, as: Caller | null, id: string): Promise<VolumeSnapshot> {
  const path = pathOf('snapshots', id);
  const request = { method: 'GET', path, to: 'show a snapshot', missing: noSnapshot(id) } as const;
  return snapshotIn(await http.ask(as, request));
}

/** Leaves out what is not set, so that Cinder's defaults apply. */
const said = (members: Json): Json =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null && value !== ''));

const bodyOf = ({ sizeGb, name, description, type, zone, metadata, imageId, snapshotId }: NewVolumeRequest): Json =>
  said({
    ...{ size: sizeGb, name, description, volume_type: type, availability_zone: zone, metadata },
    ...{ imageRef: imageId, snapshot_id: snapshotId },
  });

async function makeVolume({ http }: Parts, caller: Caller, request: NewVolumeRequest): Promise<Volume> {
  const body = { volume: bodyOf(request) };
  const missing = () =>
    request.snapshotId === null
      ? notFound('The source of the new volume could not be found.')
      : noSnapshot(request.snapshotId)();
  const made = await http.ask(caller, { method: 'POST', path: '/volumes', body, to: 'make a volume', missing });
  return volumeIn(made);
}

async function makeSnapshot(
  { http }: Parts,
  caller: Caller,
  snapshot: { readonly volumeId: string; readonly name: string | null; readonly description: string | null },
  metadata: Json,
): Promise<VolumeSnapshot> {
  const { volumeId, name, description } = snapshot;
  // `force`: also of a volume that is in use
  const body = { snapshot: { ...said({ name, description }), volume_id: volumeId, force: true, metadata } };
  const missing = noVolume(volumeId);
  const made = await http.ask(caller, { method: 'POST', path: '/snapshots', body, to: 'make a snapshot', missing });
  return snapshotIn(made);
}

// --- created within the request --------------------------------------------------------------------------------------

/** The id of what was created under a mark; null: nothing was. */
async function marked({ http }: Parts, caller: Caller, noun: 'volumes' | 'snapshots', mark: string) {
  const query = new URLSearchParams({ metadata: `{'${MARK}': '${mark}'}` });
  const found = await http.ask(caller, {
    method: 'GET',
    path: `/${noun}/detail?${query.toString()}`,
    to: `list ${noun}`,
  });
  const one = mustHaveList('volume', found, noun).find(({ metadata }) => record(metadata)[MARK] === mark);
  return one === undefined ? null : textOf(one['id']);
}

/** Creates something once: if the answer was lost, it is looked up by its mark. */
async function once(
  parts: Parts,
  caller: Caller,
  noun: 'volumes' | 'snapshots',
  mark: string,
  make: () => Promise<string>,
): Promise<string> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof Fault) || error.kind !== 'unavailable') throw error;
    const made = await marked(parts, caller, noun, mark).catch(() => null);
    if (made === null) throw error;
    return made;
  }
}

function earlyOf(parts: Parts): EarlyVolumes {
  return {
    volume: (caller, mark, request) =>
      once(parts, caller, 'volumes', mark, async () => {
        const metadata = { ...request.metadata, [MARK]: mark };
        return (await makeVolume(parts, caller, { ...request, metadata })).id;
      }),
    async snapshot(caller, mark, { volumeId, name, quiesce }) {
      if (quiesce)
        throw conflict(
          'The image requires quiesced file systems for snapshots (os_require_quiesce), which volumes of this service do not support: stop the server first.',
          { code: 'volume.busy' },
        );
      return once(parts, caller, 'snapshots', mark, async () => {
        const asked = { volumeId, name, description: null };
        return (await makeSnapshot(parts, caller, asked, { [MARK]: mark })).id;
      });
    },
  };
}

// --- checks before a request is accepted -----------------------------------------------------------------------------

/** The image metadata that a volume made from an image will have, as Cinder writes it. */
async function imageKept({ images }: Parts, caller: Caller, id: string): Promise<Volume['imageMetadata']> {
  const image = await images.find(caller, id);
  if (image === null) throw badRequest(`Invalid image identifier or unable to access requested image: ${id}`);
  if (image.status !== 'active') throw badRequest(`Image ${id} is not active.`);
  return { ...image.properties, image_id: image.id, min_ram: String(image.minRamMb) };
}

/** The image metadata of a snapshot's volume; null if that is gone. */
async function snapshotKept(parts: Parts, caller: Caller, id: string): Promise<Volume['imageMetadata']> {
  const { volumeId } = await snapshotOf(parts, caller, id);
  const path = pathOf('volumes', volumeId);
  const found = await parts.http.find(caller, { path, to: 'show a volume' });
  return found === null ? null : volumeIn(found).imageMetadata;
}

async function checkSnapshots(parts: Parts, caller: Caller, volumeIds: readonly string[]): Promise<void> {
  for (const id of volumeIds) {
    const { status } = await volumeOf(parts, caller, id);
    if (status !== 'available' && status !== 'in-use')
      throw badRequest(`Invalid volume: volume ${id} status must be available or in-use. It is ${status}.`);
  }
}

async function checkReimage(parts: Parts, caller: Caller, volumeId: string): Promise<void> {
  await volumeOf(parts, caller, volumeId);
  const newest = await parts.http.newest();
  if (isAtLeast(newest, REIMAGE)) return;
  throw notImplemented(`The volume service cannot reimage a volume: it speaks ${newest}, and ${REIMAGE} is required.`);
}

// --- on behalf of servers --------------------------------------------------------------------------------------------

const isKind = (error: unknown, ...kinds: readonly Fault['kind'][]): boolean =>
  error instanceof Fault && kinds.includes(error.kind);

async function removeVolume({ http, log }: Parts, id: string): Promise<void> {
  const request = {
    method: 'DELETE',
    path: pathOf('volumes', id),
    to: 'delete a volume',
    missing: noVolume(id),
  } as const;
  await http.ask(null, request).catch((error: unknown) => {
    if (!isKind(error, 'notFound', 'badRequest')) throw error;
    if (isKind(error, 'badRequest'))
      log.warn({ volume: id, err: error }, 'a volume that should be deleted with its server stays');
  });
}

async function snapshotState({ http }: Parts, id: string): Promise<VolumeSnapshot | null> {
  const found = await http.find(null, { path: pathOf('snapshots', id), to: 'show a snapshot' });
  return found === null ? null : snapshotIn(found);
}

async function removeSnapshot(parts: Parts, id: string): Promise<void> {
  const found = await snapshotState(parts, id);
  if (found === null || found.status === 'deleting') return;
  const request = { method: 'DELETE', path: pathOf('snapshots', id), to: 'delete a snapshot' } as const;
  await parts.http.ask(null, request).catch((error: unknown) => {
    if (!isKind(error, 'notFound')) throw error;
  });
}

async function statusOf({ http }: Parts, id: string): Promise<string | null> {
  const found = await http.find(null, { path: pathOf('volumes', id), to: 'show a volume' });
  return found === null ? null : volumeIn(found).status;
}

async function reimage(parts: Parts, volumeId: string, imageId: string): Promise<void> {
  if ((await statusOf(parts, volumeId)) === 'downloading') return;
  const body = { 'os-reimage': { image_id: imageId, reimage_reserved: true } };
  const path = `${pathOf('volumes', volumeId)}/action`;
  await parts.http.askReimage({
    method: 'POST',
    path,
    body,
    to: 'put an image on a volume',
    missing: noVolume(volumeId),
  });
}

/** Users' requests through compute's volume proxy API. */
function forCallers(
  parts: Parts,
): Pick<
  VolumeService,
  | 'createSnapshot'
  | 'createVolume'
  | 'deleteSnapshot'
  | 'deleteVolume'
  | 'snapshot'
  | 'snapshots'
  | 'volume'
  | 'volumes'
> {
  const { http } = parts;
  const page = `detail?limit=${limits.pageSize}`;
  return {
    async volumes(caller) {
      const found = await http.ask(caller, { method: 'GET', path: `/volumes/${page}`, to: 'list volumes' });
      return mustHaveList('volume', found, 'volumes').map(volumeFrom);
    },
    volume: (caller, id) => volumeOf(parts, caller, id),
    createVolume: (caller, request) => makeVolume(parts, caller, request),
    async deleteVolume(caller, id) {
      const path = pathOf('volumes', id);
      await http.ask(caller, { method: 'DELETE', path, to: 'delete a volume', missing: noVolume(id) });
    },
    async snapshots(caller) {
      const found = await http.ask(caller, { method: 'GET', path: `/snapshots/${page}`, to: 'list snapshots' });
      return mustHaveList('volume', found, 'snapshots').map(snapshotFrom);
    },
    snapshot: (caller, id) => snapshotOf(parts, caller, id),
    createSnapshot: (caller, request) => makeSnapshot(parts, caller, request, {}),
    async deleteSnapshot(caller, id) {
      const path = pathOf('snapshots', id);
      await http.ask(caller, { method: 'DELETE', path, to: 'delete a snapshot', missing: noSnapshot(id) });
    },
  };
}

export interface AboutCinder {
  /** The newest version that it speaks. */
  readonly newest: string;
  readonly attaches: boolean;
  readonly reimages: boolean;
  /** Whether our user is an administrator there. */
  readonly isAdmin: boolean;
}

/** Rejects with `unavailable` if Cinder cannot be reached. */
async function about(http: CinderHttp): Promise<AboutCinder> {
  const newest = await http.newest();
  const asked = http.ask(null, { method: 'GET', path: '/os-services', to: 'list services' });
  const isAdmin = await asked.then(
    () => true,
    (error: unknown) => {
      if (isKind(error, 'forbidden')) return false;
      throw error;
    },
  );
  return { newest, attaches: isAtLeast(newest, VERSION), reimages: isAtLeast(newest, REIMAGE), isAdmin };
}

/**
 * A volume service over HTTP; `close` ends its connections.
 * @param images from which volumes may be created
 */
export function makeCinder(
  options: CinderOptions,
  { images, log }: Omit<Parts, 'http'>,
): VolumeService & { answers(): Promise<void>; about(): Promise<AboutCinder>; close(): Promise<void> } {
  const http = cinderHttp(options);
  const parts: Parts = { http, images, log };
  return {
    early: earlyOf(parts),
    reimagesApart: true,
    ...forCallers(parts),
    ...cinderAttachments(http),
    async checkNew(caller, { imageId, snapshotId }) {
      if (imageId !== null) return { imageMetadata: await imageKept(parts, caller, imageId) };
      if (snapshotId !== null) return { imageMetadata: await snapshotKept(parts, caller, snapshotId) };
      return { imageMetadata: null };
    },
    // created earlier, within the owner's request (`early`)
    make: async () => undefined,
    makeSnapshot: async () => undefined,
    checkSnapshots: (caller, ids) => checkSnapshots(parts, caller, ids),
    snapshotState: (id) => snapshotState(parts, id),
    removeSnapshot: (id) => removeSnapshot(parts, id),
    checkReimage: (caller, id) => checkReimage(parts, caller, id),
    reimage: (id, imageId) => reimage(parts, id, imageId),
    // Cinder finishes a reimage that it has started
    endReimage: async () => undefined,
    status: (id) => statusOf(parts, id),
    remove: (id) => removeVolume(parts, id),
    /** Resolves if address and credentials are right and Cinder's database answers. */
    async answers() {
      await http.ask(systemCaller, { method: 'GET', path: '/volumes?limit=1', to: 'list volumes' });
    },
    about: () => about(http),
    close: () => http.close(),
  };
}

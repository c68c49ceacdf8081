// Why: a server's volumes are taken over if Cinder, its host and Nova agree on them, and go back with their changes. Cinder is only read:
// Nova's attachments stay in use.

import { isDeepStrictEqual } from 'node:util';
import { Fault, messageOf } from '../../base/errors.ts';
import { connectionFrom } from '../../cloud/cinder-shapes.ts';
import type { VolumeConnection, VolumeTarget } from '../../cloud/volume.ts';
import { findHost } from '../../db/hosts.ts';
import type { VolumeBack } from '../../db/nova/hand-back.ts';
import { addServerVolume, volumesOfServer } from '../../db/server-volumes.ts';
import type { Tx } from '../../db/tx.ts';
import { type ForeignGuest, returnProblem } from '../../domain/moving/foreign-guest.ts';
import type { AdoptedServer } from '../../domain/moving/nova-server.ts';
import {
  type AttachedVolume,
  attachmentProblem,
  type NovaVolume,
  unknownAttachments,
} from '../../domain/moving/nova-volumes.ts';
import { diskOf, type ServerVolume, type VolumeDisk } from '../../domain/servers/server-volumes.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { targetOf } from '../servers/connect-volumes.ts';
import type { MovingDeps } from './deps.ts';

/** Cinder's attachments of servers. */
export interface Attached {
  readonly byId: ReadonlyMap<string, AttachedVolume>;
  readonly ofServer: ReadonlyMap<string | null, readonly AttachedVolume[]>;
}

/** Reads Cinder's attachments once per run, for the first server with volumes; if that fails, it fails for all. */
export function attachedOnce({ volumes }: Pick<MovingDeps, 'volumes'>): () => Promise<Attached | null> {
  let asked: Promise<Attached> | undefined;
  return async () => {
    if (volumes === null) return null;
    asked ??= volumes.attached().then((byId) => ({
      byId,
      ofServer: Map.groupBy(byId.values(), ({ serverUuid }) => serverUuid),
    }));
    return asked;
  };
}

/** A volume that was taken over, as our row has it. */
export type AdoptedVolume = ServerVolume & { readonly attachmentId: string; readonly disk: VolumeDisk };

interface Found {
  readonly volumes: readonly AdoptedVolume[];
  readonly problems: readonly string[];
}

/** The connection, from Cinder; Nova's row must name the same source. @throws conflict with the reason */
function connectionOf(volume: NovaVolume, attached: AttachedVolume, to: VolumeTarget): VolumeConnection {
  const connection = connectionFrom(attached.connectionInfo, to);
  if (isDeepStrictEqual(connectionFrom(volume.connectionInfo, to).source, connection.source)) return connection;
  throw new Fault('conflict', 'its connection in Nova differs from that of its attachment in Cinder');
}

function adopted(volume: NovaVolume, attached: AttachedVolume, to: VolumeTarget): AdoptedVolume | string {
  const { volumeId, attachmentId, device, bootIndex, bus, tag, deleteOnTermination, createdAt } = volume;
  try {
    const disk = diskOf({ volumeId, bus, device }, connectionOf(volume, attached, to), bootIndex);
    return { volumeId, attachmentId, device, bootIndex, tag, deleteOnTermination, createdAt, disk };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return `volume ${volumeId}: ${messageOf(error)}`;
  }
}

/** Reasons for volumes that another server has here. */
async function elsewhere({ database }: MovingDeps, ids: readonly string[]): Promise<readonly string[]> {
  const taken: string[] = await database.read('server_volumes').whereIn('volume_id', ids).distinct().pluck('volume_id');
  return taken.map((id) => `volume ${id}: another server has it here`);
}

/** A server's volumes that can be taken over, and reasons against the others. Cinder is not asked if it has none. */
export async function volumesFor(
  deps: MovingDeps,
  { server, volumes }: AdoptedServer,
  attached: () => Promise<Attached | null>,
): Promise<Found> {
  const refused = (...problems: readonly string[]): Found => ({ volumes: [], problems });
  if (volumes.length === 0) return refused();
  const cinder = await attached();
  if (cinder === null) return refused(`it has ${volumes.length} volume(s) of Cinder: set volume.service: cinder`);
  const host = await findHost(deps.database.read, { host: server.host ?? '' });
  if (host === null) return refused(`its host ${server.host} is not known here`);
  const problems = [
    ...unknownAttachments(volumes, cinder.ofServer.get(server.uuid) ?? []),
    ...(await elsewhere(
      deps,
      volumes.map(({ volumeId }) => volumeId),
    )),
  ];
  const found: AdoptedVolume[] = [];
  for (const volume of volumes) {
    const there = cinder.byId.get(volume.attachmentId) ?? null;
    const problem = attachmentProblem(volume, there, server);
    const one = problem ?? (there === null ? '' : adopted(volume, there, targetOf(host)));
    if (typeof one === 'string') problems.push(one);
    else found.push(one);
  }
  return { volumes: found, problems };
}

export async function insertVolumes(t: Tx, serverId: number, volumes: readonly AdoptedVolume[]): Promise<void> {
  for (const volume of volumes) await addServerVolume(t, serverId, volume);
}

/** What is recorded of a server's volumes to detect changes since; contains no password. */
export type VolumeFacts = Pick<ServerVolume, 'volumeId' | 'attachmentId' | 'device' | 'deleteOnTermination'>;

const factsOf = ({ volumeId, attachmentId, device, deleteOnTermination }: VolumeFacts): VolumeFacts => ({
  ...{ volumeId, attachmentId, device, deleteOnTermination },
});

export const volumeFacts = (volumes: readonly VolumeFacts[]): readonly VolumeFacts[] =>
  volumes.map(factsOf).toSorted((a, b) => (a.volumeId < b.volumeId ? -1 : 1));

/** Whether a server still has exactly the volumes that it was taken over with. @param before null: none */
export async function hasItsVolumes(
  { database }: Pick<MovingDeps, 'database'>,
  { id }: Pick<Server, 'id'>,
  before: readonly VolumeFacts[] | null,
): Promise<boolean> {
  return isDeepStrictEqual(volumeFacts(await volumesOfServer(database.read, id)), before ?? []);
}

/** The volumes with which a server would go back to Nova, and reasons against that. */
export async function volumesBack(
  { database }: Pick<MovingDeps, 'database'>,
  server: Pick<Server, 'id' | 'uuid' | 'projectId' | 'host'>,
  guest: ForeignGuest,
  attached: () => Promise<Attached | null>,
): Promise<{ readonly volumes: readonly VolumeBack[]; readonly problems: readonly string[] }> {
  const volumes = await volumesOfServer(database.read, server.id);
  if (volumes.length === 0) return { volumes: [], problems: [] };
  const cinder = await attached();
  if (cinder === null) return { volumes: [], problems: ['it has volumes of Cinder: set volume.service: cinder'] };
  const back: VolumeBack[] = [];
  const problems: string[] = [];
  for (const { disk, attachmentId, createdAt: _, ...volume } of volumes) {
    if (disk === null || attachmentId === null) {
      problems.push(`volume ${volume.volumeId}: it is being attached`);
      continue;
    }
    const there = cinder.byId.get(attachmentId) ?? null;
    const problem = attachmentProblem({ ...volume, attachmentId }, there, server) ?? returnProblem(disk, guest);
    if (problem === null) back.push({ ...volume, attachmentId, bus: disk.bus });
    else problems.push(problem);
  }
  return { volumes: back, problems };
}

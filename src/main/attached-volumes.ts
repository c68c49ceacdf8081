// Why: what is done to the bytes of a volume that a server has is done by the host that runs the server.

import { findServer } from '../db/servers.ts';
import type { Server } from '../domain/servers/servers.ts';
import { copyAttached, growAttached, type OpsDeps } from '../ops/index.ts';
import type { AttachedVolumes } from '../standalone/volume/parts.ts';

const GIB = 1024 ** 3;

/** Does something on the host of a server; false: it is on none (shelved, or of no server here), and nobody has its volumes' files open. */
async function onHostOf(
  deps: OpsDeps,
  serverUuid: string,
  work: (server: Server & { readonly host: string }) => Promise<void>,
): Promise<boolean> {
  const server = await findServer(deps.database.read, serverUuid);
  if (server === null || server.deleted || server.host === null) return false;
  await work({ ...server, host: server.host });
  return true;
}

export const attachedVolumes = (deps: OpsDeps): AttachedVolumes => ({
  copy: (serverUuid, volumeId, path, quiesce) =>
    onHostOf(deps, serverUuid, ({ host }) => copyAttached(deps, host, serverUuid, volumeId, path, quiesce)),
  grow: (serverUuid, volumeId, gb, requestId) =>
    onHostOf(deps, serverUuid, (server) => growAttached(deps, server, volumeId, gb * GIB, requestId)),
});

// Why: which ports go with their server is marked in them where they were made here. Of a server that was taken over its rows alone know.

import type { OwnedServer } from '../../cloud/network.ts';
import type { Reader } from '../../db/engine.ts';
import { nicsOfServer } from '../../db/server-nics.ts';
import type { Server } from '../../domain/servers/servers.ts';

/** A server with the ports that its rows say were made for it. */
export async function withMadePorts(
  reader: Reader,
  { id, uuid, projectId }: Pick<Server, 'id' | 'uuid' | 'projectId'>,
): Promise<OwnedServer> {
  const nics = await nicsOfServer(reader, id);
  return { uuid, projectId, made: nics.filter(({ preexisting }) => !preexisting).map(({ portId }) => portId) };
}

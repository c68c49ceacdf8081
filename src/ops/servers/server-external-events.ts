// Why: news from other services are hints, not commands: what they are about is looked at anew. One that is lost does no harm,
// since hosts report by themselves and ports are read again with the next change.

import { messageOf } from '../../base/errors.ts';
import { type Op, systemCaller } from '../../base/op.ts';
import { nicsOfServer } from '../../db/server-nics.ts';
import { volumesOfServer } from '../../db/server-volumes.ts';
import { findServers } from '../../db/servers.ts';
import { type EventCode, eventCode, type ExternalEvent } from '../../domain/servers/server-external-events.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { OpsDeps } from '../deps.ts';
import { followGuest } from '../reconcile/guests.ts';
import { growAttached } from './attach-volume.ts';
import { refreshNetwork } from './refresh-network.ts';

const GIB = 1024 ** 3;

/** A port was deleted: the guest's interface goes, then the row. */
async function dropPort(deps: OpsDeps, op: Op, server: Server, host: string, portId: string | null): Promise<void> {
  const nics = await nicsOfServer(deps.database.read, server.id);
  if (portId !== null && nics.some((nic) => nic.portId === portId)) {
    await deps.bus.call(host, 'detachNic', { uuid: server.uuid, portId });
  }
  await refreshNetwork(deps, server);
}

/** A volume is larger now: the guest that has it sees that. What the size is the volume service says. */
async function growVolume(deps: OpsDeps, op: Op, server: Server, host: string, volumeId: string | null): Promise<void> {
  const volumes = await volumesOfServer(deps.database.read, server.id);
  if (volumeId === null || !volumes.some((one) => one.volumeId === volumeId)) return;
  const { sizeGb } = await deps.volume.volume(systemCaller, volumeId);
  await growAttached(deps, { ...server, host }, volumeId, sizeGb * GIB, op.requestId);
}

async function follow(deps: OpsDeps, op: Op, event: ExternalEvent, server: Server, host: string): Promise<void> {
  switch (event.name) {
    case 'network-changed':
      return refreshNetwork(deps, server);
    case 'network-vif-deleted':
      return dropPort(deps, op, server, host, event.tag);
    case 'power-update':
      return followGuest(deps, host, server.uuid, null);
    case 'volume-extended':
      return growVolume(deps, op, server, host, event.tag);
    default:
      // nothing here waits for these
      deps.log.info({ server: server.uuid, event: event.name, tag: event.tag }, 'an event of a server was told');
  }
}

/**
 * Takes events in their order and returns a code for each. One that is taken and cannot be followed is logged, as in Nova,
 * which does so after it answered.
 */
export async function takeExternalEvents(
  deps: OpsDeps,
  op: Op,
  events: readonly ExternalEvent[],
): Promise<readonly EventCode[]> {
  const uuids = [...new Set(events.map(({ serverUuid }) => serverUuid))];
  const found = await findServers(deps.database.read, uuids);
  const servers = new Map(found.filter(({ deleted }) => !deleted).map((server) => [server.uuid, server]));
  const codes = events.map((event) => eventCode(event, servers.get(event.serverUuid)));
  await Promise.all(
    events.map(async (event, index) => {
      const server = servers.get(event.serverUuid);
      if (codes[index] !== 200 || server === undefined || server.host === null) return;
      try {
        await follow(deps, op, event, server, server.host);
      } catch (error) {
        const { host, uuid } = server;
        deps.log.warn({ host, server: uuid, event: event.name, reason: messageOf(error) }, 'an event was not followed');
      }
    }),
  );
  return codes;
}

// Why: the volume service knows at which host a server's volumes are. They follow it from host to host, and are kept for it, at none,
// while it has none.

import { Fault } from '../../base/errors.ts';
import { volumesOfServer } from '../../db/server-volumes.ts';
import type { StepContext } from '../engine/saga.ts';

/** Says that the server's volumes are at this host from now on; empty: at none, but still its own. Twice is once. */
export async function connectVolumes<I>({ deps, server, log }: StepContext<I>, host: string): Promise<void> {
  for (const { volumeId, attachmentId, device } of await volumesOfServer(deps.database.read, server.id)) {
    // one that is only being attached is told its host by its own action
    if (attachmentId === null) continue;
    try {
      if (host === '') await deps.volume.disconnect(attachmentId);
      else {
        await deps.volume.connect(attachmentId, host);
        await deps.volume.complete(attachmentId, device);
      }
    } catch (error) {
      // an administrator had it forgotten by force: the server has its volume all the same
      if (!(error instanceof Fault) || error.kind !== 'notFound') throw error;
      log.warn({ volume: volumeId, err: error }, 'the volume service does not know that a server has a volume');
    }
  }
}

// Why: a worker that was halted for longer than its lease goes on with what it was at. A port that it makes then may come after
// everything that removes the server's ports, and nobody would look for it again.

import { messageOf } from '../../base/errors.ts';
import { findServer } from '../../db/servers.ts';
import type { Tx } from '../../db/tx.ts';
import type { TaskState } from '../../domain/servers/servers.ts';
import type { StepContext } from '../engine/saga.ts';

/** Whoever deletes a server removes its ports, and may have done so. */
export const ending: readonly (TaskState | null)[] = ['deleting', 'soft-deleting'];

/** As the context's `finish`, of a step that made ports: where it is too late for them, they go again. */
export async function finishPorts<I, O>(
  { deps, server, log, finish }: Pick<StepContext<I>, 'deps' | 'server' | 'log' | 'finish'>,
  write: (t: Tx, nowMs: number) => Promise<O>,
): Promise<O> {
  try {
    return (await finish(write)) as O;
  } catch (error) {
    const now = await findServer(deps.database.read, server.uuid, { deleted: true });
    if (now === null || now.deleted || ending.includes(now.taskState)) {
      await deps.network.release(server).catch((problem: unknown) => {
        log.error({ server: server.uuid, reason: messageOf(problem) }, 'ports of a deleted server are left');
      });
    }
    throw error;
  }
}

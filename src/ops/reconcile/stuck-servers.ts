// Why: a task_state is the promise that an action is under way. Where none is (a row that was edited by hand, an action that was
// purged), the server would be stuck for ever: it is freed.

import { findStuckServers, lockServer, updateServer } from '../../db/servers.ts';
import { openActions } from '../../db/instance-actions.ts';
import { insertFault } from '../../db/server-details.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';

export async function stuckServers(deps: OpsDeps): Promise<void> {
  for (const uuid of await findStuckServers(deps.database.read)) {
    await tx(deps.database, async (t) => {
      const server = await lockServer(t, uuid);
      if (server === null || server.deleted || server.taskState === null) return;
      if ((await openActions(t, uuid)).length > 0) return;
      const nowMs = deps.clock.now();
      const building = server.vmState === 'building';
      deps.log.error({ server: uuid, task: server.taskState }, 'no action stands behind the task of a server: freed');
      await updateServer(t, server.id, { taskState: null, ...(building ? { vmState: 'error' } : {}) }, nowMs);
      const message = `The task '${server.taskState}' ended without a result.`;
      await insertFault(t, server.id, { code: 500, message, details: null, createdAt: nowMs });
    });
  }
}

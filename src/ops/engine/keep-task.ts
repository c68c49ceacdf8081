// Why: a hard reboot may be asked for while another one, or a pause, is under way. Whichever of them ends first leaves the server to the
// others: were its task taken away, something else could begin, and the last of them would write over what that claimed.

import { type InstanceAction, openActions } from '../../db/instance-actions.ts';
import { lockServer, updateServer } from '../../db/servers.ts';
import type { Tx } from '../../db/tx.ts';
import { hasTask } from './tasked.ts';

/** Writes the end of an action; as long as another one with a task is open, the server keeps its task. */
export async function keepingTask<T>(
  t: Tx,
  { id, serverUuid }: Pick<InstanceAction, 'id' | 'serverUuid'>,
  nowMs: number,
  write: () => Promise<T>,
): Promise<T> {
  const open = await openActions(t, serverUuid);
  if (!open.some((one) => one.id !== id && !one.cancel && hasTask(one.action))) return write();
  const server = await lockServer(t, serverUuid);
  const made = await write();
  if (server?.taskState != null) await updateServer(t, server.id, { taskState: server.taskState }, nowMs);
  return made;
}

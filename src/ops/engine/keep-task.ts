// Why: a hard reboot may be asked for while another one, or a pause, is under way. Whichever of them ends first leaves the server to the
// others: were its task taken away, something else could begin, and the last of them would write over what that claimed.

import { type InstanceAction, openActions } from '../../db/instance-actions.ts';
import { lockServer, updateServer } from '../../db/servers.ts';
import type { Tx } from '../../db/tx.ts';
import { moves } from '../../domain/servers/moves.ts';

/** The actions that have a task. */
const tasked: ReadonlySet<string | null> = new Set(
  Object.values(moves).flatMap(({ task, record }) => (task === null ? [] : [record])),
);

/** Writes the end of an action; as long as another one with a task is open, the server keeps its task. */
export async function keepingTask<T>(
  t: Tx,
  { id, serverUuid }: InstanceAction,
  nowMs: number,
  write: () => Promise<T>,
): Promise<T> {
  const server = await lockServer(t, serverUuid);
  const open = await openActions(t, serverUuid);
  const others = open.filter((one) => one.id !== id && !one.cancel && tasked.has(one.action));
  const made = await write();
  if (server?.taskState != null && others.length > 0) {
    await updateServer(t, server.id, { taskState: server.taskState }, nowMs);
  }
  return made;
}

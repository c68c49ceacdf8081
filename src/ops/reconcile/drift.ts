// Why: whoever looks at a server's history shall find there what happened to it behind our back, with before and after. A change
// that goes on for a while, as a balloon's does, is one record.

import { newRequestId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import { systemCaller } from '../../base/op.ts';
import { finishAction, finishEvent, insertClosedAction, listActions, listEvents } from '../../db/instance-actions.ts';
import type { Tx } from '../../db/tx.ts';
import { type SizeDrift, sizeText } from '../../domain/adjustment/drift.ts';
import type { Server } from '../../domain/servers/servers.ts';

const EVENT = 'guest_changed';

/** An action that nobody asked for; `error`: it was no good one. */
export function recordChange(
  t: Tx,
  server: Server,
  action: string,
  end: { readonly details: string; readonly error: boolean; readonly output?: unknown },
  nowMs: number,
): Promise<void> {
  const { uuid: serverUuid, projectId } = server;
  const record = { serverUuid, action, requestId: newRequestId(), projectId, userId: systemCaller.userId, nowMs };
  return insertClosedAction(t, record, { name: EVENT, ...end });
}

/** Records a change of size, or lengthens the record of the one that it goes on with. Returns what it says. */
export async function recordSize(t: Tx, server: Server, drift: SizeDrift, nowMs: number): Promise<string> {
  const [last] = await listActions(t, server.uuid, { limit: 1 });
  if (last?.action === 'adjust' && last.state === 'done' && last.updatedAt > nowMs - limits.driftQuietMs) {
    const [event] = await listEvents(t, [last.id]);
    if (event?.event === EVENT) {
      const whole: SizeDrift = { before: (event.output as SizeDrift).before, after: drift.after };
      const details = sizeText(whole);
      await finishEvent(t, event, { result: 'Success', details, output: whole }, nowMs);
      await finishAction(t, last.id, null, {}, nowMs);
      return details;
    }
  }
  const details = sizeText(drift);
  await recordChange(t, server, 'adjust', { details, error: false, output: drift }, nowMs);
  return details;
}

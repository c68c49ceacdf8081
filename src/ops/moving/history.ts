// Why: the action history that a server has in Nova is converted to our two tables of actions and events, so that it stays readable.

import { type NovaAction, novaActions } from '../../db/nova/cells.ts';
import type { NovaDatabase } from '../../db/nova/open.ts';
import { insertRows, type Tx } from '../../db/tx.ts';
import { textIn, timeIn } from '../../domain/moving/nova-rows.ts';

const ACTION_CHARACTERS = 64;

async function insertOne(t: Tx, serverUuid: string, { action, events }: NovaAction): Promise<void> {
  const text = (name: string): string => textIn(action, name) ?? '';
  const startTime = timeIn(action, 'start_time') ?? 0;
  const [id] = (await t('instance_actions').insert({
    server_uuid: serverUuid,
    action: text('action').slice(0, ACTION_CHARACTERS),
    request_id: text('request_id').slice(0, ACTION_CHARACTERS),
    project_id: text('project_id').slice(0, ACTION_CHARACTERS),
    user_id: text('user_id').slice(0, ACTION_CHARACTERS),
    start_time: startTime,
    updated_at: timeIn(action, 'updated_at') ?? startTime,
    finish_time: timeIn(action, 'finish_time') ?? timeIn(action, 'updated_at') ?? startTime,
    message: textIn(action, 'message'),
    // `done` even if Nova had not finished it, since nobody would finish it here
    state: 'done',
    input: '{}',
  })) as [number];
  await insertRows(
    t,
    'instance_action_events',
    events.map((event) => ({
      action_id: id,
      event: textIn(event, 'event') ?? '',
      start_time: timeIn(event, 'start_time') ?? startTime,
      finish_time: timeIn(event, 'finish_time'),
      result: textIn(event, 'result'),
      traceback: textIn(event, 'traceback'),
      details: textIn(event, 'details'),
      host: textIn(event, 'host'),
    })),
  );
}

/** Reads a server's history and returns a function that writes it in a transaction. */
export async function historyOf(cell: NovaDatabase, serverUuid: string): Promise<(t: Tx) => Promise<void>> {
  const actions = await novaActions(cell, serverUuid);
  return async (t) => {
    for (const action of actions) await insertOne(t, serverUuid, action);
  };
}

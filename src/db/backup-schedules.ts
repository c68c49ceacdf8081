// Why: when a server is backed up by itself is a row, with the moment of the next time: who looks for what is due reads nothing else.

import type { BackupSchedule } from '../domain/servers/backup-schedules.ts';
import type { Reader } from './engine.ts';
import { defineNoun, findRow, updateRows } from './table.ts';
import type { Tx } from './tx.ts';

const TABLE = 'backup_schedules';

const scheduleNoun = defineNoun<BackupSchedule>({
  table: TABLE,
  columns: {
    serverUuid: ['server_uuid', 'text'],
    projectId: ['project_id', 'text'],
    userId: ['user_id', 'text'],
    cron: ['cron', 'text'],
    keep: ['keep', 'number'],
    incrementals: ['incrementals', 'number'],
    quiesce: ['quiesce', 'bool'],
    enabled: ['enabled', 'bool'],
    nextAt: ['next_at', 'time'],
    lastAt: ['last_at', 'time'],
    lastProblem: ['last_problem', 'text'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

export const findSchedule = (reader: Reader, serverUuid: string): Promise<BackupSchedule | null> =>
  findRow(reader, scheduleNoun, { server_uuid: serverUuid });

/** In the place of the one that there was. */
export async function putSchedule(tx: Tx, schedule: BackupSchedule): Promise<void> {
  const { createdAt: _kept, serverUuid: _key, ...changed } = schedule;
  await tx(TABLE).insert(scheduleNoun.toRow(schedule)).onConflict(['server_uuid']).merge(scheduleNoun.toRow(changed));
}

/** False: there was none. */
export const removeSchedule = async (tx: Tx, serverUuid: string): Promise<boolean> =>
  (await tx(TABLE).where({ server_uuid: serverUuid }).delete()) > 0;

/** Those whose moment has come, the longest due first. */
export async function dueSchedules(reader: Reader, nowMs: number, limit: number): Promise<BackupSchedule[]> {
  const query = reader(TABLE).where('next_at', '<=', nowMs).orderBy('next_at').limit(limit);
  return scheduleNoun.fromRows(await query.select(scheduleNoun.columns));
}

/** Takes a schedule's turn, until `untilMs`. False: somebody else did, or it was changed. */
export async function takeSchedule(tx: Tx, { serverUuid, nextAt }: BackupSchedule, untilMs: number): Promise<boolean> {
  return (await tx(TABLE).where({ server_uuid: serverUuid, next_at: nextAt }).update({ next_at: untilMs })) === 1;
}

/** Ends a turn that was taken until `untilMs`, unless the schedule was changed meanwhile. */
export async function endTurn(
  tx: Tx,
  serverUuid: string,
  untilMs: number,
  end: Pick<BackupSchedule, 'nextAt' | 'lastAt' | 'lastProblem'>,
): Promise<void> {
  await updateRows(tx, scheduleNoun, { server_uuid: serverUuid, next_at: untilMs }, end);
}

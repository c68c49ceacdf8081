// Why: what a server's schedule promised is begun when it is due, by one worker, whoever of them dies.

import { isoSeconds } from '../../base/clock.ts';
import { Fault, outwardMessage } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { systemCaller } from '../../base/op.ts';
import { dueSchedules, endTurn, takeSchedule } from '../../db/backup-schedules.ts';
import { findServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import { nextRun } from '../../base/cron.ts';
import type { BackupSchedule } from '../../domain/servers/backup-schedules.ts';
import type { OpsDeps } from '../deps.ts';
import { systemOp } from '../engine/system-op.ts';
import { copyServer } from '../servers/copy-disk.ts';

/** Begins a backup in the name of who made the schedule; why it could not be begun, or null. */
async function beginScheduled(deps: OpsDeps, schedule: BackupSchedule, nowMs: number): Promise<string | null> {
  const { serverUuid: uuid, projectId, userId, quiesce, incrementals } = schedule;
  const op = { ...systemOp(deps), caller: { ...systemCaller, projectId, userId } };
  const request = { what: 'backup', description: null, tags: [], memory: false, incremental: true } as const;
  try {
    const name = `scheduled ${isoSeconds(nowMs)}`;
    await copyServer(deps, op, { uuid }, { ...request, name, quiesce, scheduled: { chain: 1 + incrementals } });
    return null;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return outwardMessage(error);
  }
}

/** Whoever dies in here leaves the schedule due again shortly. */
async function takeTurn(deps: OpsDeps, schedule: BackupSchedule): Promise<void> {
  const { database, clock, log } = deps;
  const { serverUuid: uuid, cron } = schedule;
  const nowMs = clock.now();
  const soon = nowMs + limits.scheduleRetryMs;
  if (!(await tx(database, (t) => takeSchedule(t, schedule, soon)))) return;
  const problem = await beginScheduled(deps, schedule, nowMs);
  if (problem !== null) log.warn({ server: uuid, problem }, 'a scheduled backup was not begun');
  const next = nextRun(cron, nowMs);
  // what is at something else now is not at it for long
  const busy = problem !== null && (await findServer(database.read, uuid))?.taskState != null;
  const nextAt = busy && (next === null || next > soon) ? soon : next;
  await tx(database, (t) => endTurn(t, uuid, soon, { nextAt, lastAt: nowMs, lastProblem: problem }));
}

/** Begins the backups that are due. */
export async function backupSchedules(deps: OpsDeps): Promise<void> {
  const due = await dueSchedules(deps.database.read, deps.clock.now(), limits.dueSchedules);
  for (const schedule of due) await takeTurn(deps, schedule);
}

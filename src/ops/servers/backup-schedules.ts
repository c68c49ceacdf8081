// Why: a server is backed up by itself: when, how many stay, and what became of the last time stand in one row.

import { badRequest, notFound } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import { findSchedule, putSchedule, removeSchedule } from '../../db/backup-schedules.ts';
import { tx } from '../../db/tx.ts';
import { cronProblem, nextRun } from '../../base/cron.ts';
import type { BackupSchedule } from '../../domain/servers/backup-schedules.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { OpsDeps } from '../deps.ts';
import { mustHaveDisk } from './copy-disk.ts';

export type ScheduleWish = Pick<BackupSchedule, 'cron' | 'keep' | 'incrementals' | 'quiesce' | 'enabled'>;

/**
 * Gives a server a schedule in the place of the one that it has. Throws 400 for one that means nothing, and for a server of which
 * no backups are made.
 */
export async function setBackupSchedule(
  deps: OpsDeps,
  { caller }: Op,
  server: Pick<Server, 'uuid' | 'projectId' | 'imageRef'>,
  wish: ScheduleWish,
): Promise<BackupSchedule> {
  mustHaveDisk(server);
  const { uuid, projectId } = server;
  const nowMs = deps.clock.now();
  const problem = cronProblem(wish.cron, nowMs);
  if (problem !== null) throw badRequest(`'${wish.cron}' is no schedule: ${problem}.`);
  // one more is made before the oldest goes
  const most = (wish.keep + 1) * (1 + wish.incrementals);
  if (most > limits.backupsOfServer) {
    throw badRequest(`That would be up to ${most} backups, and a server may have ${limits.backupsOfServer}.`);
  }
  const nextAt = wish.enabled ? nextRun(wish.cron, nowMs) : null;
  return tx(deps.database, async (t) => {
    const before = await findSchedule(t, uuid);
    const { lastAt = null, lastProblem = null, createdAt = nowMs } = before ?? {};
    const owner = { serverUuid: uuid, projectId, userId: caller.userId };
    const schedule = { ...wish, ...owner, nextAt, lastAt, lastProblem, createdAt, updatedAt: nowMs };
    await putSchedule(t, schedule);
    return schedule;
  });
}

/** Throws 404 where there is none. */
export async function deleteBackupSchedule(deps: OpsDeps, _op: Op, { uuid }: Pick<Server, 'uuid'>): Promise<void> {
  if (await tx(deps.database, (t) => removeSchedule(t, uuid))) return;
  throw notFound(`Instance ${uuid} has no schedule of backups.`);
}

// Why: backups that somebody has to think of are not made.

import { isoSeconds } from '../../base/clock.ts';
import { notFound } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { findSchedule } from '../../db/backup-schedules.ts';
import type { BackupSchedule } from '../../domain/servers/backup-schedules.ts';
import { boolean, closed, isTrue, wrapped } from '../parameters.ts';
import { resource, route } from '../resource.ts';

const rule = (name: string): string => `os_compute_api:xloud:backup-schedules:${name}`;

interface Body {
  readonly schedule: {
    readonly cron: string;
    readonly keep: number;
    readonly incrementals?: number;
    readonly quiesce?: boolean | string;
    readonly enabled?: boolean | string;
  };
}

const body = wrapped(
  'schedule',
  closed(
    {
      cron: { type: 'string', minLength: 9, maxLength: 128 },
      keep: { type: 'integer', minimum: 1, maximum: limits.backupsOfServer },
      incrementals: { type: 'integer', minimum: 0, maximum: limits.backupChain - 1 },
      quiesce: boolean,
      enabled: boolean,
    },
    ['cron', 'keep'],
  ),
);

const time = (ms: number | null): string | null => (ms === null ? null : isoSeconds(ms));

const view = (schedule: BackupSchedule) => ({
  schedule: {
    server_id: schedule.serverUuid,
    cron: schedule.cron,
    keep: schedule.keep,
    incrementals: schedule.incrementals,
    quiesce: schedule.quiesce,
    enabled: schedule.enabled,
    next_at: time(schedule.nextAt),
    last_at: time(schedule.lastAt),
    last_problem: schedule.lastProblem,
    updated_at: time(schedule.updatedAt),
  },
});

const PATH = '/servers/:server_id/os-xloud-backup-schedule' as const;

export default resource({
  [`GET ${PATH}`]: route<'server'>()({
    summary: 'Show when a server is backed up by itself, and what became of the last time.',
    policy: rule('show'),
    target: 'server',
    status: 200,
    run: async ({ services, target }) => {
      const schedule = await findSchedule(services.db, target.uuid);
      if (schedule === null) throw notFound(`Instance ${target.uuid} has no schedule of backups.`);
      return schedule;
    },
    view,
  }),
  [`PUT ${PATH}`]: route<'server', Body>()({
    summary:
      'Have a server backed up by itself: `cron` in UTC; `keep` whole backups stay, each with up to `incrementals` that follow it.',
    policy: rule('update'),
    target: 'server',
    body,
    status: 200,
    run: ({ op, services, target, body: { schedule } }) =>
      services.ops.setBackupSchedule(op, target, {
        cron: schedule.cron,
        keep: schedule.keep,
        incrementals: schedule.incrementals ?? 0,
        quiesce: isTrue(schedule.quiesce ?? false),
        enabled: isTrue(schedule.enabled ?? true),
      }),
    view,
  }),
  [`DELETE ${PATH}`]: route<'server'>()({
    summary: 'Have a server backed up by itself no more; its backups stay.',
    policy: rule('delete'),
    target: 'server',
    status: 204,
    run: ({ op, services, target }) => services.ops.deleteBackupSchedule(op, target),
  }),
});

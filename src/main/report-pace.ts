// Why: how often hosts report follows from how many there are, which agents cannot know: whoever starts them counts for them, seldom.

import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../db/engine.ts';
import { countServices } from '../db/services.ts';
import type { Config } from './config.ts';
import { reportIntervalMs, type ReportPace } from '../domain/placement/report-interval.ts';

/** Says how many milliseconds a host shall wait now until its next report. */
export function makeReportInterval(
  database: Database,
  { report_seconds, reports_per_second, down_seconds }: Config['compute'],
  clock: Clock,
  log: Log,
): () => number {
  const pace: ReportPace = {
    reportMs: report_seconds * 1000,
    perSecond: reports_per_second,
    downMs: down_seconds * 1000,
  };
  let hosts = 1;
  let countedAtMs = Number.NEGATIVE_INFINITY;
  const count = (): void => {
    countedAtMs = clock.now();
    countServices(database.read, 'nova-compute').then(
      (found) => (hosts = found),
      (error: unknown) => log.warn({ reason: messageOf(error) }, 'the hosts were not counted; they report as before'),
    );
  };
  return () => {
    if (clock.now() - countedAtMs >= limits.fleetCountMs) count();
    return reportIntervalMs(hosts, pace);
  };
}

// Why: a host is a few statements in each interval. In a small cloud it reports often, so that what it tells is fresh; in a large one
// more seldom, so that all of them together cost no more.

export interface ReportPace {
  /** The time between two reports of a host in a small cloud, in milliseconds. */
  readonly reportMs: number;
  /** What all hosts together may report in a second. */
  readonly perSecond: number;
  /** A host that is silent for this long is down, in milliseconds. */
  readonly downMs: number;
}

/** A host that lives reports so often before its silence says that it does not: one report may be lost, and one be late. */
const BEATS_BEFORE_DOWN = 3;

/** Milliseconds between two reports of one of so many hosts. */
export const reportIntervalMs = (hosts: number, { reportMs, perSecond, downMs }: ReportPace): number =>
  Math.max(reportMs, Math.min((hosts / perSecond) * 1_000, downMs / BEATS_BEFORE_DOWN));

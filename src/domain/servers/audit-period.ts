// Why: usage is audited by calendar months, in UTC, as Nova's `instance_usage_audit_period` says by default.

export interface AuditPeriod {
  /** Milliseconds. */
  readonly beginMs: number;
  readonly endMs: number;
}

/** The last whole month that was over before a moment. */
export function auditPeriodBefore(ms: number): AuditPeriod {
  const moment = new Date(ms);
  const firstOf = (monthsBack: number): number =>
    Date.UTC(moment.getUTCFullYear(), moment.getUTCMonth() - monthsBack, 1);
  // at the very first moment of a month the one before is not yet over
  const back = firstOf(0) >= ms ? 1 : 0;
  return { beginMs: firstOf(back + 1), endMs: firstOf(back) };
}

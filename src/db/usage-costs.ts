// Why: a bill is a sum of hourly records, by whatever somebody wants it for. The sums are made where the records are: a page of lines is
// one statement, however many records are behind it.

import { FRACTIONS } from '../domain/metering/usage-records.ts';
import { type Binding, isMysql, readRows, type Reader, type Row } from './engine.ts';

/** What the lines of a bill may be for, and where it stands in a record. */
export const costGroups = {
  project: 'project_id',
  user: 'user_id',
  kind: 'kind',
  resource: 'subject_id',
} as const;

/** Lines for stretches of time. */
export const costPeriods = ['month', 'day', 'hour'] as const;

export type CostGroup = keyof typeof costGroups | (typeof costPeriods)[number];

export interface CostLine {
  /** By what the lines are grouped by; of a period its beginning, milliseconds. */
  readonly of: Readonly<Partial<Record<CostGroup, string | number>>>;
  /** Amounts multiplied by hours, to six decimals. */
  readonly hours: number;
  readonly vcpuHours: number;
  readonly memoryMbHours: number;
  readonly gbHours: number;
  /** Millionths of the currency, rounded down once. */
  readonly cost: number;
}

export interface CostFilter {
  /** Null: of all projects. */
  readonly projectId: string | null;
  readonly resourceId: string | null;
  /** Milliseconds; of the hours that begin in the period. */
  readonly startMs: number;
  readonly stopMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The first milliseconds of the months (UTC) that a period reaches into. */
function monthsIn(startMs: number, stopMs: number): number[] {
  const first = new Date(startMs);
  const months: number[] = [];
  for (let month = first.getUTCMonth(); ; month += 1) {
    const at = Date.UTC(first.getUTCFullYear(), month);
    if (at >= stopMs) return months;
    months.push(at);
  }
}

/** The beginning of the period that a record's hour is in, as SQL. */
function periodSql(group: (typeof costPeriods)[number], { startMs, stopMs }: CostFilter): string {
  if (group === 'hour') return 'hour';
  if (group === 'day') return `hour - hour % ${DAY_MS}`;
  const months = monthsIn(startMs, stopMs);
  return `case ${months
    .map((month) => `when hour >= ${month} then ${month}`)
    .reverse()
    .join(' ')} end`;
}

const isPeriod = (group: CostGroup): group is (typeof costPeriods)[number] =>
  costPeriods.some((period) => period === group);

const hours = ['held', 'vcpu', 'memory_mb', 'gb'].map((what) => `sum(${what}_ms) / ${HOUR_MS}e0 as ${what}`);

/** The cost in whole millionths; the engine sums and divides whole numbers, which are exact however many records there are. */
const costSql = (reader: Reader): string =>
  `sum(amount) + sum(fraction) ${isMysql(reader) ? 'div' : '/'} ${FRACTIONS} as cost`;

/** A page of the lines of a bill, in the order of what they are for; without groups there is one line. */
export async function listCosts(
  reader: Reader,
  filter: CostFilter,
  groups: readonly CostGroup[],
  { limit, offset }: { readonly limit: number; readonly offset: number },
): Promise<CostLine[]> {
  const { projectId, resourceId, startMs, stopMs } = filter;
  const keys = groups.map(
    (group) => `${isPeriod(group) ? periodSql(group, filter) : costGroups[group]} as of_${group}`,
  );
  const names = groups.map((group) => `of_${group}`);
  const conditions = ['hour >= ?', 'hour < ?'];
  const bindings: Binding[] = [startMs, stopMs];
  for (const [column, wanted] of [
    ['project_id', projectId],
    ['subject_id', resourceId],
  ] as const) {
    if (wanted === null) continue;
    conditions.push(`${column} = ?`);
    bindings.push(wanted);
  }
  const rows = await readRows(
    reader,
    `select ${[...keys, ...hours, costSql(reader)].join(', ')} from usage_records where ${conditions.join(' and ')}
     ${names.length === 0 ? '' : `group by ${names.join(', ')} order by ${names.join(', ')}`} limit ? offset ?`,
    [...bindings, limit, offset],
  );
  return rows.map((row) => lineOf(row, groups));
}

/** Engines divide to different last digits. */
const rounded = (hours: number): number => Math.round(hours * 1e6) / 1e6;

function lineOf(row: Row, groups: readonly CostGroup[]): CostLine {
  const number = (column: string): number => Number(row[column] ?? 0);
  const of = groups.map((group) => [group, isPeriod(group) ? number(`of_${group}`) : String(row[`of_${group}`])]);
  return {
    of: Object.fromEntries(of) as CostLine['of'],
    hours: rounded(number('held')),
    vcpuHours: rounded(number('vcpu')),
    memoryMbHours: rounded(number('memory_mb')),
    gbHours: rounded(number('gb')),
    cost: number('cost'),
  };
}

// Why: what is paid for by the hour is spans of time, of servers (server_sizes) and of everything else (priced_spans). A span knows how
// far it is recorded, and moves on in the transaction that records it: so no outage leaves an hour out and no repetition records one twice.

import { type HourShare, type MeteredSpan, meteredTo, sharesOf } from '../domain/metering/usage-records.ts';
import { toBool } from './codec.ts';
import { amongNumbers, isMysql, readRows } from './engine.ts';
import { defineNoun } from './table.ts';
import { inPieces, type Tx } from './tx.ts';

/** What of a span's row follows from its rate as it begins: recorded up to its beginning; never recorded where it costs nothing. */
export const unmetered = (rate: number, startedAt: number) => ({
  metered_until: startedAt,
  settled: toBool(rate === 0),
});

interface Owner {
  readonly kind: string;
  readonly subjectId: string;
  readonly projectId: string;
  readonly userId: string;
}

interface Span extends MeteredSpan, Owner {
  readonly id: number;
}

const spans = defineNoun<Span>({
  table: 'priced_spans',
  columns: {
    id: ['id', 'number'],
    kind: ['kind', 'text'],
    subjectId: ['subject_id', 'text'],
    projectId: ['project_id', 'text'],
    userId: ['user_id', 'text'],
    vcpus: ['vcpus', 'number'],
    memoryMb: ['memory_mb', 'number'],
    gb: ['gb', 'number'],
    rate: ['rate', 'number'],
    startedAt: ['started_at', 'time'],
    endedAt: ['ended_at', 'time'],
    meteredUntil: ['metered_until', 'time'],
  },
});

/** Tables with spans, and how a span of theirs is read. */
const sources = {
  server_sizes: `select server_sizes.*, server_sizes.disk_gb as gb, 'server' as kind, servers.uuid as subject_id
    from server_sizes join servers on servers.id = server_sizes.server_id where `,
  priced_spans: 'select priced_spans.*, 0 as vcpus, 0 as memory_mb from priced_spans where ',
} as const;

type Source = keyof typeof sources;
export const meteredTables = Object.keys(sources) as Source[];

/** Spans in one transaction. */
const AT_ONCE = 200;

/** Locks spans that are not recorded up to a moment, those that wait longest first. */
async function lockDue(tx: Tx, source: Source, untilMs: number): Promise<Span[]> {
  const due: { id: number }[] = await tx(source)
    .select('id')
    .where({ settled: 0 })
    .where('metered_until', '<', untilMs)
    .orderBy('metered_until')
    .limit(AT_ONCE)
    .forUpdate();
  if (due.length === 0) return [];
  const among = amongNumbers(
    tx,
    `${source}.id`,
    due.map(({ id }) => id),
  );
  const rows = await readRows(tx, `${sources[source]}${among.sql} order by metered_until`, among.bindings);
  return spans.fromRows(rows);
}

type HourRecord = Owner & { -readonly [K in keyof HourShare]: HourShare[K] };

const records = defineNoun<HourRecord>({
  table: 'usage_records',
  columns: {
    projectId: ['project_id', 'text'],
    hour: ['hour', 'number'],
    kind: ['kind', 'text'],
    subjectId: ['subject_id', 'text'],
    userId: ['user_id', 'text'],
    heldMs: ['held_ms', 'number'],
    vcpuMs: ['vcpu_ms', 'number'],
    memoryMbMs: ['memory_mb_ms', 'number'],
    gbMs: ['gb_ms', 'number'],
    amount: ['amount', 'number'],
    fraction: ['fraction', 'number'],
  },
});

const KEY = ['project_id', 'hour', 'kind', 'subject_id'];
const SUMS = ['held_ms', 'vcpu_ms', 'memory_mb_ms', 'gb_ms', 'amount', 'fraction'] as const;

/** Adds to the records of hours: one that is there becomes more, or less. */
async function addToRecords(tx: Tx, shares: readonly (Owner & HourShare)[]): Promise<void> {
  const byKey = new Map<string, Record<string, unknown>>();
  for (const share of shares) {
    const row = records.toRow(share);
    const key = JSON.stringify(KEY.map((column) => row[column]));
    const before = byKey.get(key);
    if (before === undefined) byKey.set(key, row);
    else for (const sum of SUMS) before[sum] = Number(before[sum]) + Number(row[sum]);
  }
  // always in the same order, so that no two transactions wait for each other
  const rows = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  const added = isMysql(tx) ? (sum: string) => `values(${sum})` : (sum: string) => `excluded.${sum}`;
  const merged = Object.fromEntries(SUMS.map((sum) => [sum, tx.raw(`${records.table}.${sum} + ${added(sum)}`)]));
  for (const some of inPieces(rows)) await tx(records.table).insert(some).onConflict(KEY).merge(merged);
}

/** The most that one transaction records of a span: after an outage there may be weeks. */
const STEP_MS = 86_400_000;

/**
 * Records what is due up to a moment, a piece of it; returns whether there was any. What of a span lies before the moment is in the
 * records of its hours in the end, and nothing of it that lies behind its end.
 */
export async function meterDue(tx: Tx, source: Source, lastMs: number): Promise<boolean> {
  const found = await lockDue(tx, source, lastMs);
  const [first] = found;
  if (first === undefined) return false;
  const untilMs = Math.min(lastMs, first.meteredUntil + STEP_MS);
  const due = found.filter(({ meteredUntil }) => meteredUntil < untilMs);
  await addToRecords(
    tx,
    due.flatMap((span) => {
      const { kind, subjectId, projectId, userId } = span;
      return sharesOf(span, untilMs).map((share) => ({ kind, subjectId, projectId, userId, ...share }));
    }),
  );
  const targets = Map.groupBy(due, (span) => JSON.stringify([meteredTo(span, untilMs), isOver(span, untilMs)]));
  for (const [target, some] of targets) {
    const [meteredUntil, over] = JSON.parse(target) as [number, boolean];
    const among = amongNumbers(
      tx,
      'id',
      some.map(({ id }) => id),
    );
    await tx(source)
      .whereRaw(among.sql, [...among.bindings])
      .update({ metered_until: meteredUntil, settled: toBool(over) });
  }
  return true;
}

/** Whether nothing of a span will be left to record. */
const isOver = ({ endedAt }: MeteredSpan, untilMs: number): boolean => endedAt !== null && endedAt <= untilMs;

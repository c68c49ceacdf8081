// Why: whatever is paid for by the hour beside servers has its spans of time from its own row, in the transaction that changes the row, so
// that no verb can forget them (as server-sizes.ts has those of servers).

import { type CostKind, RATE_PARTS } from '../domain/metering/prices.ts';
import { isMysql, readRows, type Reader, type Row } from './engine.ts';
import { unmetered } from './metering.ts';
import { holding, holdPrices, type KindPrices, writePrices } from './prices.ts';
import { noteForEnding, type Tx } from './tx.ts';

const SPAN = 'priced_spans';
const GIB = 2 ** 30;

/** The things of a kind that are there and paid for: whose they are, and their GiB, each begun one whole. */
function subjectsSql(reader: Reader, kind: CostKind): string {
  const sized = (table: string): string =>
    `select id, project_id, user_id, size_gb as gb from ${table} where status not in ('creating', 'error')`;
  const gib = (bytes: string): string => `(coalesce(${bytes}, 0) + ${GIB - 1}) ${isMysql(reader) ? 'div' : '/'} ${GIB}`;
  const copies = (kinds: string): string =>
    `select id, project_id, user_id, ${gib('bytes')} as gb from server_copies
     where kind in (${kinds}) and status not in ('creating', 'error')`;
  return {
    volume: sized('volumes'),
    snapshot: sized('volume_snapshots'),
    image: `select id, owner as project_id, '' as user_id, ${gib('size')} as gb from images
      where status in ('active', 'deactivated') and owner is not null`,
    floating_ip: `select id, project_id, '' as user_id, 1 as gb from floating_ips where 1 = 1`,
    server_snapshot: copies(`'snapshot'`),
    backup: copies(`'full', 'incremental'`),
  }[kind];
}

const sameThing = (open: Row, now: Row): boolean =>
  ['project_id', 'user_id', 'gb'].every((column) => open[column] === now[column]);

async function follow(tx: Tx, kind: CostKind, id: string, nowMs: number): Promise<void> {
  const [now] = await readRows(tx, `${subjectsSql(tx, kind)} and id = ?`, [id]);
  const open: Row | undefined = await tx(SPAN).where({ kind, subject_id: id, ended_at: null }).forUpdate().first();
  if (open !== undefined) {
    if (now !== undefined && sameThing(open, now)) return;
    // another process's clock may be behind
    await tx(SPAN)
      .where({ id: open['id'] })
      .update({ ended_at: Math.max(nowMs, Number(open['started_at'])) });
  }
  if (now === undefined) return;
  const rate = RATE_PARTS * Number(now['gb']) * (await holdPrices(tx))[kind];
  if (rate === 0) return;
  const { project_id, user_id, gb } = now;
  const startedAt = Math.max(nowMs, Number(open?.['started_at'] ?? 0));
  await tx(SPAN).insert({
    ...{ kind, subject_id: id, project_id, user_id, gb, rate },
    ...{ started_at: startedAt, ended_at: null, ...unmetered(rate, startedAt) },
  });
}

const follower =
  (kind: CostKind) =>
  async (tx: Tx, noted: readonly string[]): Promise<void> => {
    for (const one of noted) {
      const [nowMs = '', id = ''] = one.split(' ');
      await follow(tx, kind, id, Number(nowMs));
    }
  };

const followers = {
  volume: follower('volume'),
  snapshot: follower('snapshot'),
  image: follower('image'),
  floating_ip: follower('floating_ip'),
  server_snapshot: follower('server_snapshot'),
  backup: follower('backup'),
} as const satisfies Readonly<Record<CostKind, unknown>>;

/** Called by whatever makes, changes or deletes such a row, with the moment; the rest happens when the transaction ends. */
export const notePriced = (tx: Tx, kind: CostKind, id: string, nowMs: number): void =>
  noteForEnding(tx, followers[kind], `${nowMs} ${id}`);

/** Changes prices: what is there costs the new ones from this moment on. */
export async function setPrices(tx: Tx, prices: Partial<KindPrices>, nowMs: number): Promise<void> {
  await writePrices(tx, prices);
  for (const [kind, price] of Object.entries(prices) as [CostKind, number][]) {
    await tx(SPAN)
      .where({ kind, ended_at: null })
      .update({ ended_at: tx.raw('case when started_at > ? then started_at else ? end', [nowMs, nowMs]) });
    if (price === 0) continue;
    // held: what is not committed yet read the price of before, where there was none that it could hold
    await tx.raw(
      `insert into ${SPAN} (kind, subject_id, project_id, user_id, gb, rate, started_at, ended_at, metered_until, settled)
       select ?, id, project_id, user_id, gb, gb * ?, ?, null, ?, 0 from (${subjectsSql(tx, kind)}${holding(tx)}) things where gb > 0`,
      [kind, RATE_PARTS * price, nowMs, nowMs],
    );
  }
}

// Why: the network service's tables are the truth, and OVN is reconciled with them. Changed units are read and written to OVN, idempotently;
// if OVN is unreachable, later. Several processes may do this at once: what one has written, another finds done.

import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { makeActual } from './actual.ts';
import { markOf, rankOf, readUnit } from './northbound.ts';
import type { Ovsdb } from './ovsdb/client.ts';
import type { RowChange } from './ovsdb/replica.ts';
import type { ReconcilerCounts, UnitSource } from './source.ts';
import { makeTeller } from './teller.ts';

export interface Reconciler {
  /** Something may have changed. */
  nudge(): void;
  /** Null: OVN is up to date; else why not. */
  problem(): string | null;
  close(): Promise<void>;
}

export interface ReconcilerParts {
  readonly source: UnitSource;
  readonly open: (changed: (changes: readonly RowChange[], anew: boolean) => void) => Ovsdb;
  readonly clock: Clock;
  readonly log: Log;
  readonly counts: ReconcilerCounts;
}

const chunks = <T>(of: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(of.length / size) }, (_, at) => of.slice(at * size, (at + 1) * size));

/** Which ports came up or went down, by these changes. */
function portNews(changes: readonly RowChange[]): ReadonlyMap<string, boolean> {
  const news = new Map<string, boolean>();
  for (const { table, before, after } of changes) {
    if (table !== 'Logical_Switch_Port' || after === null) continue;
    const unit = readUnit(markOf(after)?.unit ?? '');
    if (unit?.kind !== 'port') continue;
    const isUp = (after['up'] as readonly boolean[])[0] === true;
    if (before === null || (before['up'] as readonly boolean[])[0] !== isUp) news.set(unit.id, isUp);
  }
  return news;
}

export function makeReconciler({ source, open, clock, log, counts }: ReconcilerParts): Reconciler {
  const end = new AbortController();
  let wake = (): void => {};
  let isNudged = true;
  let compareAtMs = 0;
  let stuck: string | null = null;
  /** The chassis at the last full comparison. */
  let hosts: string | null = null;
  /** Until then, changed chassis cause no new comparison. */
  let hostsAtMs = 0;
  const ports = new Map<string, boolean>();
  const actual = makeActual(() => northbound.tables());

  const nudge = (): void => {
    isNudged = true;
    wake();
  };
  const northbound = open((changes, anew) => {
    actual.follow(changes, anew);
    for (const [id, isUp] of portNews(changes)) ports.set(id, isUp);
    // it may be another database now, or restored from a backup
    if (anew) compareAtMs = 0;
    if (anew || ports.size > 0) nudge();
  });

  const tellAll = makeTeller({ source, northbound, actual, counts, log, refused: (why) => void (stuck = why) });

  /** Compares all actual and wanted units: for changes by others, and from before changes were recorded. */
  async function compare(): Promise<void> {
    const all = new Set([...(await source.all()), ...actual.units()]);
    const inOrder = [...all].toSorted((a, b) => rankOf(a) - rankOf(b));
    for (const some of chunks(inOrder, limits.ovnUnitsAtOnce)) await tellAll(some);
    compareAtMs = clock.now() + limits.ovnCompareMs;
    counts.compared();
  }

  async function settlePorts(): Promise<void> {
    const news = [...ports];
    ports.clear();
    for (const up of [true, false]) {
      const ids = news.filter(([, isUp]) => isUp === up).map(([id]) => id);
      for (const some of chunks(ids, limits.ovnUnitsAtOnce)) await source.portsAre(up, some);
    }
  }

  async function turn(): Promise<void> {
    stuck = null;
    // a chassis came, went or changed: rows of ports and routers depend on it, though these were not changed
    const now = await source.chassis();
    const isOther = now !== hosts && clock.now() >= hostsAtMs;
    if (clock.now() >= compareAtMs || isOther) {
      await compare();
      // many hosts that come at once cause one comparison, not one each
      [hosts, hostsAtMs] = [now, clock.now() + limits.ovnHostsMs];
    }
    for (;;) {
      const dirty = await source.dirty(limits.ovnUnitsAtOnce);
      if (dirty.length === 0) break;
      await tellAll(dirty);
      // refused units stay dirty and are retried in the next pass
      if (stuck !== null || dirty.length < limits.ovnUnitsAtOnce) break;
    }
    await settlePorts();
  }

  async function pause(ms: number): Promise<void> {
    if (isNudged) return;
    const nudged = new AbortController();
    wake = () => nudged.abort();
    await clock.sleep(ms, AbortSignal.any([end.signal, nudged.signal])).catch(() => {});
    wake = () => {};
  }

  async function follow(): Promise<void> {
    while (!end.signal.aborted) {
      await pause(limits.ovnPollMs);
      isNudged = false;
      if (end.signal.aborted || northbound.problem() !== null) continue;
      try {
        await turn();
      } catch (error) {
        if (end.signal.aborted) return;
        stuck = messageOf(error);
        log.warn({ err: error }, 'network changes were not written to OVN; they are retried');
      }
    }
  }
  const following = follow();

  return {
    nudge,
    problem: () => northbound.problem() ?? stuck,
    async close() {
      end.abort();
      await northbound.close();
      await following;
    },
  };
}

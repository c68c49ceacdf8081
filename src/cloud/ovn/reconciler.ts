// Why: the tables of the network service are the truth, and OVN follows them. What was changed is read and told, one unit after the other,
// however often; if OVN is away it is told later. Several processes may do this at once: what one told, another finds done.

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
  /** Something may be to be told. */
  nudge(): void;
  /** Null: what was changed is told; else why not. */
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

/** Which ports changes tell of as up, or not. */
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
  /** What hosts were in OVN when all was compared last. */
  let hosts: string | null = null;
  /** Before that, hosts that are others are no reason to compare. */
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
    // it may be another database by now, or an older state of it
    if (anew) compareAtMs = 0;
    if (anew || ports.size > 0) nudge();
  });

  const tellAll = makeTeller({ source, northbound, actual, counts, log, refused: (why) => void (stuck = why) });

  /** All that there is, and all that should be: for what was changed behind our back, or before anything was noted. */
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
    // a host came, went, or leads elsewhere: ports and routers that name it are other, though nobody changed them
    const now = await source.chassis();
    const isOther = now !== hosts && clock.now() >= hostsAtMs;
    if (clock.now() >= compareAtMs || isOther) {
      await compare();
      // of many hosts that come at once not each is a reason of its own
      [hosts, hostsAtMs] = [now, clock.now() + limits.ovnHostsMs];
    }
    for (;;) {
      const dirty = await source.dirty(limits.ovnUnitsAtOnce);
      if (dirty.length === 0) break;
      await tellAll(dirty);
      // what is refused stays, and is tried again in the next turn
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
        log.warn({ err: error }, 'what was changed of networks was not told; it is tried again');
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

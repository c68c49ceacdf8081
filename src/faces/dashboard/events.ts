// Why: a page that asks again and again costs every client a query a second. Here one look per process finds what changed, for however
// many watch; each hears the ids of servers that it may see, and reads them by the API as ever.

import type { ServerResponse } from 'node:http';
import { limits } from '../../base/limits.ts';

/** A server that changed, and when: milliseconds since the epoch, by the clock of whoever wrote it. */
export interface ServerChange {
  readonly id: string;
  readonly projectId: string;
  readonly atMs: number;
}

/** Finds what changed at or after a moment; null: nothing was written since the last look. */
export type FindChanges = (sinceMs: number) => Promise<readonly ServerChange[] | null>;

/** Who listens. */
export interface Listener {
  readonly userId: string;
  /** The project whose servers it hears of; null: those of all. */
  readonly projectId: string | null;
  /** Whether it may still listen: asked at every heartbeat. */
  readonly mayListen: () => Promise<boolean>;
}

export interface EventHub {
  /** Answers with a stream that goes on until the listener goes, may no longer listen, or the hub closes. False: there are too many. */
  join(listener: Listener, response: ServerResponse): boolean;
  /** How many listen. */
  count(): number;
  /** Says goodbye to all. */
  close(): void;
}

export interface EventHubParts {
  readonly find: FindChanges;
  readonly now: () => number;
  /** Hears of a look that failed; the next one finds what this one missed. */
  readonly failed: (error: unknown) => void;
  readonly tickMs?: number;
  readonly heartbeatMs?: number;
}

interface Member extends Listener {
  readonly response: ServerResponse;
}

const message = (event: string, data: unknown): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/** Remembers what was told, so that looks which overlap tell it once. */
export function makeNews(): (changes: readonly ServerChange[], sinceMs: number) => readonly ServerChange[] {
  const told = new Map<string, number>();
  return (changes, sinceMs) => {
    for (const [id, atMs] of told) if (atMs < sinceMs) told.delete(id);
    const news = changes.filter(({ id, atMs }) => told.get(id) !== atMs);
    for (const { id, atMs } of news) told.set(id, atMs);
    return news;
  };
}

/** What a listener is told of changes: ids, or that there are too many to name; null: nothing. */
export function hintFor(
  { projectId }: Pick<Listener, 'projectId'>,
  changes: readonly ServerChange[],
): { readonly ids: readonly string[]; readonly more: boolean } | null {
  const own = changes.filter((change) => projectId === null || change.projectId === projectId);
  if (own.length === 0) return null;
  return { ids: own.slice(0, limits.dashboardHintIds).map(({ id }) => id), more: own.length > limits.dashboardHintIds };
}

export function makeEventHub(parts: EventHubParts): EventHub {
  const { find, now, failed, tickMs = limits.dashboardTickMs, heartbeatMs = limits.dashboardHeartbeatMs } = parts;
  const members = new Set<Member>();
  let news = makeNews();
  let lookedAtMs: number | null = null;
  let ticking: NodeJS.Timeout | null = null;
  let beating: NodeJS.Timeout | null = null;
  let isLooking = false;

  /** A client that does not read is let go: it comes again and reads all. */
  function tell(member: Member, text: string): void {
    if (member.response.writableLength > limits.dashboardUnreadBytes) member.response.destroy();
    else member.response.write(text);
  }

  function forget(member: Member): void {
    members.delete(member);
    if (members.size === 0) rest();
  }

  /** The last that is said to one. A client that does not read would keep the stream, and what is written after an end is an error. */
  function dismiss(member: Member, event: string): void {
    forget(member);
    if (member.response.writableLength > 0) member.response.destroy();
    else member.response.end(message(event, {}));
  }

  async function look(): Promise<void> {
    const beganMs = now();
    const sinceMs = (lookedAtMs ?? beganMs) - limits.dashboardOverlapMs;
    const found = await find(sinceMs);
    const isFirst = lookedAtMs === null;
    lookedAtMs = beganMs;
    const changes = found === null ? [] : news(found, sinceMs);
    if (isFirst || changes.length === 0) return;
    for (const member of members) {
      const hint = hintFor(member, changes);
      if (hint !== null) tell(member, message('servers', hint));
    }
  }

  function tick(): void {
    if (isLooking) return;
    isLooking = true;
    look()
      .catch(failed)
      .finally(() => (isLooking = false));
  }

  async function beat(member: Member): Promise<void> {
    const may = await member.mayListen().catch(() => true);
    if (!members.has(member)) return;
    if (may) tell(member, ': still here\n\n');
    else dismiss(member, 'expired');
  }

  function begin(): void {
    ticking ??= setInterval(tick, tickMs);
    beating ??= setInterval(() => {
      for (const member of members) void beat(member);
    }, heartbeatMs);
  }

  function rest(): void {
    if (ticking !== null) clearInterval(ticking);
    if (beating !== null) clearInterval(beating);
    [ticking, beating, lookedAtMs] = [null, null, null];
    news = makeNews();
  }

  const isFull = ({ userId }: Listener): boolean =>
    members.size >= limits.dashboardStreams ||
    [...members].filter((one) => one.userId === userId).length >= limits.dashboardStreamsPerUser;

  return {
    join(listener, response) {
      // it went while one looked who it is: its end was told before anybody listened for it
      if (response.destroyed) return true;
      if (isFull(listener)) return false;
      const member: Member = { ...listener, response };
      members.add(member);
      response.once('close', () => forget(member));
      response.writeHead(200, {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
        // a proxy must not gather what is told
        'X-Accel-Buffering': 'no',
      });
      response.write(message('hello', { every_ms: tickMs }));
      begin();
      tick();
      return true;
    },
    count: () => members.size,
    close() {
      for (const member of members) dismiss(member, 'bye');
      rest();
    },
  };
}

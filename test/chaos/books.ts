// Why: whether a cloud kept its promises is not asked of the cloud alone: who was promised what, and what became of it, is in books of our own.

export type Outcome =
  /** Under way. */
  | 'open'
  /** Its effect was seen. */
  | 'done'
  /** The cloud says that it failed. */
  | 'failed'
  | 'refused'
  /** Its answer was cut off, and it was never heard of. */
  | 'cut'
  /** It is said to be over and well, and is not. */
  | 'wrong';

export interface Entry {
  readonly deed: string;
  /** The server's name, which no other has. */
  readonly name: string;
  /** Where the server was, and came to be. */
  readonly hosts: string[];
  readonly askedAtMs: number;
  /** Null: it was not answered yet. */
  api: number | null;
  serverId: string | null;
  /** Null: it was not accepted. */
  requestId: string | null;
  outcome: Outcome;
  /** What was answered, or seen. */
  why: string;
  endedAtMs: number | null;
}

export interface Books {
  readonly entries: readonly Entry[];
  /** When each server's guest was killed last, by the server's id. */
  readonly killed: Map<string, number>;
  /** @param hosts where the server is before it */
  open(deed: string, name: string, hosts?: readonly string[]): Entry;
  close(entry: Entry, outcome: Exclude<Outcome, 'open'>, why?: string): void;
  /** How many of each outcome. */
  counts(): Readonly<Record<Outcome, number>>;
}

export function makeBooks(): Books {
  const entries: Entry[] = [];
  const counts = { open: 0, done: 0, failed: 0, refused: 0, cut: 0, wrong: 0 };
  return {
    entries,
    killed: new Map(),
    open(deed, name, hosts = []) {
      const blank = { api: null, serverId: null, requestId: null, outcome: 'open' as const, why: '', endedAtMs: null };
      const entry: Entry = { deed, name, hosts: [...hosts], askedAtMs: Date.now(), ...blank };
      entries.push(entry);
      counts.open += 1;
      return entry;
    },
    close(entry, outcome, why = '') {
      counts.open -= 1;
      counts[outcome] += 1;
      Object.assign(entry, { outcome, why, endedAtMs: Date.now() });
    },
    counts: () => ({ ...counts }),
  };
}

/** Names under which an entry's server and request are found in logs. */
export const nameOf = ({ deed, name, serverId, requestId, why }: Entry): string =>
  `${deed} of ${name} (${serverId ?? 'no server'}, ${requestId ?? 'not accepted'})${why === '' ? '' : `: ${why}`}`;

// Why: a machine is worked on by one at a time, however often it changes meanwhile, and one that fails is tried again later and later. The
// client library has no work queue.

/** How long to wait before a key is tried again after so many failures in a row, in milliseconds. */
export const backoffMs = (failures: number, leastMs: number, mostMs: number): number =>
  Math.min(mostMs, leastMs * 2 ** Math.min(failures - 1, 20));

export interface QueueOptions {
  readonly concurrency: number;
  readonly backoff: { readonly leastMs: number; readonly mostMs: number };
  /** Works on a key. Resolves with when to look again, in milliseconds, or null: when something changes. */
  readonly work: (key: string) => Promise<number | null>;
  /** Told of each failure, before it is tried again. */
  readonly failed: (key: string, error: unknown, againMs: number) => void;
}

export interface WorkQueue {
  /** Works on a key soon; once more if it is being worked on. */
  add(key: string): void;
  /** As `add`, after a time; what is asked for sooner goes before. */
  addAfter(key: string, ms: number): void;
  /** For work that waits for somebody else: another key may be worked on meanwhile, however many are waited for. */
  aside<T>(wait: () => Promise<T>): Promise<T>;
  /** Takes nothing more, and resolves when what is under way has ended. */
  close(): Promise<void>;
  readonly length: () => number;
}

export function makeQueue({ concurrency, backoff, work, failed }: QueueOptions): WorkQueue {
  const waiting = new Set<string>();
  const running = new Map<string, Promise<void>>();
  /** Of those that run: they wait for somebody else. */
  let aside = 0;
  /** Changed while it was worked on. */
  const dirty = new Set<string>();
  const later = new Map<string, { readonly timer: NodeJS.Timeout; readonly dueAt: number }>();
  const failures = new Map<string, number>();
  let closed = false;

  async function run(key: string): Promise<void> {
    try {
      const againMs = await work(key);
      failures.delete(key);
      if (againMs !== null) addAfter(key, againMs);
    } catch (error) {
      const count = (failures.get(key) ?? 0) + 1;
      failures.set(key, count);
      const againMs = backoffMs(count, backoff.leastMs, backoff.mostMs);
      failed(key, error, againMs);
      addAfter(key, againMs);
    }
  }

  function pump(): void {
    for (const key of waiting) {
      if (closed || running.size - aside >= concurrency) return;
      waiting.delete(key);
      const done = run(key).finally(() => {
        running.delete(key);
        if (dirty.delete(key)) add(key);
        pump();
      });
      running.set(key, done);
    }
  }

  function add(key: string): void {
    if (closed) return;
    forget(key);
    if (running.has(key)) dirty.add(key);
    else waiting.add(key);
    pump();
  }

  function forget(key: string): void {
    clearTimeout(later.get(key)?.timer);
    later.delete(key);
  }

  function addAfter(key: string, ms: number): void {
    const dueAt = performance.now() + ms;
    if (closed || (later.get(key)?.dueAt ?? Infinity) <= dueAt) return;
    forget(key);
    later.set(key, { dueAt, timer: setTimeout(() => add(key), ms) });
  }

  return {
    add,
    addAfter,
    async aside(wait) {
      aside += 1;
      pump();
      try {
        return await wait();
      } finally {
        aside -= 1;
      }
    },
    length: () => waiting.size + running.size,
    async close() {
      closed = true;
      for (const key of later.keys()) clearTimeout(later.get(key)?.timer);
      later.clear();
      waiting.clear();
      await Promise.allSettled(running.values());
    },
  };
}

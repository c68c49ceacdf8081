// Why: what is done again and again ends with its owner.

export interface Timers {
  after(ms: number, work: () => void): void;
  /** Does `work` again and again, `ms` after it ended. */
  every(ms: number, work: () => Promise<void>): void;
  /** Nothing is begun any more. */
  close(): void;
}

export function makeTimers(): Timers {
  const timers = new Set<NodeJS.Timeout>();
  let closed = false;
  function after(ms: number, work: () => void): void {
    if (closed) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      work();
    }, ms);
    timers.add(timer);
  }
  function every(ms: number, work: () => Promise<void>): void {
    after(ms, () => void work().finally(() => every(ms, work)));
  }
  return {
    ...{ after, every },
    close() {
      closed = true;
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

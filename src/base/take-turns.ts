// Why: what is large while it is made is made one after another, however many ask: the thread is one anyway, and memory is not
// given back as soon as it is free. Who asks for much waits for himself: those who wait take turns.

/** Runs work when it is its turn; `key`: for whom. */
export type TakeTurns = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** At most so many pieces of work at once; a key without work costs nothing. */
export function makeTakeTurns(atOnce: number): TakeTurns {
  /** Who waits, by key; the keys in the order of their turns. */
  const waiting = new Map<string, (() => void)[]>();
  let running = 0;

  /** Hands a place over, or gives it back. */
  function next(): void {
    const [first] = waiting;
    if (first === undefined) {
      running -= 1;
      return;
    }
    const [key, line] = first;
    waiting.delete(key);
    const begin = line.shift();
    if (line.length > 0) waiting.set(key, line);
    begin?.();
  }

  return async (key, work) => {
    if (running < atOnce) running += 1;
    else {
      await new Promise<void>((begin) => {
        const line = waiting.get(key);
        if (line === undefined) waiting.set(key, [begin]);
        else line.push(begin);
      });
    }
    try {
      return await work();
    } finally {
      next();
    }
  };
}

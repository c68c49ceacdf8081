// Why: two verbs on one guest, two ports on one network or two images of one project must not interleave; those on different ones
// must not wait.

/** Runs a task when every earlier task of the same key has ended. */
export type Mutex = <T>(key: string, task: () => Promise<T>) => Promise<T>;

/** A queue per key; a key without waiters costs nothing. */
export function makeMutex(): Mutex {
  const tails = new Map<string, Promise<unknown>>();
  return <T>(key: string, task: () => Promise<T>): Promise<T> => {
    const before = tails.get(key) ?? Promise.resolve();
    const result = before.then(task, task);
    const tail = result.then(
      () => {},
      () => {},
    );
    tails.set(key, tail);
    void tail.then(() => {
      if (tails.get(key) === tail) tails.delete(key);
    });
    return result;
  };
}

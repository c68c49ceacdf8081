// Why: most views read something when they are opened, again when it changed, and say so where it cannot be had.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from './api.ts';

export interface Loaded<T> {
  readonly value: T | null;
  readonly error: string | null;
  readonly again: () => void;
}

/**
 * What `read` gives; read again when `keys` change, when asked to, and every so often. What was read stays until there is something newer.
 * @param everyMs 0: only when asked to
 */
export function useLoaded<T>(read: () => Promise<T>, keys: readonly unknown[], everyMs = 0): Loaded<T> {
  const [state, setState] = useState<{ value: T | null; error: string | null }>({ value: null, error: null });
  const latest = useRef(0);
  const reader = useRef(read);
  reader.current = read;
  const again = useCallback(() => {
    latest.current += 1;
    const mine = latest.current;
    const isLatest = () => latest.current === mine;
    reader.current().then(
      (value) => isLatest() && setState({ value, error: null }),
      (error: unknown) => isLatest() && setState(({ value }) => ({ value, error: messageOf(error) })),
    );
  }, []);
  useEffect(() => {
    again();
    if (everyMs === 0) return () => void (latest.current += 1);
    const timer = setInterval(() => document.visibilityState === 'visible' && again(), everyMs);
    return () => {
      latest.current += 1;
      clearInterval(timer);
    };
  }, [...keys, everyMs]);
  return { ...state, again };
}

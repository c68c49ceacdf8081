// Why: of a thousand rows a dozen are seen; only these are there, so that scrolling costs what a dozen rows cost.

import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

interface VirtualProps<T> {
  readonly items: readonly T[];
  /** Pixels; all rows are as high. */
  readonly rowHeight: number;
  readonly keyOf: (item: T) => string;
  readonly row: (item: T, index: number) => ComponentChildren;
  /** Hears which are seen, once scrolling rests. */
  readonly onSeen: (items: readonly T[]) => void;
}

const BEYOND = 6;
const REST_MS = 150;
/** Who looks on at rows that stay hears of them again. */
const AGAIN_MS = 60_000;

/** Rows of a list that scrolls with the whole page. */
export function VirtualRows<T>({ items, rowHeight, keyOf, row, onSeen }: VirtualProps<T>) {
  const frame = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState({ from: 0, to: 30 });
  const measure = (): void => {
    const top = frame.current?.getBoundingClientRect().top ?? 0;
    const from = Math.max(0, Math.floor(-top / rowHeight) - BEYOND);
    const to = Math.min(items.length, Math.ceil((innerHeight - top) / rowHeight) + BEYOND);
    setRange((before) => (before.from === from && before.to === to ? before : { from, to }));
  };
  useLayoutEffect(measure, [items.length, rowHeight]);
  useEffect(() => {
    let asked = 0;
    const later = (): void => {
      if (asked !== 0) return;
      asked = requestAnimationFrame(() => {
        asked = 0;
        measure();
      });
    };
    addEventListener('scroll', later, { passive: true });
    addEventListener('resize', later);
    return () => {
      removeEventListener('scroll', later);
      removeEventListener('resize', later);
      cancelAnimationFrame(asked);
    };
  }, [items.length, rowHeight]);
  const seen = items.slice(range.from, range.to);
  const ids = seen.map(keyOf).join();
  useEffect(() => {
    const rest = setTimeout(() => onSeen(seen), REST_MS);
    const again = setInterval(() => document.visibilityState === 'visible' && onSeen(seen), AGAIN_MS);
    return () => {
      clearTimeout(rest);
      clearInterval(again);
    };
  }, [ids]);
  return (
    <div ref={frame} class="virtual" role="rowgroup" style={{ height: `${items.length * rowHeight}px` }}>
      <div class="virtual-window" style={{ transform: `translateY(${range.from * rowHeight}px)` }}>
        {seen.map((item, at) => (
          <div key={keyOf(item)} class="virtual-row" role="presentation" style={{ height: `${rowHeight}px` }}>
            {row(item, range.from + at)}
          </div>
        ))}
      </div>
    </div>
  );
}

// Why: how long a cloud takes to recover is one figure for each kind of disaster.

import { table } from '../../src/base/table.ts';
import type { Books } from './books.ts';
import { delayMs, type Disaster, recoveryMs } from './disasters.ts';

const seconds = (ms: number | undefined): string => (ms === undefined ? '-' : (ms / 1000).toFixed(1));

/** The median and the longest, in seconds. */
function spread(times: readonly number[]): readonly [string, string] {
  const sorted = times.toSorted((a, b) => a - b);
  return [seconds(sorted[Math.floor(sorted.length / 2)]), seconds(sorted.at(-1))];
}

/**
 * Kind of disaster, how many, and seconds from its beginning: until something succeeded that was asked for since and needs the victim
 * (median, longest), and until the last of what was under way had ended.
 */
export function recoveryTable(disasters: readonly Disaster[], books: Books): string {
  const rows = [...Map.groupBy(disasters, ({ kind }) => kind)]
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([kind, those]) => {
      const recoveries = those.flatMap((one) => recoveryMs(one, books) ?? []);
      const delays = those.flatMap((one) => delayMs(one, books) ?? []);
      return [kind, those.length, recoveries.length, ...spread(recoveries), ...spread(delays)];
    });
  const what = ['disaster', 'how many', 'recovered', 'median s', 'longest s', 'under way: median s', 'longest s'];
  return table([what, ...rows]);
}

/** Deeds by outcome. */
export function deedTable({ entries }: Books): string {
  const outcomes = ['done', 'failed', 'refused', 'cut', 'wrong', 'open'] as const;
  const rows = [...Map.groupBy(entries, ({ deed }) => deed)].map(([deed, those]) => [
    deed,
    ...outcomes.map((outcome) => those.filter((one) => one.outcome === outcome).length),
  ]);
  return table([['operation', ...outcomes], ...rows]);
}

// Why: figures mean something beside a bar. Every bench gives a list of measured values, some with the bar they must meet; here
// they become a table for people, one JSON line for programs, and the exit status.

import { table } from '../../src/base/table.ts';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it must not exceed. */
  readonly atMost?: number;
  /** What it must reach. */
  readonly atLeast?: number;
  /** Why the value is what it is, or beside what it stands. */
  readonly note?: string;
}

/** The value below which a share of the sorted values lies. */
export function percentile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) throw new Error('no values');
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}

export const median = (values: readonly number[]): number =>
  percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );

/** Three digits are what a run on a shared machine is good for. */
export const round = (value: number): number => Number(value.toPrecision(3));

export const say = (line = ''): void => void process.stdout.write(`${line}\n`);

const missed = ({ value, atMost = Infinity, atLeast = -Infinity }: Figure): boolean =>
  !(value <= atMost && value >= atLeast);

const barOf = ({ atMost, atLeast }: Figure): string =>
  [
    ...(atMost === undefined ? [] : [`<= ${round(atMost)}`]),
    ...(atLeast === undefined ? [] : [`>= ${round(atLeast)}`]),
  ].join(', ');

/**
 * Ends a bench: a table of the figures with bars, or with `--json` one object in the last line; status 1 where a bar was missed.
 * @param details everything else that was measured, for the JSON object
 */
export function conclude(bench: string, figures: readonly Figure[], details: Readonly<Record<string, unknown>>): void {
  const failures = figures.filter(missed);
  if (process.argv.includes('--json')) {
    const rounded = figures.map((figure) => ({ ...figure, value: round(figure.value), met: !missed(figure) }));
    say(JSON.stringify({ bench, figures: rounded, ...details }));
  } else {
    say();
    say(
      table([
        ['figure', 'value', 'bar', ''],
        ...figures.map((figure) => [
          figure.name,
          `${round(figure.value)} ${figure.unit}`,
          barOf(figure),
          [barOf(figure) === '' ? '' : missed(figure) ? 'MISSED' : 'met', figure.note ?? '']
            .filter((part) => part !== '')
            .join(', '),
        ]),
      ]),
    );
  }
  if (failures.length > 0) process.exitCode = 1;
}

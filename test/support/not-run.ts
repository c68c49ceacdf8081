// Why: a test that is skipped looks like one that passed. A run ends by saying what it did not try and why, and fails where nobody
// looks at what it says: in continuous integration.

import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';

/** The reason to skip what a driver has not: nothing is missing that could be tested. */
export const CANNOT = 'this driver cannot';
const BESIDE = 'beside the tests: ';

/** The reason to skip what only some have at hand, and no run has to do; it is told, and fails nothing. */
export const beside = (why: string): string => `${BESIDE}${why}`;

/** What the runner says of a test that it did not fail, as far as it is read here. */
export interface Skipped {
  readonly name: string;
  readonly file?: string | undefined;
  readonly skip?: string | boolean | undefined;
}

/** Whether the environment is one where nobody reads the report. */
export const isUnattended = ({ CI = '' }: NodeJS.ProcessEnv): boolean => !['', '0', 'false', 'no'].includes(CI);

export interface NotRun {
  passed(test: Skipped): void;
  /** Tests and suites that could not be run here: one line for each reason in each file. */
  gaps(): readonly string[];
  /** One line for each thing that is told and is no gap. */
  asides(): readonly string[];
}

export function makeNotRun(): NotRun {
  const counts = new Map<string, number>();
  const lines = (isAside: boolean): string[] =>
    [...counts]
      .filter(([line]) => line.includes(`: ${BESIDE}`) === isAside)
      .map(([line, count]) => (count === 1 ? line : `${line} (${count} times)`));
  return {
    passed({ name, file, skip }) {
      if (skip === undefined || skip === false || skip === CANNOT) return;
      const where = file === undefined ? name : relative(process.cwd(), file);
      const line = `${where}: ${skip === true || skip === '' ? `${name}, without a reason` : skip}`;
      counts.set(line, (counts.get(line) ?? 0) + 1);
    },
    gaps: () => lines(false),
    asides: () => lines(true),
  };
}

/** What is said at the end of a run; empty where all was run. */
export function endOf(notRun: NotRun, unattended: boolean): string {
  const [gaps, asides] = [notRun.gaps(), notRun.asides()];
  const told = asides.map((line) => `NOT RUN, nor need be: ${line.replace(BESIDE, '')}\n`).join('');
  if (gaps.length === 0) return told;
  const consequence = unattended ? 'CI is set, so this run fails' : 'with CI=true this run would fail';
  return `${told}\nNOT RUN HERE (${consequence}):\n${gaps.map((line) => `  ${line}\n`).join('')}\n`;
}

/** Hands the gaps on to whoever started several runs. */
export function handOn(notRun: NotRun, file: string | undefined): void {
  if (file !== undefined) for (const line of notRun.gaps()) appendFileSync(file, `${line}\n`);
}

// Why: no test of a client fails or is skipped but for a reason that is written down, and no reason stays written down that holds no more.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface Result {
  readonly test: string;
  readonly status: 'pass' | 'fail' | 'skip';
  /** Of one that fails or is skipped. */
  readonly why: string;
}

/** Tests that fail or are skipped: `PATTERN => reason`, the pattern of a whole name. */
export interface Excuse {
  readonly pattern: RegExp;
  readonly line: string;
}

/** The file of a suite. */
export const excusesFile = (suite: string): string => join(import.meta.dirname, 'not-run', `${suite}.txt`);

/** Reads a file of excuses. Throws where a line has no reason. */
export function readExcuses(path: string): Excuse[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, pattern] = /^(\S+) => \S/.exec(line) ?? [];
      if (pattern === undefined) throw new Error(`${basename(path)}: no reason: ${line}`);
      return { pattern: new RegExp(`^(?:${pattern})$`), line };
    });
}

/**
 * What is wrong with a run, one complaint a line.
 *
 * @param prefixes what names of the tests that were asked for begin with: of others no line can be said to be needed no more
 */
export function judge(results: readonly Result[], excuses: readonly Excuse[], prefixes: readonly string[]): string[] {
  const complaints: string[] = [];
  const used = new Set<string>();
  for (const { test, status, why } of results) {
    const excuse = excuses.find(({ pattern }) => pattern.test(test));
    if (excuse !== undefined) used.add(excuse.line);
    if (status === 'pass' && excuse !== undefined) complaints.push(`passes, though a line excuses it: ${test}`);
    if (status !== 'pass' && excuse === undefined) complaints.push(`${status} ${test}: ${why}`);
  }
  for (const { line } of excuses)
    if (prefixes.some((prefix) => line.startsWith(prefix)) && !used.has(line))
      complaints.push(`excuses a test that there is not: ${line}`);
  return complaints;
}

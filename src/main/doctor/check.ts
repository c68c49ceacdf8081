// Why: a doctor is a table of checks, and each says what it found in one line, with what to do about it.

import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../base/clock.ts';
import type { Database } from '../../db/engine.ts';
import type { Config } from '../config.ts';

export type Level = 'ok' | 'warning' | 'problem' | 'skipped';

export interface Found {
  readonly level: Level;
  readonly text: string;
  /** Null: nothing. */
  readonly todo: string | null;
}

export interface Finding extends Found {
  readonly check: string;
}

/** What the checks look at. */
export interface Patient {
  readonly config: Config;
  /** The file that it came from; null: none. */
  readonly configFile: string | null;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly databaseUrl: string;
  /** Opened to look; null: it is not there. */
  readonly database: Database | null;
}

export interface Check {
  readonly name: string;
  /** What must be well for this to make sense. */
  readonly needs?: 'database' | 'schema';
  look(
    patient: Patient & { readonly database: Database },
  ): Promise<readonly Found[] | Found> | readonly Found[] | Found;
}

export const ok = (text: string): Found => ({ level: 'ok', text, todo: null });
export const warning = (text: string, todo: string): Found => ({ level: 'warning', text, todo });
export const problem = (text: string, todo: string): Found => ({ level: 'problem', text, todo });

/** Some of many, for one line. */
export function some(items: readonly string[], most = 3): string {
  const more = items.length - most;
  return `${items.slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Runs the checks one after another; one that breaks is a problem by itself. */
export async function examine(patient: Patient, checks: readonly Check[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const isWell = (name: string): boolean =>
    findings.some(({ check }) => check === name) &&
    findings.every(({ check, level }) => check !== name || level === 'ok' || level === 'warning');
  for (const check of checks) {
    const { name, needs } = check;
    const note = (...found: readonly Found[]): void =>
      void findings.push(...found.map((one) => ({ check: name, ...one })));
    if (needs !== undefined && !isWell(needs)) {
      note({ level: 'skipped', text: `not looked at: see ${needs}`, todo: null });
      continue;
    }
    try {
      const found = await check.look(patient as Patient & { readonly database: Database });
      note(...[found].flat());
    } catch (error) {
      note(problem(`could not be looked at: ${messageOf(error)}`, 'mend what it names, and look again'));
    }
  }
  return findings;
}

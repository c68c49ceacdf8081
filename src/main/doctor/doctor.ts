// Why: an operator asks one thing first: what is wrong here, and what shall I do about it. Nothing is changed by asking.

import { existsSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { table } from '../../base/table.ts';
import { openToLook } from '../../db/engine.ts';
import type { Config } from '../config.ts';
import { databaseUrl, sqlitePath } from '../database-url.ts';
import { type Check, examine, type Finding, type Level, ok, problem } from './check.ts';
import { cloudChecks, databaseChecks } from './cloud.ts';
import { machineChecks } from './machine.ts';
import { placementCheck } from './placement-mirror.ts';
import { serviceChecks } from './services.ts';

const checks: readonly Check[] = [
  ...machineChecks,
  ...databaseChecks,
  ...serviceChecks,
  placementCheck,
  ...cloudChecks,
];

export interface DoctorParts {
  /** Throws where the configuration is wrong. */
  readonly readConfig: () => { readonly config: Config; readonly file: string | null };
  readonly dataDir: string;
}

/** Looks at everything; without a configuration that can be read, at nothing else. */
export async function findWrongs({ readConfig, dataDir }: DoctorParts): Promise<Finding[]> {
  const check = 'configuration';
  let read: ReturnType<DoctorParts['readConfig']>;
  try {
    read = readConfig();
  } catch (error) {
    return [{ check, ...problem(messageOf(error), 'mend it; xloud config sample shows every option') }];
  }
  const { config, file } = read;
  const url = databaseUrl(config, dataDir);
  const path = sqlitePath(url);
  const database = path === null || existsSync(path) ? openToLook(url) : null;
  try {
    const patient = { config, configFile: file, dataDir, clock: systemClock, databaseUrl: url, database };
    return [{ check, ...ok(file ?? 'the defaults') }, ...(await examine(patient, checks))];
  } finally {
    await database?.close();
  }
}

const count = (findings: readonly Finding[], level: Level): number =>
  findings.filter((finding) => finding.level === level).length;

/** 0: the installation is healthy; 1: there is a problem. Warnings leave it healthy. */
export const statusOf = (findings: readonly Finding[]): 0 | 1 => (count(findings, 'problem') === 0 ? 0 : 1);

/** For people: a line for each finding, with what to do where it is not ok. */
export function report(findings: readonly Finding[]): string {
  const lines = table(
    findings.map(({ level, check, text }) => [level, check, text]),
    [0, 1, 2],
  ).split('\n');
  const body = findings.map(({ todo }, index) => (todo === null ? lines[index] : `${lines[index]} -> ${todo}`));
  return [...body, '', `${count(findings, 'problem')} problems, ${count(findings, 'warning')} warnings`].join('\n');
}

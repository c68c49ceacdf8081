// Why: stories are told by the thousand, from one command, and one of them again by its number.
//
// node test/sim/main.ts [--seeds N] [--seconds S] [--from SEED] [--jobs J]    so many, or for so long; default 200
// node test/sim/main.ts --seed SEED                                           one, with everything that happened

import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';

const DEFAULT_SEEDS = 200;
/** The largest number of a seed: their dice take 32 bits. */
const MAX_SEED = 2 ** 31 - 1;
const TELL_EVERY_MS = 5_000;
/** Violations of one seed are cut off here; its replay has all of them. */
const CHARACTERS = 600;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seconds: { type: 'string' },
    from: { type: 'string' },
    jobs: { type: 'string' },
    seed: { type: 'string' },
    // of a child: every how many-th seed is its own
    stride: { type: 'string' },
  },
});

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** A whole number that was given, within bounds; ends the program where it is none. */
function numberOf(name: keyof typeof values, otherwise: number, least: number): number {
  const text = values[name];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least && value <= MAX_SEED) return value;
  process.stderr.write(`--${name}: a whole number of ${least} to ${MAX_SEED} is wanted, not '${text}'\n`);
  process.exit(2);
}

/** What a child tells of a seed. */
interface Told {
  readonly seed: number;
  readonly steps: number;
  readonly accepted: number;
  readonly violations: readonly string[];
}

/** One seed with all that happened. Whether all was well. */
async function replay(seed: number): Promise<boolean> {
  const { text, ledger, violations, steps, accepted, refused, digest } = await simulate(seed);
  say(text);
  say(ledger);
  say(`sim: seed ${seed}: ${steps} steps, ${accepted} accepted, ${refused} refused, digest ${digest}`);
  for (const violation of violations) say(`BROKEN: ${violation}`);
  return violations.length === 0;
}

/** A child's share of the seeds, until it is told to stop. */
async function tellAll(from: number, seeds: number, stride: number): Promise<void> {
  for (let seed = from; seed < from + seeds; seed += stride) {
    const { steps, accepted, violations } = await simulate(seed);
    const told: Told = { seed, steps, accepted, violations };
    if (!process.connected || process.send?.(told) === undefined) return;
  }
  process.disconnect();
}

/** Many seeds, on all processors. Whether all was well. */
async function many(): Promise<boolean> {
  const seconds = values.seconds === undefined ? null : numberOf('seconds', 0, 1);
  const from = numberOf('from', 1, 0);
  const seeds = numberOf('seeds', seconds === null ? DEFAULT_SEEDS : MAX_SEED - from, 1);
  const jobs = Math.min(numberOf('jobs', availableParallelism(), 1), seeds);
  const began = performance.now();
  const passed = (): number => (performance.now() - began) / 1_000;
  let [done, steps, accepted, broken, highest] = [0, 0, 0, 0, from];

  const rates = (): string =>
    `${done} seeds, ${steps} steps, ${accepted} requests accepted, ${passed().toFixed(1)} s, ` +
    `${(done / passed()).toFixed(1)} seeds/s, ${broken} violations`;

  function heard(told: Told): void {
    done += 1;
    steps += told.steps;
    accepted += told.accepted;
    highest = Math.max(highest, told.seed);
    if (told.violations.length === 0) return;
    broken += 1;
    say(`BROKEN: seed ${told.seed}: ${told.violations.join('; ').slice(0, CHARACTERS)}`);
    say(`        again, with everything that happened: make sim SEED=${told.seed}`);
  }

  function runChild(index: number): Promise<number | null> {
    const share = ['--from', String(from + index), '--seeds', String(seeds - index), '--stride', String(jobs)];
    const child = fork(import.meta.filename, share, { execArgv: process.execArgv });
    child.on('message', (told: Told) => {
      heard(told);
      if (seconds !== null && passed() >= seconds && child.connected) child.disconnect();
    });
    return new Promise((resolve) => child.once('exit', resolve));
  }

  say(`sim: seeds from ${from}, ${jobs} at a time`);
  const telling = setInterval(() => say(`sim: ${rates()}`), TELL_EVERY_MS);
  const codes = await Promise.all(Array.from({ length: jobs }, (_, index) => runChild(index)));
  clearInterval(telling);
  say(`sim: seeds ${from} to ${highest}: ${rates()}`);
  const failed = codes.filter((code) => code !== 0).length;
  if (failed > 0) say(`sim: ${failed} processes of ${jobs} did not come to their end`);
  return broken === 0 && failed === 0 && done > 0;
}

if (values.stride !== undefined) {
  await tellAll(numberOf('from', 1, 0), numberOf('seeds', 1, 1), numberOf('stride', 1, 1));
} else {
  const isWell = values.seed === undefined ? await many() : await replay(numberOf('seed', 1, 0));
  process.exitCode = isWell ? 0 : 1;
}

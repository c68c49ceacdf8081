// Runs test files, or what patterns name, in this one process, one after another, as `node --test --test-isolation=none
// --test-force-exit` does, but for one thing, which took a fifth of the processor: Node's runner follows every promise, by a weak
// reference that each collection of garbage looks at, to name the test of an error that nobody awaited. Such an error fails the run
// here as well; it is printed with the name of the test that ran, and that test goes on. What could not be run is told at the end, and
// with CI=true fails the run; XLOUD_NOT_RUN names a file that it is written to as well, a line each.
//
// A run of which nothing is heard for ten minutes (XLOUD_TEST_SILENCE_S seconds), no test beginning or ending, is given up, and says which
// test it stood at: `timeout` of node:test's `run` holds for the processes of files, and here is none.

import { createHook } from 'node:async_hooks';
import { relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import failures from '../test/support/failures.ts';
import { endOf, handOn, isUnattended, makeNotRun } from '../test/support/not-run.ts';

/** Some tests wait for guests, or start a hundred processes. */
const SILENCE_MS = Number(process.env['XLOUD_TEST_SILENCE_S'] ?? 600) * 1_000;
const SLOWEST = 15;

type Hook = ReturnType<typeof createHook>;
const hooks = Object.getPrototypeOf(createHook({})) as { enable: (this: Hook) => Hook };
const { enable } = hooks;

/** From now on hooks do not hear of promises: the runner's own is among them, which takes no such option. */
function leavePromisesOut(): void {
  const [mark] = Object.getOwnPropertySymbols(createHook({})).filter(
    ({ description }) => description === 'kNoPromiseHook',
  );
  if (mark === undefined) throw new Error('hooks of this version of Node have no mark for promises');
  hooks.enable = function () {
    Object.assign(this, { [mark]: true });
    return enable.call(this);
  };
}

leavePromisesOut();
const events = run({ globPatterns: process.argv.slice(2), isolation: 'none' });
let left = 0;
let current = 'a file was loaded';
events.on('test:dequeue', ({ name }) => {
  current = `'${name}' ran`;
});
let silence: NodeJS.Timeout | undefined;
function heard(): void {
  clearTimeout(silence);
  silence = setTimeout(() => {
    console.error(`Nothing was heard for ${SILENCE_MS / 1_000} s while ${current}; the run is given up.`);
    process.exit(1);
  }, SILENCE_MS).unref();
}
heard();
events.on('test:dequeue', heard);
events.on('test:complete', heard);
const stray = (error: unknown) => console.error(`Nobody awaited this, which failed while ${current}:`, error);
process.on('uncaughtExceptionMonitor', stray);
process.on('unhandledRejection', stray);
events.on('test:enqueue', ({ nesting }) => {
  if (nesting === 0) left += 1;
});
events.on('test:complete', ({ nesting }) => {
  if (nesting === 0) left -= 1;
  // the runner sums up when the process would end by itself; whatever is still open does not keep it
  if (left === 0) setImmediate(() => process.emit('beforeExit', 0));
});
events.on('test:summary', ({ success }) => {
  if (!success) process.exitCode = 1;
});
/** Milliseconds by file: what a run takes is worth knowing where it grows. */
const took = new Map<string, number>();
events.on('test:complete', ({ nesting, file, details }) => {
  const name = file === undefined ? '?' : relative(process.cwd(), file);
  if (nesting === 0) took.set(name, (took.get(name) ?? 0) + details.duration_ms);
});
const slowest = (): string =>
  [...took]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, SLOWEST)
    .map(([name, ms]) => `${String(Math.round(ms / 1000)).padStart(5)} s  ${name}\n`)
    .join('');
const notRun = makeNotRun();
events.on('test:pass', (test) => notRun.passed(test));
events.compose(failures).pipe(process.stderr);
const report = events.compose(spec);
report.on('end', () => {
  const unattended = isUnattended(process.env);
  process.stderr.write(endOf(notRun, unattended));
  if (took.size > SLOWEST) process.stderr.write(`\nThe slowest files:\n${slowest()}`);
  handOn(notRun, process.env['XLOUD_NOT_RUN']);
  if (unattended && notRun.gaps().length > 0) process.exitCode = 1;
  process.exit();
});
report.pipe(process.stdout);

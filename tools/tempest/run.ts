// Why: `make tempest`. OpenStack's own integration tests, unmodified, against a cloud of start.ts, judged: no test fails, none is
// skipped but for a reason that not-run.txt knows, and all that real Nova passes is passed.
//
//   node tools/tempest/run.ts CLOUD TEMPEST NEWEST [REGEX]
//
// CLOUD: fake, libvirt, ovn, openstack or openstack-scenario; TEMPEST: the program; NEWEST: the microversion up to which that tempest knows the answers. Results:
// .cache/tempest/VERSION-CLOUD.txt.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { prepare } from './cloud.ts';
import { clouds } from './start.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PROGRESS_MS = 60_000;
const EVERYTHING = '^tempest\\.(serial_tests\\.)?api\\.compute';
/** What a run of real Nova passed, one test a line. */
const NOVA = join(import.meta.dirname, 'nova-passed.txt');

interface Result {
  readonly test: string;
  readonly status: string;
  readonly why: string;
}

const text = (command: string, ...words: string[]): string => execFileSync(command, words, { encoding: 'utf8' });

/** The patterns of not-run.txt: of `test` those of tests that are left out, of `skip` what tempest says, `skip@CLOUD`: there alone. */
function notRun(what: 'test' | 'skip' | `skip@${string}`): RegExp[] {
  const text = readFileSync(join(import.meta.dirname, 'not-run.txt'), 'utf8');
  return [...text.matchAll(new RegExp(`^${what} (.+) => `, 'gm'))].map(([, pattern = '']) => new RegExp(pattern));
}

/** Each test with its result; a whole class that was set up in vain gives its word to each of its tests. */
function readResults(python: string, workspace: string, all: readonly string[]): Result[] {
  const lines = execFileSync(python, [join(import.meta.dirname, 'results.py')], {
    input: readFileSync(join(workspace, 'subunit')),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const found = new Map<string, Result>();
  for (const line of lines.split('\n').filter(Boolean)) {
    const result = JSON.parse(line) as Result;
    if (found.get(result.test)?.status !== 'fail') found.set(result.test, result);
  }
  return all.map((test) => {
    const own = found.get(test) ?? found.get(test.replace(/\.[^.]*$/, '.*'));
    return own === undefined ? { test, status: 'lost', why: 'tempest says nothing of it' } : { ...own, test };
  });
}

/** Says now and then how far it is: `tested` counts what has a result so far. */
async function runTempest(
  tempest: readonly string[],
  workspace: string,
  regex: string,
  tested: () => string,
): Promise<void> {
  const stream = openSync(join(workspace, 'subunit'), 'w');
  // of several such options tempest hears the last
  const sources = notRun('test').map(({ source }) => source);
  const out = sources.length === 0 ? [] : ['--exclude-regex', sources.join('|')];
  const words = ['run', '--regex', regex, ...out, '--concurrency', '2', '--subunit'];
  const [command = '', ...before] = tempest;
  const child = spawn(command, [...before, ...words], { cwd: workspace, stdio: ['ignore', stream, 'inherit'] });
  const progress = setInterval(() => console.log(`tempest: ${tested()} tests done`), PROGRESS_MS);
  await new Promise((resolve) => child.once('exit', resolve));
  clearInterval(progress);
}

function judge(results: readonly Result[], whole: boolean): string[] {
  const complaints = results
    .filter(({ status }) => status !== 'pass' && status !== 'skip')
    .map(({ test, status, why }) => `${status} ${test}: ${why}`);
  const [reasons, own] = [notRun('skip'), notRun(`skip@${kind}`)];
  const lacking = new Set<string>();
  for (const { test, why } of results.filter((one) => one.status === 'skip')) {
    if (own.some((pattern) => pattern.test(why))) lacking.add(test);
    else if (!reasons.some((pattern) => pattern.test(why)))
      complaints.push(`skipped for a reason that not-run.txt does not know: ${test}: ${why}`);
  }
  const passed = new Set(results.filter(({ status }) => status === 'pass').map(({ test }) => test));
  const here = new Set(results.map(({ test }) => test));
  const nova = readFileSync(NOVA, 'utf8').match(/^tempest\.\S+/gm) ?? [];
  const behind = nova.filter((test) => here.has(test) && !passed.has(test) && !lacking.has(test));
  const excused = nova.filter((test) => lacking.has(test)).length;
  const passedBoth = nova.filter((test) => passed.has(test)).length;
  console.log(
    `tempest: of ${nova.length} tests that real Nova passes, ${passedBoth} pass here, ${behind.length} do not, ` +
      `${excused} need what this cloud has not, ${nova.length - passedBoth - behind.length - excused} were not asked for or are not in this tempest`,
  );
  complaints.push(...behind.map((test) => `real Nova passes: ${test}`));
  if (whole && nova.every((test) => !here.has(test))) complaints.push('no test was compared with real Nova');
  return complaints;
}

const [kind = '', tempest, newest, regex = EVERYTHING] = process.argv.slice(2);
const startCloud = clouds[kind];
if (startCloud === undefined || tempest === undefined || newest === undefined) {
  console.error(`usage: node tools/tempest/run.ts ${Object.keys(clouds).join('|')} TEMPEST NEWEST [REGEX]`);
  process.exit(2);
}
const version = `${text(tempest, '--version').trim().replaceAll(/\s+/g, '-')}-${kind}`;
const workspace = join(ROOT, '.cache', 'tempest', version);
// tempest keeps a list of its workspaces, by default in the user's home
const workspaces = `${workspace}.workspaces`;
for (const path of [workspace, workspaces]) rmSync(path, { recursive: true, force: true });
mkdirSync(dirname(workspace), { recursive: true });
text(tempest, 'init', '--workspace-path', workspaces, workspace);

const python = existsSync(join(dirname(tempest), 'python')) ? join(dirname(tempest), 'python') : '/usr/bin/python3';
const cloud = await startCloud();
let results: Result[];
let leftOut = 0;
try {
  // most of what asks for volumes is asked for by a run of its own
  await prepare(cloud, workspace, newest, cloud.login !== null || /volume/.test(regex));
  const listed = execFileSync(tempest, ['run', '--list-tests', '--regex', regex], { cwd: workspace, encoding: 'utf8' });
  const out = notRun('test');
  const named = [...new Set(listed.match(/^tempest\.[^[\s]+/gm) ?? [])];
  const all = named.filter((test) => !out.some((pattern) => pattern.test(test))).toSorted();
  leftOut = named.length - all.length;
  const read = (): Result[] => readResults(python, workspace, all);
  const tested = (): string =>
    `${read().filter(({ status }) => ['pass', 'fail', 'skip'].includes(status)).length} of ${all.length}`;
  // a mount namespace has a working directory of its own
  const outside = cloud.login === null ? [] : [...cloud.login.words, 'env', '-C', workspace];
  await runTempest([...outside, tempest], workspace, regex, tested);
  results = read();
  writeFileSync(join(workspace, 'serve.log'), cloud.log());
} finally {
  await cloud.close();
}
const file = `${workspace}.txt`;
writeFileSync(
  file,
  results.map(({ test, status, why }) => `${status} ${test}${why === '' ? '' : `  # ${why}`}\n`).join(''),
);
const complaints = judge(results, regex === EVERYTHING);
for (const complaint of complaints) console.log(complaint);
const count = (status: string): number => results.filter((result) => result.status === status).length;
console.log(`tempest: ${version}: each test's result is in ${file}`);
console.log(
  `tempest: ${count('pass')} passed, ${results.length - count('pass') - count('skip')} failed, ${count('skip')} skipped, ` +
    `${leftOut} left out by not-run.txt`,
);
process.exitCode = complaints.length === 0 && count('pass') > 0 ? 0 : 1;

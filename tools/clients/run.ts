// Why: `make clients`. The tests of a client, against `xloud serve` on the fake driver: none fails or is skipped but for a reason that
// not-run/SUITE.txt has, and nothing that it has a reason for passes.
//
//   node tools/clients/run.ts SUITE [SERVICE...]
//
// ONLY=PATTERN: of tests whose names match. Results: .cache/clients/SUITE/SERVICE.txt.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startService } from '../../test/support/serve.ts';
import { cloudOf } from './cloud.ts';
import { judge, readExcuses, excusesFile, type Result } from './judge.ts';
import { type Suite, suites } from './suites.ts';

const CACHE = join(import.meta.dirname, '..', '..', '.cache', 'clients');
const EVERY_TEST = '.';

/** Runs the tests of the services that were asked for, and gives what is wrong with them. */
async function runSuite(name: string, suite: Suite, asked: readonly string[], only: string): Promise<string[]> {
  const workspace = join(CACHE, name);
  rmSync(workspace, { recursive: true, force: true });
  mkdirSync(workspace, { recursive: true });
  const excuses = readExcuses(excusesFile(name));
  const service = await startService({ driver: 'fake', env: { XLOUD_LOG__LEVEL: 'warn', ...suite.options } });
  const complaints: string[] = [];
  const all: Result[] = [];
  try {
    const cloud = cloudOf(service, workspace);
    const env = await suite.prepare(cloud);
    for (const word of asked) {
      const began = Date.now();
      const results = await suite.run(word, cloud, env, only);
      if (results.length === 0) complaints.push(`${word}: no test was run`);
      all.push(...results);
      const lines = results.map(({ test, status, why }) => `${status} ${test}${why === '' ? '' : `  # ${why}`}\n`);
      writeFileSync(join(workspace, `${word}.txt`), lines.toSorted().join(''));
      const count = (status: Result['status']): number => results.filter((one) => one.status === status).length;
      const counts = `${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped`;
      console.log(`${suite.title}, ${word}: ${counts} in ${Math.round((Date.now() - began) / 1000)} s`);
    }
    writeFileSync(join(workspace, 'xloud.log'), service.log());
  } finally {
    await service.close();
  }
  const prefixes = only === EVERY_TEST ? asked.map((word) => suite.services[word] ?? '') : [];
  return [...complaints, ...judge(all, excuses, prefixes)];
}

const [name = '', ...words] = process.argv.slice(2);
const suite = Object.hasOwn(suites, name) ? suites[name] : undefined;
const known = Object.keys(suite?.services ?? {});
if (suite === undefined || words.some((word) => !known.includes(word))) {
  const what = suite === undefined ? Object.keys(suites).join('|') : `${name} [${known.join('|')}...]`;
  console.error(`usage: node tools/clients/run.ts ${what}`);
  process.exit(2);
}
const only = process.env['ONLY'] ?? EVERY_TEST;
const complaints = await runSuite(name, suite, words.length === 0 ? known : words, only);
for (const complaint of complaints) console.error(complaint);
console.log(
  complaints.length === 0
    ? `${suite.title}: every test passed, or stands with its reason in tools/clients/not-run/${name}.txt`
    : `${suite.title}: ${complaints.length} complaints; details in .cache/clients/${name}`,
);
process.exitCode = complaints.length === 0 ? 0 : 1;

// Why: `make clients`. openstacksdk's own functional tests, unmodified, by service: none fails or is skipped but for a reason that
// not-run.txt has, and nothing that it has a reason for passes.
//
//   node tools/clients/run.ts PYTHON [SERVICE...]
//
// Results: .cache/clients/SERVICE.txt.

import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { type Service, startService } from '../../test/support/serve.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const WORKSPACE = join(ROOT, '.cache', 'clients');
const SERVICES = ['identity', 'image', 'network', 'compute', 'block_storage'];
const LIMIT_MS = 900_000;
const BLANK = Buffer.alloc(1 << 20);
const IMAGE = 'tiny';
const FLAVOR = 'tiny';
/** A second user, in a project of his own, as the tests want one. */
const OTHER = { name: 'other', password: 'other-of-tests' };

interface Result {
  readonly test: string;
  readonly status: 'pass' | 'fail' | 'skip';
  readonly why: string;
}

interface Excuse {
  readonly pattern: RegExp;
  readonly line: string;
}

/** `PATTERN => reason`: tests that fail or are skipped. */
const excuses: readonly Excuse[] = readFileSync(join(import.meta.dirname, 'not-run.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [, pattern] = /^(\S+) => \S/.exec(line) ?? [];
    if (pattern === undefined) throw new Error(`not-run.txt: no reason: ${line}`);
    return { pattern: new RegExp(`^(?:${pattern})$`), line };
  });

// oxlint-disable-next-line typescript/no-explicit-any -- answers of services
type Json = any;

async function ask(service: Service, method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await service.request('xloud', method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** Makes what the tests find in a cloud, and the file that leads them there. */
async function prepare(service: Service): Promise<string> {
  const image = { name: IMAGE, visibility: 'public', disk_format: 'raw', container_format: 'bare' };
  const { id } = await ask(service, 'POST', '/image/v2/images', image);
  await ask(service, 'PUT', `/image/v2/images/${id}/file`, BLANK);
  await ask(service, 'POST', '/compute/v2.1/flavors', { flavor: { name: FLAVOR, vcpus: 1, ram: 64, disk: 1 } });
  const { project } = await ask(service, 'POST', '/identity/v3/projects', { project: { name: OTHER.name } });
  const { user } = await ask(service, 'POST', '/identity/v3/users', { user: OTHER });
  const { roles } = await ask(service, 'GET', '/identity/v3/roles?name=member');
  await ask(service, 'PUT', `/identity/v3/projects/${project.id}/users/${user.id}/roles/${roles[0].id}`);

  const { clouds } = parse(readFileSync(join(service.dataDir, 'clouds.yaml'), 'utf8')) as Json;
  const { xloud: admin, 'xloud-demo': demo } = clouds;
  const { project_name: _p, project_domain_name: _d, ...person } = admin.auth;
  const other = { ...demo.auth, username: OTHER.name, password: OTHER.password, project_name: OTHER.name };
  const path = join(WORKSPACE, 'clouds.yaml');
  const file = {
    devstack: demo,
    'devstack-admin': admin,
    'devstack-alt': { ...demo, auth: other },
    'devstack-system-admin': { ...admin, auth: { ...person, system_scope: 'all' } },
  };
  writeFileSync(path, stringify({ clouds: file }), { mode: 0o600 });
  // tests of images upload a file of the library's own sources
  writeFileSync(join(WORKSPACE, 'CONTRIBUTING.rst'), 'What is uploaded.\n');
  return path;
}

function run(python: string, service: string, cloudsYaml: string): Promise<Result[]> {
  const env = {
    ...process.env,
    OS_CLIENT_CONFIG_FILE: cloudsYaml,
    OS_CLOUD: 'devstack-admin',
    OPENSTACKSDK_IMAGE: IMAGE,
    OPENSTACKSDK_FLAVOR: FLAVOR,
    OPENSTACKSDK_FUNC_TEST_TIMEOUT: '60',
    OS_TEST_TIMEOUT: '90',
  };
  const words = [join(import.meta.dirname, 'results.py'), service];
  const how = { cwd: WORKSPACE, env, maxBuffer: 1 << 28, timeout: LIMIT_MS };
  return new Promise((resolve, reject) => {
    execFile(python, words, how, (error, stdout, stderr) => {
      writeFileSync(join(WORKSPACE, `${service}.log`), stderr);
      if (error !== null) return reject(error);
      resolve(
        stdout
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Result),
      );
    });
  });
}

/** @param asked the services that were tested: of others no line can be said to be needed no more */
function judge(results: readonly Result[], asked: readonly string[]): string[] {
  const complaints: string[] = [];
  const used = new Set<string>();
  for (const { test, status, why } of results) {
    const excuse = excuses.find(({ pattern }) => pattern.test(test));
    if (excuse !== undefined) used.add(excuse.line);
    if (status === 'pass' && excuse !== undefined) complaints.push(`passes, though not-run.txt has it: ${test}`);
    if (status !== 'pass' && excuse === undefined) complaints.push(`${status} ${test}: ${why}`);
  }
  for (const { line } of excuses)
    if (asked.some((service) => line.startsWith(service)) && !used.has(line))
      complaints.push(`is in not-run.txt, and there is no such test: ${line}`);
  return complaints;
}

const [python, ...words] = process.argv.slice(2);
if (python === undefined || words.some((word) => !SERVICES.includes(word))) {
  console.error(`usage: node tools/clients/run.ts PYTHON [${SERVICES.join('|')}...]`);
  process.exit(2);
}
const asked = words.length === 0 ? SERVICES : words;
rmSync(WORKSPACE, { recursive: true, force: true });
mkdirSync(WORKSPACE, { recursive: true });
const service = await startService({
  driver: 'fake',
  env: { XLOUD_LOG__LEVEL: 'warn', XLOUD_COMPUTE__FAKE_HOSTS: '2' },
});
const complaints: string[] = [];
try {
  const cloudsYaml = await prepare(service);
  const all: Result[] = [];
  for (const name of asked) {
    const began = Date.now();
    const results = await run(python, name, cloudsYaml);
    if (results.length === 0) complaints.push(`${name}: no test was run`);
    all.push(...results);
    const lines = results.map(({ test, status, why }) => `${status} ${test}${why === '' ? '' : `  # ${why}`}\n`);
    writeFileSync(join(WORKSPACE, `${name}.txt`), lines.toSorted().join(''));
    const count = (status: Result['status']): number => results.filter((one) => one.status === status).length;
    console.log(
      `openstacksdk, ${name}: ${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped in ${Math.round((Date.now() - began) / 1000)} s`,
    );
  }
  complaints.push(...judge(all, asked));
} finally {
  await service.close();
}
for (const complaint of complaints) console.error(complaint);
console.log(
  complaints.length === 0
    ? 'openstacksdk: every test passed, or stands with its reason in tools/clients/not-run.txt'
    : `openstacksdk: ${complaints.length} complaints; details in .cache/clients`,
);
process.exitCode = complaints.length === 0 ? 0 : 1;

// Why: the clients whose tests `make clients` runs: what each finds in its cloud, and how its tests are run.

import { execFile } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import {
  type Cloud,
  cloudsOf,
  devstackClouds,
  type Env,
  insideOf,
  makeFlavors,
  makeImage,
  makeOutside,
} from './cloud.ts';
import { readGoTest } from './go-test.ts';
import type { Result } from './judge.ts';

const CACHE = join(import.meta.dirname, '..', '..', '.cache');
const LIMIT_MS = 5_400_000;

export interface Suite {
  readonly title: string;
  /** Each word of the command line, with what the names of its tests begin with. */
  readonly services: Readonly<Record<string, string>>;
  /** Options of the cloud beside the fake driver. */
  readonly options: Env;
  /** Makes what the tests find; gives the variables that they are told by. */
  readonly prepare: (cloud: Cloud) => Promise<Env>;
  /** Runs the tests of one service; of them only those whose names the pattern matches. */
  readonly run: (service: string, cloud: Cloud, env: Env, only: string) => Promise<readonly Result[]>;
}

/** What a program prints; all that it says goes to the log. Its exit status is not looked at. */
function output(command: string, words: readonly string[], cwd: string, env: Env, log: string): Promise<string> {
  const how = { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 29, timeout: LIMIT_MS };
  return new Promise((resolve, reject) => {
    const child = execFile(command, words, how, (error, stdout) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve(stdout);
    });
    // a command that is given no file would wait for one
    child.stdin?.end();
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: string) => appendFileSync(log, text));
  });
}

/** Tests below a Python package, by service: its folders. */
const pythonTests =
  (suite: string, base: string, folders: Readonly<Record<string, readonly string[]>>): Suite['run'] =>
  async (service, { workspace }, env, only) => {
    const program = join(CACHE, 'venv', suite, 'bin', 'python');
    const words = [join(import.meta.dirname, 'results.py'), base, only, ...(folders[service] ?? [])];
    const text = await output(program, words, workspace, env, join(workspace, `${service}.log`));
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Result);
  };

const names = (...services: readonly string[]): Record<string, string> =>
  Object.fromEntries(services.map((service) => [service, service]));

const TWO_HOSTS = { XLOUD_COMPUTE__FAKE_HOSTS: '2' };

const sdk: Suite = {
  title: 'openstacksdk',
  services: names('identity', 'image', 'network', 'compute', 'block_storage'),
  options: TWO_HOSTS,
  async prepare(cloud) {
    await makeImage(cloud, 'tiny');
    await makeFlavors(cloud, { name: 'tiny', ram: 64 });
    const path = join(cloud.workspace, 'clouds.yaml');
    writeFileSync(path, stringify({ clouds: await devstackClouds(cloud) }), { mode: 0o600 });
    // tests of images upload a file of the library's own sources
    writeFileSync(join(cloud.workspace, 'CONTRIBUTING.rst'), 'What is uploaded.\n');
    return {
      ...{ OS_CLIENT_CONFIG_FILE: path, OS_CLOUD: 'devstack-admin' },
      ...{ OPENSTACKSDK_IMAGE: 'tiny', OPENSTACKSDK_FLAVOR: 'tiny' },
      ...{ OPENSTACKSDK_FUNC_TEST_TIMEOUT: '60', OS_TEST_TIMEOUT: '90' },
    };
  },
  run: pythonTests('sdk', 'openstack.tests.functional', {
    ...{ identity: ['identity'], image: ['image'], network: ['network'] },
    ...{ compute: ['compute'], block_storage: ['block_storage'] },
  }),
};

const novaclient: Suite = {
  title: 'python-novaclient',
  services: { compute: '' },
  // the tests look at tables of services with one line
  options: { XLOUD_COMPUTE__ALLOW_RESIZE_TO_SAME_HOST: 'yes' },
  async prepare(cloud) {
    await makeImage(cloud, 'cirros-disk.img');
    await makeFlavors(cloud, { name: 'm1.tiny', ram: 512 }, { name: 'm1.small', ram: 1024 });
    const { admin } = cloudsOf(cloud);
    const auth = { ...admin.auth, user_domain_id: 'default', project_domain_id: 'default' };
    const path = join(cloud.workspace, 'clouds.yaml');
    writeFileSync(path, stringify({ clouds: { functional_admin: { ...admin, auth } } }), { mode: 0o600 });
    return {
      ...{ OS_CLIENT_CONFIG_FILE: path, OS_NOVACLIENT_NETWORK: 'private', OS_TEST_TIMEOUT: '300' },
      OS_NOVACLIENT_EXEC_DIR: join(CACHE, 'venv', 'novaclient', 'bin'),
      // where it is looked for though the variable before says it
      TOX_ENV_DIR: join(CACHE, 'venv', 'novaclient'),
    };
  },
  run: pythonTests('novaclient', 'novaclient.tests.functional', { compute: ['.'] }),
};

const osc: Suite = {
  title: 'python-openstackclient',
  services: names('common', 'compute', 'identity', 'image', 'network', 'volume'),
  options: TWO_HOSTS,
  async prepare(cloud) {
    // the tests tell servers apart by the second in which they changed
    await makeImage(cloud, 'cirros-tiny-disk', { xloud_fake: 'slow:1100' });
    await makeFlavors(cloud, { name: 'm1.tiny', ram: 64 }, { name: 'm1.small', ram: 128 });
    await makeOutside(cloud);
    // the tests take every variable from the client that it could be told by: it looks where it runs
    const path = join(cloud.workspace, 'clouds.yaml');
    writeFileSync(path, stringify({ clouds: await devstackClouds(cloud) }), { mode: 0o600 });
    return { OS_TEST_TIMEOUT: '300' };
  },
  run: pythonTests('osc', 'openstackclient.tests.functional', {
    ...{ common: ['common'], compute: ['compute/v2'], identity: ['identity/v3'], image: ['image/v2'] },
    ...{ network: ['network/v2'], volume: ['volume/v3'] },
  }),
};

const MODULE = 'github.com/gophercloud/gophercloud/v2/internal/acceptance/openstack/';

/** Runs tests of packages; after a panic those that were behind it. */
async function goTests(folder: string, cloud: Cloud, env: Env, wanted: string): Promise<Result[]> {
  const all: Result[] = [];
  for (;;) {
    const done = all.map(({ test }) => test.replace(/^.*\./, ''));
    const skip = done.length === 0 ? [] : ['-skip', `^(${done.join('|')})$`];
    const how = ['-json', '-vet=off', '-count=1', '-p=1', '-timeout=80m', '-tags=acceptance', '-run', wanted, ...skip];
    const words = ['test', ...how, `./internal/acceptance/openstack/${folder}/...`];
    const text = await output('go', words, join(CACHE, 'gophercloud'), env, join(cloud.workspace, 'go.log'));
    const { results, cutOff } = readGoTest(
      text,
      (pkg, test) => `${pkg.replace(MODULE, '').replace(/ .*/, '')}.${test}`,
    );
    all.push(...results);
    if (!cutOff || results.length === 0) return all;
  }
}

const gophercloud: Suite = {
  title: 'gophercloud',
  services: {
    ...{ compute: 'compute/v2', identity: 'identity/v3', image: 'image/v2' },
    ...{ network: 'networking/v2', block_storage: 'blockstorage/v3' },
  },
  options: TWO_HOSTS,
  async prepare(cloud) {
    // the tests look once a second for what a server is only while it reboots
    const image = await makeImage(cloud, 'tiny', { xloud_fake: 'slow:1500' });
    await makeFlavors(
      cloud,
      { id: 'tests', name: 'm1.acctest', ram: 512, disk: 1, 'OS-FLV-EXT-DATA:ephemeral': 2 },
      { id: 'other', name: 'm1.resize', ram: 1024, disk: 2, 'OS-FLV-EXT-DATA:ephemeral': 2 },
    );
    const outside = await makeOutside(cloud);
    const inside = await insideOf(cloud);
    const { auth_url } = cloudsOf(cloud).admin.auth;
    return {
      ...{ OS_AUTH_URL: auth_url, OS_DOMAIN_NAME: 'Default', OS_REGION_NAME: 'RegionOne', OS_BRANCH: 'master' },
      ...{ OS_IMAGE_ID: image, OS_FLAVOR_ID: 'tests', OS_FLAVOR_ID_RESIZE: 'other' },
      ...{ OS_POOL_NAME: 'public', OS_EXTGW_ID: outside, OS_NETWORK_NAME: inside.name, OS_NETWORK_ID: inside.id },
      ...{ OS_SUBNET_ID: inside.subnets[0] ?? '', OS_LIVE_MIGRATE: '1' },
    };
  },
  async run(service, cloud, env, only) {
    const folder = gophercloud.services[service] ?? '';
    const results = new Map<string, Result>();
    // what an administrator does not run wants anybody else
    for (const { auth } of Object.values(cloudsOf(cloud))) {
      const person = { OS_USERNAME: auth.username, OS_PASSWORD: auth.password, OS_PROJECT_NAME: auth.project_name };
      const skipped = [...results.values()].filter(({ status }) => status === 'skip');
      if (results.size > 0 && skipped.length === 0) break;
      const left = skipped.map(({ test }) => test.replace(/^.*\./, ''));
      const wanted = results.size === 0 ? only : `^(${left.join('|')})$`;
      for (const result of await goTests(folder, cloud, { ...env, ...person }, wanted)) {
        if ((results.get(result.test)?.status ?? 'skip') !== 'skip') continue;
        // of two reasons the first tells more: the second is that it is nobody else's
        if (result.status !== 'skip' || !results.has(result.test)) results.set(result.test, result);
      }
    }
    return [...results.values()];
  },
};

const libcloud: Suite = {
  title: 'Apache libcloud',
  services: { compute: '' },
  options: TWO_HOSTS,
  async prepare(cloud) {
    await makeImage(cloud, 'tiny');
    await makeFlavors(cloud, { name: 'small', ram: 64 }, { name: 'large', ram: 128 });
    await makeOutside(cloud);
    const { auth } = cloudsOf(cloud).admin;
    return { OS_AUTH_URL: auth.auth_url, OS_PASSWORD: auth.password };
  },
  async run(service, { workspace }, env) {
    const program = join(CACHE, 'venv', 'libcloud', 'bin', 'python');
    const log = join(workspace, `${service}.log`);
    const text = await output(program, [join(import.meta.dirname, 'libcloud-walk.py')], workspace, env, log);
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Result);
  },
};

/** By the word of the command line. */
export const suites: Readonly<Record<string, Suite>> = { sdk, novaclient, osc, gophercloud, libcloud };

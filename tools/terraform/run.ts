// Why: `make terraform`. The OpenStack provider, unmodified, against `xloud serve` on the fake driver: a module with all of its
// compute resources and data sources is applied, planned again, changed and destroyed; then the provider's own acceptance tests
// of compute and of volumes are run. Both come through nginx, with TLS and below a path, as users of a deployed cloud do.
//
//   node tools/terraform/run.ts TERRAFORM PROVIDER_DIR [TESTS]
//
// TERRAFORM: terraform or tofu. PROVIDER_DIR: where the provider stands and, as openstack.test, its tests. TESTS: which of them.

import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { type Front, placeFront } from '../../test/support/front.ts';
import { type Service, startService } from '../../test/support/serve.ts';
import { placeOfProvider } from './place.ts';

const run = promisify(execFile);
const EVERY_TEST = '^TestAcc(ComputeV2|Block[Ss]torage)';

/** Acceptance tests that are not run, each with the reason. */
const notRun: readonly (readonly [RegExp, string])[] = [
  [/FromBackup/, 'volumes have no backups'],
  [/BlockStorage(QuotasetV3_basic|V3QuotasetDataSource)/, 'quotas of a single type of volumes are not offered'],
  [
    /VolumeTypeV3_EndpointCheck/,
    'makes a service of the catalog, which the built-in identity service has from its configuration',
  ],
  [/multiEphemeral/, "a flavor's ephemeral space is one disk here and cannot be divided"],
];

// oxlint-disable-next-line typescript/no-explicit-any -- answers of services and programs
type Json = any;
type Env = Readonly<Record<string, string>>;

interface Cloud {
  readonly service: Service;
  readonly front: Front;
  readonly hypervisor: string;
  readonly ask: (method: string, path: string, body?: unknown) => Promise<Json>;
}

async function makeImage(ask: Cloud['ask'], named: object): Promise<void> {
  const image = { visibility: 'public', disk_format: 'raw', container_format: 'bare', ...named };
  const { id } = await ask('POST', '/image/v2/images', image);
  await ask('PUT', `/image/v2/images/${id}/file`, Buffer.alloc(1 << 20));
}

async function startCloud(): Promise<Cloud> {
  const place = await placeFront('nginx');
  const service = await startService({
    driver: 'fake',
    env: {
      XLOUD_LOG__LEVEL: 'warn',
      XLOUD_COMPUTE__FAKE_HOSTS: '2',
      XLOUD_API__PUBLIC_URL: place.url,
      // a test makes subnets of addresses by chance
      XLOUD_NETWORK__TENANT_RANGES: '0.0.0.0/0,::/0',
    },
  });
  const front = await place.begin(service.url);
  const ask: Cloud['ask'] = async (method, path, body) => {
    const answer = await service.request('xloud', method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  await makeImage(ask, { name: 'tiny' });
  const { hypervisors } = await ask('GET', '/compute/v2.1/os-hypervisors');
  return { service, front, hypervisor: hypervisors[0].hypervisor_hostname, ask };
}

/** The module's whole life. Rejects with what terraform said where it fails, or where a plan finds a difference after apply. */
async function liveThrough(
  terraform: string,
  provider: string,
  { service, front, hypervisor, ask }: Cloud,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'xloud-terraform-'));
  cpSync(join(import.meta.dirname, 'module'), dir, { recursive: true });
  const overrides = `dev_overrides { "terraform-provider-openstack/openstack" = "${provider}" }`;
  writeFileSync(join(dir, 'terraformrc'), `provider_installation {\n  ${overrides}\n  direct {}\n}\n`);
  const env = {
    ...process.env,
    OS_CLIENT_CONFIG_FILE: join(service.dataDir, 'clouds.yaml'),
    OS_CACERT: front.certificate,
    TF_CLI_CONFIG_FILE: join(dir, 'terraformrc'),
    TF_IN_AUTOMATION: '1',
    CHECKPOINT_DISABLE: '1',
    TF_VAR_hypervisor: hypervisor,
  };
  const tf = async (...words: string[]): Promise<string> => {
    try {
      return (await run(terraform, [...words, '-no-color'], { cwd: dir, env, maxBuffer: 1 << 26 })).stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`terraform ${words.join(' ')}:\n${stdout}\n${stderr}`, { cause: error });
    }
  };
  /** Applies; a plan that then finds a difference has the exit status 2. */
  const apply = async (what: string, ...variables: string[]): Promise<void> => {
    await tf('apply', '-auto-approve', ...variables);
    await tf('plan', '-detailed-exitcode', ...variables);
    console.log(`terraform: ${what}: applied, and a plan finds no difference`);
  };
  try {
    await apply('all resources');
    const seen = JSON.parse(await tf('output', '-json')).seen.value as Json;
    const { flavor, cores, instances, server } = seen;
    if (flavor !== 1 || cores !== 30 || instances !== 12 || server !== 'active') {
      throw new Error(`the data sources say ${JSON.stringify(seen)}`);
    }
    const other = ['-var=size=big', '-var=labels={role="web",new="yes"}', '-var=tags=["blue","green"]'];
    await apply('another size, other metadata and tags', ...other);
    for (const state of ['shutoff', 'active', 'paused', 'active', 'shelved_offloaded', 'active']) {
      await apply(`power state ${state}`, ...other, `-var=power_state=${state}`);
    }
    await tf('destroy', '-auto-approve', ...other);
    const left = await Promise.all([
      ask('GET', '/compute/v2.1/servers?all_tenants=1'),
      ask('GET', '/compute/v2.1/os-keypairs'),
      ask('GET', '/compute/v2.1/os-aggregates'),
      ask('GET', '/compute/v2.1/os-server-groups'),
      ask('GET', '/compute/v2.1/flavors?is_public=None'),
    ]);
    const things = left.flatMap((answer) => Object.values(answer as object)).flat();
    if (things.length > 0) throw new Error(`destroy left ${JSON.stringify(things)}`);
    console.log('terraform: destroyed, and nothing is left');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** What the provider's tests find in a cloud that is ready for them, as environment, without who they are. */
async function readyForTests({ hypervisor, ask }: Cloud): Promise<Env> {
  const flavor = { id: 'tests', name: 'm1.acctest', vcpus: 1, ram: 512, disk: 10 };
  // by these names the tests look for them
  for (const one of [flavor, { id: 'other', name: 'm1.resize', vcpus: 1, ram: 512, disk: 11 }]) {
    await ask('POST', '/compute/v2.1/flavors', { flavor: one });
  }
  // one of the tests gives the id where a name belongs
  const image = randomUUID();
  await makeImage(ask, { id: image, name: image });
  const makeNetwork = async (cidr: string, more: object): Promise<string> => {
    const { network } = await ask('POST', '/network/v2.0/networks', { network: more });
    await ask('POST', '/network/v2.0/subnets', { subnet: { network_id: network.id, ip_version: 4, cidr } });
    return network.id as string;
  };
  // one network must be all there is to choose from: a test asks for `auto`
  const { networks } = await ask('GET', '/network/v2.0/networks');
  for (const { id } of networks) await ask('DELETE', `/network/v2.0/networks/${id}`);
  const outside = await makeNetwork('198.51.100.0/24', { name: 'public', 'router:external': true });
  // the tests ask for addresses of this range
  const inside = await makeNetwork('10.0.0.0/24', { name: 'inside', shared: true });
  return {
    ...{ OS_DOMAIN_NAME: 'Default', OS_REGION_NAME: 'RegionOne' },
    ...{ OS_IMAGE_ID: image, OS_IMAGE_NAME: image, OS_FLAVOR_ID: flavor.id, OS_FLAVOR_NAME: flavor.name },
    ...{ OS_NETWORK_ID: inside, OS_EXTGW_ID: outside, OS_POOL_NAME: 'public' },
    OS_HYPERVISOR_HOSTNAME: hypervisor,
    // a volume may grow while a server has it
    OS_ONLINE_RESIZE: '1',
  };
}

type Outcome = 'PASS' | 'FAIL' | 'SKIP';

/** Runs tests of the provider as a user of a cloud; each failing one's words are printed. Those that are skipped want another user. */
async function runAs(program: string, names: readonly string[], env: Env): Promise<Map<string, Outcome>> {
  const words = ['-test.run', `^(${names.join('|')})$`, '-test.v', '-test.timeout', '60m'];
  const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const outcomes = new Map<string, Outcome>();
  let said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [, end, name] = /^--- (PASS|FAIL|SKIP): (\S+)/.exec(line) ?? [];
    if (end === undefined || name === undefined) said.push(line);
    else {
      outcomes.set(name, end as Outcome);
      if (end !== 'SKIP') console.log(end === 'FAIL' ? [...said, line].join('\n') : line);
      said = [];
    }
  }
  return outcomes;
}

/** Runs the provider's tests, first those that want an administrator, then those that want anybody else. */
async function runTests(terraform: string, provider: string, cloud: Cloud, which: string): Promise<boolean> {
  const program = join(provider, 'openstack.test');
  const { stdout } = await run(program, ['-test.list', which]);
  const reasonOf = (name: string): string | undefined => notRun.find(([pattern]) => pattern.test(name))?.[1];
  const all = stdout.split('\n').filter((name) => name.startsWith('Test'));
  for (const name of all) if (reasonOf(name) !== undefined) console.log(`not run ${name}: ${reasonOf(name)}`);
  const chosen = all.filter((name) => reasonOf(name) === undefined);
  const shared = {
    ...{ PATH: process.env['PATH'] ?? '', HOME: cloud.service.dataDir },
    ...{ TF_ACC: '1', TF_ACC_TERRAFORM_PATH: terraform, CHECKPOINT_DISABLE: '1' },
    ...(await placeOfProvider(terraform, 'openstack')),
    ...(await readyForTests(cloud)),
  };
  const { clouds } = parse(readFileSync(join(cloud.service.dataDir, 'clouds.yaml'), 'utf8')) as Json;
  const ended = new Map<string, Outcome>();
  for (const user of ['xloud', 'xloud-demo']) {
    const { auth_url, username, password, project_name } = clouds[user].auth;
    const env = {
      ...{ OS_AUTH_URL: auth_url, OS_USERNAME: username, OS_PASSWORD: password, OS_PROJECT_NAME: project_name },
      OS_CACERT: cloud.front.certificate,
    };
    const left = chosen.filter((name) => (ended.get(name) ?? 'SKIP') === 'SKIP');
    for (const [name, outcome] of await runAs(program, left, { ...shared, ...env })) ended.set(name, outcome);
  }
  const skipped = chosen.filter((name) => (ended.get(name) ?? 'SKIP') === 'SKIP');
  for (const name of skipped) console.log(`skipped as either user: ${name}`);
  const passed = [...ended.values()].filter((outcome) => outcome === 'PASS').length;
  const failed = chosen.length - passed - skipped.length;
  console.log(`terraform: ${passed} passed, ${failed} failed, ${skipped.length} skipped`);
  return passed > 0 && passed === chosen.length;
}

const [terraform, provider, which = EVERY_TEST] = process.argv.slice(2);
if (terraform === undefined || provider === undefined) {
  console.error('usage: node tools/terraform/run.ts TERRAFORM PROVIDER_DIR [TESTS]');
  process.exit(2);
}
const cloud = await startCloud();
try {
  if (which === EVERY_TEST) await liveThrough(terraform, provider, cloud);
  if (!(await runTests(terraform, provider, cloud, which))) process.exitCode = 1;
} finally {
  await cloud.front.close();
  await cloud.service.close();
}

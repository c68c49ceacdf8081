// Why: processes apart are tried as an operator has them: APIs, workers and agents as processes of their own, on one MariaDB and one
// RabbitMQ, each of which can be killed and started again.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { freshMariadb } from './mariadb.ts';
import { type Rabbitmq, startRabbitmq } from './rabbitmq.ts';
import { eventually, freePort, type Reply } from './serve.ts';

/** The `xloud` of this checkout. */
export const XLOUD = join(import.meta.dirname, '..', '..', 'bin', 'xloud');
/** As of the other processes that tests start: how long a start takes on a busy machine is no promise. */
const READY_MS = 180_000;

type Role = 'api' | 'worker' | 'agent';

/** Where a process of the cluster runs. */
export interface Spot {
  /** Its own address, at which it listens. */
  readonly address: string;
  /** The command that it is given to. */
  readonly within: readonly string[];
  /** More for its environment. */
  readonly env: Readonly<Record<string, string>>;
}

const loopback: Spot = { address: '127.0.0.1', within: [], env: {} };

/** One process of the cluster. */
export interface Member {
  /** Where it answers probes; of an API, everything. */
  readonly url: string;
  /** Resolves when it is ready. `program`: what it runs from now on, in place of what it ran. */
  start(program?: string): Promise<void>;
  /** Resolves when it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** SIGSTOP halts it until SIGCONT. */
  signal(signal: NodeJS.Signals): void;
  isRunning(): boolean;
  log(): string;
  /** Null: it does not run. */
  pid(): number | null;
  /** What its processors did for it, in seconds, since it began. */
  cpuSeconds(): number;
}

export interface ClusterWish {
  readonly apis?: number;
  readonly workers?: number;
  /** Names of the hosts; each has an agent of its own. */
  readonly hosts?: readonly string[];
  /** Default: fake. */
  readonly driver?: string;
  /** Where clients and agents reach the APIs; default: at the first one itself. */
  readonly front?: { readonly url: string; readonly start: (apis: readonly string[]) => Promise<void> };
  /** Where configurations, logs and data go, and stay; default: a directory that goes when all ends. */
  readonly directory?: string;
  /** Whose it is to end; default: a fresh one on the run's server. */
  readonly databaseUrl?: string;
  /** Default: a fresh one on the loopback. */
  readonly broker?: Rabbitmq;
  /** Where each process runs, by its name; default: beside this one, on the loopback. */
  readonly spotOf?: (name: string) => Spot;
  /** What all of it runs; default: this checkout's. */
  readonly program?: string;
  /** More for the configuration of a host's agent; `entry` is where APIs are reached. */
  readonly hostConfig?: (host: string, entry: string) => Readonly<Record<string, object>>;
  /** More for the configurations of APIs and workers: whole sections that they have nothing of else. */
  readonly control?: Readonly<Record<string, object>>;
  /** More for every configuration. */
  readonly config?: Readonly<Record<string, object>>;
  /** An operator's Keystone; default: the built-in identity service, whose first users the file of `cloudsYaml` then has. */
  readonly keystone?: {
    /** The section `identity` of every configuration: where it is, and who we are there. */
    readonly identity: object;
    /** Of its administrator. */
    readonly token: () => Promise<string>;
    readonly cloudsYaml: string;
    /** Makes the APIs known there. */
    readonly register: (entry: string) => Promise<void>;
  };
}

export interface Cluster {
  readonly apis: readonly Member[];
  readonly workers: readonly Member[];
  readonly agents: ReadonlyMap<string, Member>;
  readonly broker: Rabbitmq;
  readonly databaseUrl: string;
  readonly directory: string;
  /** With the clouds `xloud` and `xloud-demo`. */
  readonly cloudsYaml: string;
  /** One request through an API as the administrator. */
  request(api: number, method: string, path: string, body?: unknown): Promise<Reply>;
  /** A new token of the administrator, from one of the APIs. */
  token(api: number): Promise<string>;
  /** An image and a flavor to make servers of. */
  prepare(): Promise<{ readonly image: string; readonly flavor: string }>;
  close(): Promise<void>;
}

/** Who the agents are at the image service. */
async function makeAgentsUser(request: Cluster['request'], password: string): Promise<void> {
  const identity = async (method: string, path: string, body?: unknown) => {
    const reply = await request(0, method, `/identity/v3${path}`, body);
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(reply)}`);
    return reply.body;
  };
  const { id } = (await identity('POST', '/users', { user: { name: 'nova', password, domain_id: 'default' } })).user;
  const [project] = (await identity('GET', '/projects?name=service')).projects;
  const [role] = (await identity('GET', '/roles?name=service')).roles;
  await identity('PUT', `/projects/${project.id}/users/${id}/roles/${role.id}`);
}

export async function startCluster(wish: ClusterWish = {}): Promise<Cluster> {
  const { apis = 2, workers = 2, hosts = ['host-1', 'host-2'], driver = 'fake', front, config = {} } = wish;
  const { hostConfig = () => ({}), spotOf = () => loopback }: Pick<ClusterWish, 'hostConfig' | 'spotOf'> = wish;
  const directory = wish.directory ?? mkdtempSync(join(tmpdir(), 'xloud-cluster-'));
  const database = wish.databaseUrl === undefined ? freshMariadb() : { url: wish.databaseUrl, drop: async () => {} };
  const [broker, { url: databaseUrl, drop }] = await Promise.all([wish.broker ?? startRabbitmq(), database]);
  execFileSync(wish.program ?? XLOUD, ['bus', 'keys', '--dir', directory]);
  const secret = 'a-password-of-the-agents';
  writeFileSync(join(directory, 'agent-password'), `${secret}\n`, { mode: 0o600 });
  const { keystone } = wish;
  const shared = {
    database: { connection: databaseUrl },
    bus: { url: broker.url, signing_key_file: join(directory, 'bus-signing.pem') },
    identity: keystone?.identity ?? { keys_dir: join(directory, 'keys') },
    image: { directory: join(directory, 'images') },
    quota: { instances: -1, cores: -1, ram: -1 },
    ...wish.control,
  };
  const members: Member[] = [];

  async function member(role: Role, name: string, own: (port: number, address: string) => object): Promise<Member> {
    const { address, within, env } = spotOf(name);
    const port = await freePort();
    const file = join(directory, `${name}.yaml`);
    const sections = own(port, address) as Record<string, object>;
    // where there is a real hypervisor APIs and workers have none, and are not told that they have
    const driven = role === 'agent' || driver === 'fake' ? { driver } : {};
    const compute = { ...driven, report_seconds: 0.5, down_seconds: 4, reserved_memory_mb: 0 };
    const all: Record<string, object> = { ...sections, compute: { ...compute, ...sections['compute'] } };
    for (const [section, options] of Object.entries(config)) all[section] = { ...all[section], ...options };
    writeFileSync(file, stringify(all), { mode: 0o600 });
    const logFile = join(directory, `${name}.log`);
    let child: ChildProcess | null = null;
    let executable = wish.program ?? XLOUD;
    const isRunning = (): boolean => child !== null && child.exitCode === null && child.signalCode === null;
    const url = `http://${address}:${port}`;
    const made: Member = {
      url,
      isRunning,
      log: () => readFileSync(logFile, 'utf8'),
      pid: () => child?.pid ?? null,
      cpuSeconds() {
        const stat = readFileSync(`/proc/${child?.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
        return (Number(stat[11]) + Number(stat[12])) / 100;
      },
      async start(program = executable) {
        executable = program;
        const output = openSync(logFile, 'a', 0o600);
        const [command, ...words] = [
          ...within,
          executable,
          role,
          '--config',
          file,
          '--data-dir',
          join(directory, name),
        ];
        child = spawn(command as string, words, { stdio: ['ignore', output, output], env: { ...process.env, ...env } });
        await eventually(`${name}, ready`, READY_MS, async () => {
          if (!isRunning()) throw new Error(`${name} ended: ${made.log().slice(-3_000)}`);
          // an API is ready once a host is up: here it is enough that it lives
          const response = await fetch(`${url}${role === 'api' ? '/healthz' : '/readyz'}`).catch(() => null);
          await response?.body?.cancel();
          return response?.ok ? true : null;
        });
      },
      signal: (signal) => void child?.kill(signal),
      async kill(signal) {
        child?.kill(signal);
        await eventually(`the end of ${name}`, 60_000, () => (isRunning() ? null : true));
      },
    };
    members.push(made);
    await made.start();
    return made;
  }

  const token = async (url: string, username: string, password: string, project: string): Promise<string> => {
    const domain = { name: 'Default' };
    const auth = {
      identity: { methods: ['password'], password: { user: { name: username, password, domain } } },
      scope: { project: { name: project, domain } },
    };
    const response = await fetch(`${url}/identity/v3/auth/tokens`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ auth }),
    });
    const found = response.headers.get('X-Subject-Token');
    if (found === null) throw new Error(`no token: ${response.status} ${await response.text()}`);
    return found;
  };

  const close = async (): Promise<void> => {
    for (const one of members) if (one.isRunning()) await one.kill('SIGKILL');
    await broker.stop();
    await drop();
    if (wish.directory === undefined) rmSync(directory, { recursive: true, force: true });
  };

  try {
    // both at once, on a database without a schema
    const startedApis = await Promise.all(
      Array.from({ length: apis }, (_, index) =>
        member('api', `api-${index + 1}`, (port, host) => ({
          ...shared,
          api: {
            host,
            port,
            ...(front === undefined ? {} : { public_url: front.url, trusted_proxies: ['127.0.0.1'] }),
          },
        })),
      ),
    );
    const [first] = startedApis as [Member];
    await front?.start(startedApis.map(({ url }) => url));
    const entry = front?.url ?? first.url;
    await keystone?.register(entry);
    // the one of them that made the first users says so when it is up, a little after it answers
    const firstUsers = () =>
      eventually('the first users', READY_MS, () => {
        const wrote = startedApis.findIndex((api) => api.log().includes('OS_CLIENT_CONFIG_FILE'));
        return wrote === -1 ? null : join(directory, `api-${wrote + 1}`, 'clouds.yaml');
      });
    const cloudsYaml = keystone?.cloudsYaml ?? (await firstUsers());
    const { clouds } = parse(readFileSync(cloudsYaml, 'utf8')) as {
      clouds: { xloud: { auth: { password: string } } };
    };
    const adminToken = (api: Member): Promise<string> =>
      keystone?.token() ?? token(api.url, 'admin', clouds.xloud.auth.password, 'admin');
    let admin = await adminToken(first);

    async function request(api: number, method: string, path: string, body?: unknown): Promise<Reply> {
      const bytes = body instanceof Uint8Array;
      const response = await fetch(`${startedApis[api]?.url}${path}`, {
        method,
        headers: {
          'X-Auth-Token': admin,
          'OpenStack-API-Version': 'compute 2.96',
          ...(body === undefined ? {} : { 'Content-Type': bytes ? 'application/octet-stream' : 'application/json' }),
        },
        ...(body === undefined ? {} : { body: bytes ? body : JSON.stringify(body) }),
      } as RequestInit);
      const text = await response.text();
      const isJson = response.headers.get('Content-Type')?.includes('json') === true;
      return { status: response.status, body: isJson && text !== '' ? (JSON.parse(text) as unknown) : text };
    }

    if (keystone === undefined) {
      await makeAgentsUser(request, secret);
      admin = await adminToken(first);
    }

    const startedWorkers = await Promise.all(
      Array.from({ length: workers }, (_, index) =>
        member('worker', `worker-${index + 1}`, (port, address) => ({
          ...shared,
          worker: { listen: `${address}:${port}` },
        })),
      ),
    );
    const agents = await Promise.all(
      hosts.map(
        async (host) =>
          [
            host,
            await member('agent', host, (port, address) => ({
              bus: { url: broker.url, trusted_keys: [join(directory, 'bus-trusted.pem')] },
              identity: keystone?.identity ?? {
                auth_url: `${entry}/identity`,
                password_file: join(directory, 'agent-password'),
              },
              ...(keystone === undefined ? { image: { endpoint: `${entry}/image` } } : {}),
              agent: { listen: `${address}:${port}` },
              ...hostConfig(host, entry),
              compute: { host, ...hostConfig(host, entry)['compute'] },
            })),
          ] as const,
      ),
    );
    return {
      apis: startedApis,
      workers: startedWorkers,
      agents: new Map(agents),
      broker,
      databaseUrl,
      directory,
      cloudsYaml,
      request,
      token: (api) => adminToken(startedApis[api] ?? first),
      async prepare() {
        const meta = { name: 'i', disk_format: 'raw', container_format: 'bare' };
        const image = (await request(0, 'POST', '/image/v2/images', meta)).body.id as string;
        await request(0, 'PUT', `/image/v2/images/${image}/file`, new Uint8Array(1024));
        const flavor = { name: 'f', id: 'f', vcpus: 2, ram: 128, disk: 1 };
        await request(1 % apis, 'POST', '/compute/v2.1/flavors', { flavor });
        const extra_specs = { minimum_cpu: '1', minimum_memory: '64' };
        await request(0, 'POST', '/compute/v2.1/flavors/f/os-extra_specs', { extra_specs });
        return { image, flavor: 'f' };
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

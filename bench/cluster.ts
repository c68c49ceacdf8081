// Why: what processes apart cost, and what more of them bring: servers that are accepted and built in a second, and read, and processor
// time for each, by 1 API + 1 worker and by 2 + 2, on one MariaDB, one RabbitMQ and the same agents with fake hosts, all on this machine. On few
// processors more processes bring no more work, they only share them: what a server costs is then the figure to look at.
//
// usage: node bench/cluster.ts [--json] [--servers N] [--hosts N] [--seconds N]

import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { table } from '../src/base/table.ts';
import { openDatabase } from '../src/db/engine.ts';
import { type Cluster, type Member, startCluster } from '../test/support/cluster.ts';
import { mariadbPid } from '../test/support/mariadb.ts';
import { conclude, type Figure, round, say } from './lib/figures.ts';
import { serversWith } from './lib/fill.ts';
import { numberOf } from './lib/flags.ts';
import { load, requestBytes } from './lib/load.ts';
import { cpuMicros } from './lib/process.ts';

const SERVERS = numberOf('--servers', 300);
const HOSTS = numberOf('--hosts', 4);
const SECONDS = numberOf('--seconds', 10);
const CLIENTS = 16;
const WARM_UP = 30;
const LOOK_MS = 100;

interface Reads {
  readonly perSecond: number;
  /** Milliseconds of processor for each. */
  readonly cpu: Readonly<Record<'APIs' | 'MariaDB', number>>;
}

interface Measured {
  readonly acceptedPerSecond: number;
  readonly builtPerSecond: number;
  /** Milliseconds of processor for each server. */
  readonly cpu: Readonly<Record<'APIs' | 'workers' | 'agents' | 'MariaDB', number>>;
  /** One server, and a page of a hundred, again and again. */
  readonly server: Reads;
  readonly page: Reads;
}

const cpuOf = (members: Iterable<Member>): number => [...members].reduce((sum, one) => sum + one.cpuSeconds(), 0);

async function create(cluster: Cluster, count: number): Promise<void> {
  let next = 0;
  const server = { name: 's', flavorRef: 'f', imageRef: image, networks: 'none' };
  const client = async (): Promise<void> => {
    while (next < count) {
      const api = next++ % cluster.apis.length;
      const { status, body } = await cluster.request(api, 'POST', '/compute/v2.1/servers', { server });
      if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

async function allActive({ databaseUrl }: Cluster, count: number): Promise<void> {
  const database = openDatabase(databaseUrl, 1);
  try {
    while ((await serversWith(database, { vm_state: 'active' })) < count) {
      const failed: { message: string; details: string } | undefined = await database.read('server_faults').first();
      if (failed !== undefined) throw new Error(`a server failed: ${failed.message} ${failed.details}`);
      await sleep(LOOK_MS);
    }
  } finally {
    await database.close();
  }
}

/** The same clients read a path of the compute API, in parts that are alike from each API. */
async function read(cluster: Cluster, path: string): Promise<Reads> {
  const { apis } = cluster;
  const pid = await mariadbPid();
  const spent = () => ({ APIs: cpuOf(apis), MariaDB: cpuMicros(pid) / 1e6 });
  const options = { seconds: SECONDS, connections: CLIENTS / apis.length, status: 200, mayWait: true };
  const tokens = await Promise.all(apis.map((_, index) => cluster.token(index)));
  const before = spent();
  const loads = await Promise.all(
    apis.map(({ url }, index) => {
      const { hostname: host, port } = new URL(url);
      const target = { host, port: Number(port) };
      const headers = { 'X-Auth-Token': tokens[index] as string, 'OpenStack-API-Version': 'compute 2.96' };
      return load(target, requestBytes(target, 'GET', `/compute/v2.1${path}`, headers), options);
    }),
  );
  const after = spent();
  const count = loads.reduce((sum, one) => sum + one.count, 0);
  const each = (what: keyof typeof before) => ((after[what] - before[what]) * 1000) / count;
  return {
    perSecond: loads.reduce((sum, one) => sum + one.count / one.seconds, 0),
    cpu: { APIs: each('APIs'), MariaDB: each('MariaDB') },
  };
}

let image = '';

async function measure(each: number): Promise<Measured> {
  const hosts = Array.from({ length: HOSTS }, (_, index) => `host-${index + 1}`);
  // room for all on few hosts, and the time that production gives hosts to report in
  const ratios = { cpu_allocation_ratio: 100, ram_allocation_ratio: 100, disk_allocation_ratio: 100 };
  const compute = { ...ratios, down_seconds: 60, report_seconds: 10 };
  const cluster = await startCluster({ apis: each, workers: each, hosts, config: { compute } });
  try {
    image = (await cluster.prepare()).image;
    await create(cluster, WARM_UP);
    await allActive(cluster, WARM_UP);
    const pid = await mariadbPid();
    const spent = () => ({
      APIs: cpuOf(cluster.apis),
      workers: cpuOf(cluster.workers),
      agents: cpuOf(cluster.agents.values()),
      MariaDB: cpuMicros(pid) / 1e6,
    });
    const before = spent();
    const began = performance.now();
    await create(cluster, SERVERS);
    const accepted = performance.now();
    await allActive(cluster, WARM_UP + SERVERS);
    const built = performance.now();
    const after = spent();
    const [first] = (await cluster.request(0, 'GET', '/compute/v2.1/servers?limit=1')).body.servers;
    const each1 = (what: keyof typeof before) => ((after[what] - before[what]) * 1000) / SERVERS;
    return {
      acceptedPerSecond: SERVERS / ((accepted - began) / 1000),
      builtPerSecond: SERVERS / ((built - began) / 1000),
      cpu: { APIs: each1('APIs'), workers: each1('workers'), agents: each1('agents'), MariaDB: each1('MariaDB') },
      server: await read(cluster, `/servers/${first.id}`),
      page: await read(cluster, '/servers/detail?limit=100'),
    };
  } finally {
    await cluster.close();
  }
}

const one = await measure(1);
const two = await measure(2);
say(
  `${SERVERS} servers, ${HOSTS} agents, ${availableParallelism()} processors for all, the clients and the broker among it`,
);
const row = (name: string, value: (measured: Measured) => number): string[] => [
  name,
  round(value(one)).toString(),
  round(value(two)).toString(),
];
say(
  table(
    [
      ['', '1 + 1', '2 + 2'],
      row('accepted/s', (measured) => measured.acceptedPerSecond),
      row('built/s', (measured) => measured.builtPerSecond),
      row('ms of processor a server: APIs', ({ cpu }) => cpu.APIs),
      row('workers', ({ cpu }) => cpu.workers),
      row('agents', ({ cpu }) => cpu.agents),
      row('MariaDB', ({ cpu }) => cpu.MariaDB),
      ...(['server', 'page'] as const).flatMap((what) => [
        row(`${what} read/s`, (measured) => measured[what].perSecond),
        row('ms of processor each: APIs', (measured) => measured[what].cpu.APIs),
        row('MariaDB', (measured) => measured[what].cpu.MariaDB),
      ]),
    ],
    [1, 2],
  ),
);
const figures: Figure[] = [
  { name: 'accepted in a second, 1 + 1', value: one.acceptedPerSecond, unit: '1/s' },
  { name: 'accepted in a second, 2 + 2', value: two.acceptedPerSecond, unit: '1/s' },
];
conclude('cluster', figures, { servers: SERVERS, hosts: HOSTS, one, two });

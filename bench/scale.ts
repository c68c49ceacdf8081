// Why: what must not grow with the cloud. Clouds of several sizes stand side by side, each with a hundred servers on every fake host,
// and the same things are asked of each in turns, so that a busy machine disturbs all alike. What is told is the cost in the largest
// beside the smallest: 1 is the aim, and whatever reads all that there is shows here by its number.
//
// The rows are copies of one server that was made through the API. One in a hundred is deleted softly, one shelved, one deleted, and
// ten of a cloud of any size are what the filters look for. Every tenth belongs to the member who asks. The hosts report at the start
// and not again while it is measured; a report is taken in this process, as the reconcilers' runs are.
//
// usage: node bench/scale.ts [--json] [--engine sqlite|mysql] [--sizes 1000,10000,100000]

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { table } from '../src/base/table.ts';
import type { Bus } from '../src/bus/bus.ts';
import type { AgentReport } from '../src/bus/contract.ts';
import { repairSums } from '../src/db/claims.ts';
import { countOpenActions } from '../src/db/cloud-counts.ts';
import { type Database, openDatabase } from '../src/db/engine.ts';
import { findHost } from '../src/db/hosts.ts';
import { dueActions } from '../src/db/instance-actions.ts';
import { serversOnHost } from '../src/db/servers.ts';
import { tx } from '../src/db/tx.ts';
import type { OpsDeps } from '../src/ops/deps.ts';
import { makeReconcilers, type ReconcilerName, type Reconcilers } from '../src/ops/reconcile/index.ts';
import { handleReport } from '../src/ops/reconcile/reports.ts';
import { freshMariadb } from '../test/support/mariadb.ts';
import { testConfig } from '../test/support/world.ts';
import { addCopiesOf, type Columns, copyId, modelOf } from './lib/copies.ts';
import { conclude, type Figure, percentile, round, say } from './lib/figures.ts';
import { addressOf, type Catalogue, createServer, macOf, makeCatalogue, serverBody } from './lib/fill.ts';
import { ask, load, requestBytes } from './lib/load.ts';
import { login, MICROVERSION, type Service, startService } from './lib/service.ts';

const wordOf = (flag: string, otherwise: string): string =>
  process.argv.includes(flag) ? (process.argv[process.argv.indexOf(flag) + 1] as string) : otherwise;
const ENGINE = wordOf('--engine', 'sqlite');
const SIZES = wordOf('--sizes', '1000,100000').split(',').map(Number);
const SERVERS_EACH = 100;
/** More than one process runs are rows alone. */
const MOST_AGENTS = 1_000;
const ROUNDS = 3;
const SECONDS = 0.6;
const AT_LEAST = 5;
const POSTS = 15;
const SHOWN = 200;
const NEEDLES = 10;
const POLL_MS = 20;
const DAY_MS = 86_400_000;
const BUFFER_MIB = 2_048;
const BAR = 1.2;

const HOST = 'bench-host';
const NAME = 'bench-model';

interface Cloud {
  readonly size: number;
  readonly service: Service;
  readonly catalogue: Catalogue;
  readonly database: Database;
  readonly deps: OpsDeps;
  readonly reconcilers: Reconcilers;
  readonly reports: readonly AgentReport[];
  /** A request of the member of project demo. */
  member(path: string): Buffer;
  close(): Promise<void>;
}

const uuidOf = (kind: 'server' | 'port', n: number): string =>
  `${kind === 'server' ? 'c' : 'e'}0000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
const hostOf = (n: number): string => (n === 0 ? HOST : `${HOST}-${n + 1}`);

/** What is another one than its model: by the last digits of its number. */
const kinds: Readonly<Record<number, Columns>> = {
  1: { vm_state: 'soft-delete', deleted_at: Date.now() },
  2: { vm_state: 'shelved', power_state: 4 },
  3: { vm_state: 'deleted', deleted: 1, deleted_at: Date.now(), terminated_at: Date.now() },
};
const GONE = 3;
const ofLiving = new Set(['claims', 'ports', 'ip_allocations', 'server_sizes']);
const NEEDLE = 7;

/** Hosts beyond those whose agents one process runs: rows alone, disabled, so that no server is built where nobody answers. */
async function addHosts({ read, write }: Database, hosts: number): Promise<void> {
  const { id: _service, ...service } = await read('services').where({ binary: 'nova-compute', host: HOST }).first();
  const { id: _host, ...host } = await read('hosts').where({ host: HOST }).first();
  for (let n = MOST_AGENTS; n < hosts; n += 1) {
    const name = hostOf(n);
    const uuid = `0${uuidOf('server', n).slice(1)}`;
    const [service_id] = await write('services').insert({ ...service, uuid, host: name, disabled: 1 });
    await write('hosts').insert({ ...host, uuid, service_id, host: name, hypervisor_hostname: name });
  }
}

/** A cloud of so many servers, of which one was made and the others are its copies. */
async function fill(database: Database, service: Service, demoId: string, uuid: string, size: number): Promise<void> {
  const model = await modelOf(database, uuid);
  const [port] = model.rows.get('ports') ?? [];
  const [address] = model.rows.get('ip_allocations') ?? [];
  const [server] = model.rows.get('servers') ?? [];
  if (port === undefined || address === undefined || server === undefined) throw new Error('the model has no port');
  const hosts: { id: number; host: string }[] = await database.read('hosts').select('id', 'host');
  const hostIds = new Map(hosts.map(({ id, host }) => [host, id]));
  const began = Number(server['created_at']) - size * 1_000;
  const word = (row: Columns, column: string): string => String(row[column]);
  await addCopiesOf(database, model, 0, size - 1, (n) => {
    const needle = n % Math.floor(size / NEEDLES) === NEEDLE;
    const project = n % 10 === 0 ? demoId : n % 2 === 0 ? service.projectId : `project-${n % 997}`;
    const kind = n % 100;
    const host = hostOf(Math.floor(n / SERVERS_EACH));
    return {
      uuid: uuidOf('server', n),
      words: [
        [uuid, uuidOf('server', n)],
        [word(port, 'id'), uuidOf('port', n)],
        [word(port, 'mac_address'), macOf(n)],
        [word(address, 'ip_address'), addressOf(n)],
        [word(server, 'host'), host],
        [service.projectId, project],
        [NAME, needle ? `needle-${n}` : `bench-${n}`],
      ],
      columns(name) {
        if (kind === GONE && ofLiving.has(name)) return null;
        if (name === 'servers') {
          const created = { created_at: began + n * 1_000 };
          return { ...created, ...(needle ? { vm_state: 'error' } : kinds[kind]) };
        }
        return name === 'claims' ? { host_id: hostIds.get(host) } : {};
      },
    };
  });
  const nowMs = Date.now();
  await tx(database, async (t) => {
    for (let n = NEEDLE; n < size - 1; n += Math.floor(size / NEEDLES)) {
      await t('server_tags').insert({ server_id: copyId(n), tag: 'needle' });
      await t('server_metadata').insert({ server_id: copyId(n), key: 'hay', value: 'needle' });
    }
    const [image] = await t('images').pluck('id');
    await t.raw(
      "insert into shelved_servers (server_id, image_id, shelved_at) select id, ?, ? from servers where vm_state = 'shelved'",
      [image as string, nowMs],
    );
    // every tenth was moved once
    await t.raw(
      `insert into migrations (uuid, server_uuid, migration_type, status, source_compute, source_node, dest_compute, dest_node,
         user_id, project_id, created_at, updated_at)
       select uuid, uuid, 'resize', 'confirmed', host, host, host, host, user_id, project_id, created_at, created_at
       from servers where id % 10 = 0`,
    );
    await t('quota_usages').delete();
    await t.raw(
      `insert into quota_usages (project_id, user_id, instances, cores, ram)
       select project_id, user_id, count(*), sum(vcpus), sum(memory_mb) from server_sizes
       where counted = 1 and ended_at is null group by project_id, user_id`,
    );
  });
  for (const id of hostIds.values()) await tx(database, (t) => repairSums(t, id));
}

/** What is asked of hosts though nothing differs: there must be none of it. */
const asked: string[] = [];
const nobody = {
  call: (host: string, method: string) => {
    asked.push(`${method} of ${host}`);
    return Promise.reject(new Error('no agent'));
  },
} as unknown as Bus;

const depsOf = (database: Database): OpsDeps =>
  ({
    ...{ database, bus: nobody, clock: systemClock, log: silentLog, scheduler: {} },
    // there are no copies of disks
    copies: { sweep: async () => 0 } as unknown as OpsDeps['copies'],
    // nothing is due, and everything is looked for
    config: {
      ...testConfig,
      ...{
        reclaimMs: DAY_MS,
        retentionMs: DAY_MS,
        resizeConfirmMs: DAY_MS,
        shelvedOffloadMs: DAY_MS,
        hostDownMs: DAY_MS,
      },
    },
  }) as Partial<OpsDeps> as OpsDeps;

/** What the agent of a host would say: that all is as the rows say. */
async function reportOf({ read }: Database, host: string): Promise<AgentReport> {
  const { inventory } = (await findHost(read, { host })) ?? {};
  if (inventory === undefined) throw new Error(`no host ${host}`);
  const guests = (await serversOnHost(read, host)).map((server) => ({
    uuid: server.uuid,
    powerState: server.powerState,
    size: { vcpus: server.currentVcpus, memoryMb: server.currentMemoryMb },
    onlineVcpus: server.guestOnlineVcpus,
    availableMb: server.guestAvailableMb,
    maximum: { vcpus: server.flavor.vcpus, memoryMb: server.flavor.memoryMb },
  }));
  return { kind: 'inventory', host, inventory, guests };
}

async function openCloud(size: number): Promise<Cloud> {
  const hosts = size / SERVERS_EACH;
  const agents = Math.min(hosts, MOST_AGENTS);
  const maria = ENGINE === 'mysql' ? await freshMariadb() : null;
  const dataDir = mkdtempSync(join(tmpdir(), 'xloud-scale-'));
  const url = maria?.url ?? `sqlite://${join(dataDir, 'xloud.db')}`;
  const settings = [
    `database.connection=${url}`,
    `compute.host=${HOST}`,
    `compute.fake_hosts=${agents}`,
    'compute.report_seconds=3600',
    'compute.down_seconds=86400',
    'network.default_cidr=10.0.0.0/8',
    ...['instances', 'cores', 'ram'].map((name) => `quota.${name}=-1`),
  ];
  const service = await startService({
    dataDir,
    args: ['--driver', 'fake', ...settings.flatMap((setting) => ['--set', setting])],
  });
  const database = openDatabase(url, 2);
  if (maria !== null) await database.write.raw(`set global innodb_buffer_pool_size = ${BUFFER_MIB * 1024 * 1024}`);
  const { token, projectId: demoId } = await login(service.target, dataDir, 'xloud-demo');
  const catalogue = await makeCatalogue(service);
  const ports = { quota: { port: -1 } };
  const quotas = `/network/v2.0/quotas/${service.projectId}`;
  await ask(service.target, requestBytes(service.target, 'PUT', quotas, { 'X-Auth-Token': service.token }, ports));
  while ((await database.read('hosts').pluck('id')).length < agents) await sleep(POLL_MS);
  await addHosts(database, hosts);
  const uuid = await createServer(service, catalogue, NAME);
  say(`adding ${size} servers on ${hosts} hosts ...`);
  await fill(database, service, demoId, uuid, size);
  if (maria !== null) {
    const names = Object.values((await database.read.raw('show tables'))[0] as Record<string, string>[]).flatMap(
      (row) => Object.values(row),
    );
    await database.write.raw(`analyze table ${names.join(', ')}`);
  }
  const reports = [];
  for (let n = 0; n < Math.min(hosts, 10); n += 1) reports.push(await reportOf(database, hostOf(n)));
  const headers = { 'X-Auth-Token': token, 'OpenStack-API-Version': `compute ${MICROVERSION}` };
  return {
    ...{ size, service, catalogue, database, deps: depsOf(database), reconcilers: makeReconcilers(), reports },
    member: (path) => requestBytes(service.target, 'GET', `/compute/v2.1${path}`, headers),
    async close() {
      await database.close();
      await service.close();
      await maria?.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

interface Measure {
  readonly name: string;
  readonly barred?: true;
  /** Milliseconds of each repetition, in one round. */
  readonly run: (cloud: Cloud, round: number) => Promise<readonly number[]>;
}

const got = async (cloud: Cloud, request: Buffer | readonly Buffer[], status = 200): Promise<readonly number[]> => {
  const seconds = Buffer.isBuffer(request) ? SECONDS : SECONDS * 100;
  return (await load(cloud.service.target, request, { seconds, connections: 1, status })).timesMs;
};

const page = (name: string, path: string, as: 'admin' | 'member', more: { readonly barred?: true } = {}): Measure => ({
  ...{ name, ...more },
  run: (cloud) => got(cloud, as === 'member' ? cloud.member(path) : cloud.service.bytes('GET', path)),
});

const filter = (name: string, words: string): Measure =>
  page(`filter ${name}, all tenants`, `/servers/detail?limit=100&all_tenants=1&${words}`, 'admin');

/** Repeats what is done in this process. */
const here = (
  name: string,
  work: (cloud: Cloud, n: number) => Promise<unknown>,
  more: { readonly barred?: true; readonly before?: (cloud: Cloud) => Promise<unknown> } = {},
): Measure => ({
  ...{ name, ...(more.barred ? { barred: true } : {}) },
  async run(cloud) {
    const timesMs: number[] = [];
    const until = performance.now() + SECONDS * 1_000;
    while (timesMs.length < AT_LEAST || performance.now() < until) {
      await more.before?.(cloud);
      const began = performance.now();
      await work(cloud, timesMs.length);
      timesMs.push(performance.now() - began);
    }
    return timesMs;
  },
});

async function settled({ database }: Cloud): Promise<void> {
  while ((await countOpenActions(database.read)).length > 0) await sleep(POLL_MS);
}

const purgeIsDue = ({ database }: Cloud): Promise<unknown> =>
  tx(database, (t) => t('named_locks').where({ name: 'purge' }).update({ not_before: 0 }));

const barred = { barred: true } as const;
const names = Object.keys(makeReconcilers()) as ReconcilerName[];
const measures: readonly Measure[] = [
  page('page one, member', '/servers/detail?limit=100', 'member', barred),
  page('page one, all tenants', '/servers/detail?limit=100&all_tenants=1', 'admin', barred),
  {
    ...{ name: 'one server', ...barred },
    // others each time: an answer that was given before is kept
    run: (cloud, turn) =>
      got(
        cloud,
        Array.from({ length: SHOWN }, (_, n) => turn * SHOWN + n)
          .filter((n) => n % 100 !== GONE)
          .map((n) => cloud.service.bytes('GET', `/servers/${uuidOf('server', n)}`)),
      ),
  },
  page('GET /os-hypervisors, page of 10', '/os-hypervisors?limit=10', 'admin', barred),
  here(
    'report of a host with its guests',
    (cloud, n) => handleReport(cloud.deps, cloud.reports[n % cloud.reports.length] as AgentReport),
    barred,
  ),
  filter('name=', 'name=needle'),
  filter('status=', 'status=ERROR'),
  filter('status= of most', 'status=ACTIVE'),
  filter('host=', `host=${hostOf(1)}`),
  filter('tags=', 'tags=needle'),
  filter('tags= of all', 'tags=web'),
  filter('ip=', `ip=${addressOf(777)}`),
  {
    name: 'a create, until accepted',
    async run(cloud, turn) {
      const bodies = Array.from({ length: POSTS }, (_, n) => serverBody(cloud.catalogue, `new-${turn}-${n}`));
      const timesMs = await got(
        cloud,
        bodies.map((body) => cloud.service.bytes('POST', '/servers', body)),
        202,
      );
      await settled(cloud);
      return timesMs;
    },
  },
  here('what is due', (cloud) => dueActions(cloud.database.read, Date.now(), 10)),
  ...names.map((name) =>
    here(
      `reconciler ${name}`,
      async (cloud) => void (await cloud.reconcilers[name].run(cloud.deps, new AbortController().signal)),
      name === 'purgeOld' ? { before: purgeIsDue } : {},
    ),
  ),
  { name: '/readyz', run: (cloud) => got(cloud, requestBytes(cloud.service.target, 'GET', '/readyz', {})) },
];

interface Cost {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly count: number;
}

async function measure({ run }: Measure, clouds: readonly Cloud[]): Promise<Cost[]> {
  const timesMs = clouds.map((): number[] => []);
  for (let turn = 0; turn < ROUNDS; turn += 1) {
    for (const [index, cloud] of clouds.entries()) {
      // what does nothing does it a hundred thousand times: too many for the arguments of one call
      for (const ms of await run(cloud, turn)) timesMs[index]?.push(ms);
    }
  }
  return timesMs.map((times) => {
    const sorted = times.toSorted((a, b) => a - b);
    return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99), count: sorted.length };
  });
}

const clouds: Cloud[] = [];
try {
  for (const size of SIZES) clouds.push(await openCloud(size));
  const rows: { readonly name: string; readonly costs: readonly Cost[]; readonly ratio: number }[] = [];
  for (const one of measures) {
    const costs = await measure(one, clouds);
    rows.push({ name: one.name, costs, ratio: (costs.at(-1) as Cost).p50Ms / (costs[0] as Cost).p50Ms });
    process.stderr.write(`${one.name}: ${costs.map(({ p50Ms }) => `${round(p50Ms)} ms`).join(', ')}\n`);
  }
  if (asked.length > 0) throw new Error(`the rows are not what their hosts say: ${asked.slice(0, 3).join(', ')} ...`);
  const sizes = SIZES.map((size) => size.toLocaleString('en'));
  say(`\n${ENGINE}; milliseconds, and the median of ${sizes.at(-1)} servers beside that of ${sizes[0]}:\n`);
  say(
    table([
      ['what', ...sizes.flatMap((size) => [`${size}: median`, 'p99']), 'ratio'],
      ...rows.map(({ name, costs, ratio }) => [
        name,
        ...costs.flatMap(({ p50Ms, p99Ms }) => [round(p50Ms), round(p99Ms)]),
        round(ratio),
      ]),
    ]),
  );
  const figures: Figure[] = rows.map(({ name, ratio }) => ({
    ...{ name, value: ratio, unit: 'x' },
    ...(measures.some((one) => one.barred && one.name === name) ? { atMost: BAR } : {}),
  }));
  const rounded = rows.map(({ name, costs, ratio }) => ({
    ...{ name, ratio: round(ratio) },
    costs: costs.map(({ p50Ms, p99Ms, count }) => ({ p50Ms: round(p50Ms), p99Ms: round(p99Ms), count })),
  }));
  conclude('scale', figures, { engine: ENGINE, sizes: SIZES, rows: rounded });
} finally {
  for (const cloud of clouds) await cloud.close();
}

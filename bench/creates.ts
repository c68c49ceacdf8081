// Why: how many servers a cloud takes in a second, from the API to the claim on a host, on the engine of production; and what of the
// work each layer does. 500 fake hosts, one process, MariaDB beside it, all on this machine; the fake driver takes no time.
//
// Two runs on databases of their own: one for the rates, one under the profiler for the shares. MariaDB does not wait for its disk
// at each commit (innodb_flush_log_at_trx_commit=0), so that the disk of whoever runs this is not what is measured.
//
// usage: node bench/creates.ts [--json] [--hosts N] [--servers N]

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { table } from '../src/base/table.ts';
import { type Database, openDatabase } from '../src/db/engine.ts';
import { freshMariadb, mariadbPid } from '../test/support/mariadb.ts';
import { statementsAsked } from './lib/asked.ts';
import { conclude, type Figure, round, say } from './lib/figures.ts';
import { allowPorts, type Catalogue, createServer, makeCatalogue, serverBody } from './lib/fill.ts';
import { numberOf } from './lib/flags.ts';
import { cpuMicros } from './lib/process.ts';
import { layersOf, monotonicUs } from './lib/profile.ts';
import { type Service, startService } from './lib/service.ts';

const HOSTS = numberOf('--hosts', 500);
const SERVERS = numberOf('--servers', 600);
const CLIENTS = 16;
const WARM_UP = 50;
const TOGETHER = 1_000;
const LOOK_MS = 10;

const HTTP = 'HTTP, token, policy, schema, view';
const QUOTA = 'quota and usage';
const SCHEDULER = 'scheduler: snapshot and decision';
const ROWS = 'rows of the server and its claim';
const SAGA = 'saga and its log';
const NEIGHBOURS = 'network and image services';
const HOSTS_LAYER = 'agents, reports, reconcilers';

/** The layers by the files that are theirs; what is in none of them is asked of whoever called it. */
const byFile: readonly (readonly [RegExp, string])[] = [
  [/^src\/(api|web|policies|main)\/|^src\/cloud\/(token|identity|keystone)|^src\/standalone\/identity/, HTTP],
  [/^(koa|@koa\/.*|ajv|jose|raw-body|co-body|pino)$/, HTTP],
  [/^src\/(db|ops|domain)\/quota|^src\/db\/server-sizes/, QUOTA],
  [/^src\/scheduler\/|^src\/db\/(candidates|host-changes|hosts)\.ts|^src\/ops\/place\.ts/, SCHEDULER],
  [/^src\/ops\/(create-servers|boot-source|begin|build)\.ts/, ROWS],
  [/^src\/db\/(servers|server-details|claims|flavors)\.ts/, ROWS],
  [/^src\/ops\/(saga|worker|settle|notify)\.ts|^src\/db\/instance-actions/, SAGA],
  [/^src\/(standalone|cloud)\/|^src\/db\/(networks|images|server-nics)/, NEIGHBOURS],
  [/^src\/(agent|virt|bus)\//, HOSTS_LAYER],
  [/^src\/ops\/(reports\.ts|reconcile\/)|^src\/db\/(services|remnants|host-servers)/, HOSTS_LAYER],
  [/^(knex|mysql2|tarn|sql-escaper|sqlstring|iconv-lite|lru.min|generate-function)$/, 'SQL client: knex and mysql2'],
];
const layerOf = (file: string): string | null => byFile.find(([pattern]) => pattern.test(file))?.[1] ?? null;

/** The layers by the tables that are theirs, the first that a statement names. */
const byTable: readonly (readonly [RegExp, string])[] = [
  [/^(begin|start|commit|rollback|set|savepoint|release)\b/i, 'transactions'],
  [/\bat_us\b|^select (member|g)\.|task_state in .* group by host/s, SCHEDULER],
  [/\b(quota_\w+|server_sizes)\b/, QUOTA],
  [/\binstance_action/, SAGA],
  [/^update `?hosts`? set .*claimed|\b(servers|claims|held_claims|server_\w+|flavor\w*|key_pairs)\b/s, ROWS],
  [/\b(ports?|networks?|subnets?|image\w*|ip_allocations|floating_ips|network_\w+|security_\w+)\b/, NEIGHBOURS],
  [/^select .*\bfrom hosts join services.*hosts\.id/s, SCHEDULER],
  [/\b(services|hosts|remnants)\b/, HOSTS_LAYER],
  [/\b(users|projects|roles|tokens|assignments|domains|\w*identity\w*)\b/, HTTP],
];

/** Statements by layer, of those that `lib/note-statements.ts` noted between two moments. */
function statementsByLayer(file: string, { fromUs, toUs }: Run['span']): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [atUs, sql] of JSON.parse(readFileSync(file, 'utf8')) as [number, string][]) {
    if (atUs < fromUs || atUs > toUs) continue;
    const layer = byTable.find(([pattern]) => pattern.test(sql))?.[1] ?? 'other';
    counts.set(layer, (counts.get(layer) ?? 0) + 1);
  }
  return counts;
}

async function claims(database: Database): Promise<number> {
  const [row] = (await database.read('claims').count({ count: '*' })) as [{ count: number }];
  return Number(row.count);
}

async function untilClaimed(database: Database, wanted: number): Promise<void> {
  while ((await claims(database)) < wanted) await sleep(LOOK_MS);
}

/** Many clients post, one server each, and none waits for another. */
async function post(service: Service, catalogue: Catalogue, count: number): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      for (let n = (next += 1); n <= count; n = next += 1) {
        await service.call('POST', '/servers', serverBody(catalogue, `web-${n}`));
      }
    }),
  );
}

interface Run {
  readonly acceptedPerSecond: number;
  readonly claimedPerSecond: number;
  /** Of the service and of MariaDB, for each server; both go on with builds meanwhile. */
  readonly serviceMs: number;
  readonly databaseMs: number;
  readonly statements: number;
  readonly span: { readonly fromUs: number; readonly toUs: number };
  /** One request for many servers: from the POST to the last claim. */
  readonly togetherMs: number;
}

async function run(profileDir: string | null): Promise<Run> {
  const { url, drop } = await freshMariadb();
  const dataDir = mkdtempSync(join(tmpdir(), 'xloud-creates-'));
  const database = openDatabase(url, 2);
  const service = await startService({
    dataDir,
    ...(profileDir === null
      ? {}
      : {
          entry: 'src/main/xloud.ts',
          nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${profileDir}`, '--import', './bench/lib/note-statements.ts'],
          env: { STATEMENTS_FILE: join(profileDir, 'statements') },
        }),
    args: [
      ...['--driver', 'fake', '--set', `compute.fake_hosts=${HOSTS}`, '--set', `database.connection=${url}`],
      ...['--set', 'network.default_cidr=10.0.0.0/16'],
      ...['instances', 'cores', 'ram'].flatMap((name) => ['--set', `quota.${name}=-1`]),
    ],
  });
  try {
    const catalogue = await makeCatalogue(service);
    await allowPorts(service);
    for (let n = 0; n < WARM_UP; n += 1) await createServer(service, catalogue, `warm-up-${n}`);
    const cpu = { service: cpuMicros(service.pid), database: cpuMicros(await mariadbPid()) };
    const asked = await statementsAsked(database);
    const fromUs = monotonicUs();
    await post(service, catalogue, SERVERS);
    const acceptedUs = monotonicUs();
    await untilClaimed(database, WARM_UP + SERVERS);
    const claimedUs = monotonicUs();
    const done = { service: cpuMicros(service.pid), database: cpuMicros(await mariadbPid()) };
    const answered = await statementsAsked(database);
    const began = monotonicUs();
    if (profileDir === null) {
      const { server } = serverBody(catalogue, 'together');
      await service.call('POST', '/servers', { server: { ...server, min_count: TOGETHER, max_count: TOGETHER } });
      await untilClaimed(database, WARM_UP + SERVERS + TOGETHER);
    }
    return {
      acceptedPerSecond: SERVERS / ((acceptedUs - fromUs) / 1e6),
      claimedPerSecond: SERVERS / ((claimedUs - fromUs) / 1e6),
      serviceMs: (done.service - cpu.service) / SERVERS / 1_000,
      databaseMs: (done.database - cpu.database) / SERVERS / 1_000,
      statements: (answered - asked) / SERVERS,
      span: { fromUs, toUs: claimedUs },
      togetherMs: (monotonicUs() - began) / 1_000,
    };
  } finally {
    await service.close();
    await database.close();
    await drop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const measured = await run(null);
const profileDir = mkdtempSync(join(tmpdir(), 'xloud-profile-'));
try {
  const profiled = await run(profileDir);
  const spent = layersOf(profileDir, layerOf, profiled.span);
  const all = [...spent.values()].reduce((sum, ms) => sum + ms, 0);
  const asked = statementsByLayer(join(profileDir, 'statements'), profiled.span);
  const shares = [...new Set([...spent.keys(), ...asked.keys()])]
    .map((layer) => {
      const ms = spent.get(layer) ?? 0;
      return { layer, share: ms / all, ms: ms / SERVERS, statements: (asked.get(layer) ?? 0) / SERVERS };
    })
    .filter(({ share, statements: count }) => share >= 0.005 || count >= 0.5)
    .sort((one, other) => other.ms - one.ms);
  say(
    `\nFor each server, from the API to its claim, with what runs beside it (${HOSTS} hosts, builds of those before):\n`,
  );
  say(
    table([
      ['layer', 'CPU of the service', 'ms', 'statements'],
      ...shares.map(({ layer, share, ms, statements: count }) => [
        layer,
        `${Math.round(share * 100)} %`,
        round(ms),
        round(count),
      ]),
    ]),
  );
  const figures: Figure[] = [
    { name: `creates accepted, ${CLIENTS} clients`, value: measured.acceptedPerSecond, unit: '/s' },
    { name: 'creates accepted and claimed', value: measured.claimedPerSecond, unit: '/s' },
    { name: 'CPU of the service for each of them', value: measured.serviceMs, unit: 'ms' },
    { name: 'CPU of MariaDB for each of them', value: measured.databaseMs, unit: 'ms' },
    { name: 'statements for each of them', value: measured.statements, unit: '' },
    { name: `one POST of ${TOGETHER}, to the last claim`, value: measured.togetherMs, unit: 'ms' },
  ];
  conclude('creates', figures, { hosts: HOSTS, servers: SERVERS, shares });
} finally {
  rmSync(profileDir, { recursive: true, force: true });
}

// Why: what a purge of many deleted servers costs those who work meanwhile. The service runs, clients create servers and list them
// all the time, and `xloud db purge` removes deleted servers beside it; each request is timed before, during and after.
//
// usage: node bench/purge.ts [--json] [--engine sqlite|mysql] [--servers N]

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { table } from '../src/base/table.ts';
import { type Database, openDatabase } from '../src/db/engine.ts';
import { ofServers, type RowCounts } from '../src/db/purge.ts';
import { freshMariadb } from '../test/support/mariadb.ts';
import { addCopiesOf, type Columns, type Model, modelOf } from './lib/copies.ts';
import { conclude, type Figure, percentile, say } from './lib/figures.ts';
import { type Catalogue, createServer, makeCatalogue, serverBody } from './lib/fill.ts';
import { ask, requestBytes } from './lib/load.ts';
import { type Service, startService } from './lib/service.ts';

const wordOf = (flag: string, otherwise: string): string =>
  process.argv.includes(flag) ? (process.argv[process.argv.indexOf(flag) + 1] as string) : otherwise;
const ENGINE = wordOf('--engine', 'sqlite');
const SERVERS = Number(wordOf('--servers', '100000'));
const IDLE_MS = 10_000;
const PAUSE_MS = 100;
const DAY_MS = 86_400_000;

const ROOT = join(import.meta.dirname, '..');

const uuidOf = (n: number): string => `d0000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

/** Copies of a deleted server, with all its rows. */
function addDeleted(database: Database, model: Model): Promise<void> {
  const before = Date.now() - 100 * DAY_MS;
  const columnsOf = (table: string, n: number): Columns => {
    if (table === 'server_sizes') return { started_at: before - DAY_MS, ended_at: before };
    return table === 'servers' ? { deleted_at: before + n, terminated_at: before + n } : {};
  };
  return addCopiesOf(database, model, 0, SERVERS, (n) => ({
    uuid: uuidOf(n),
    columns: (table) => columnsOf(table, n),
  }));
}

async function counts(database: Database): Promise<RowCounts> {
  const all: Record<string, number> = {};
  for (const { table: name } of ofServers) {
    const [row] = (await database.read(name).count({ count: '*' })) as [{ count: number }];
    all[name] = Number(row.count);
  }
  return all;
}

/** What clients do all the time, and how long each request took. */
interface Clients {
  readonly creates: number[];
  readonly lists: number[];
  readonly health: number[];
  stop(): Promise<void>;
}

function startClients(service: Service, catalogue: Catalogue, name: string): Clients {
  const state = { over: false };
  const timed = async (into: number[], what: () => Promise<unknown>): Promise<void> => {
    while (!state.over) {
      const began = performance.now();
      await what();
      into.push(performance.now() - began);
      await sleep(PAUSE_MS);
    }
  };
  const [creates, lists, health]: [number[], number[], number[]] = [[], [], []];
  const ping = requestBytes(service.target, 'GET', '/healthz', {});
  let n = 0;
  const all = [
    timed(creates, () => service.call('POST', '/servers', serverBody(catalogue, `${name}-${(n += 1)}`))),
    timed(lists, () => service.call('GET', '/servers?limit=20')),
    timed(health, () => ask(service.target, ping)),
  ];
  return {
    ...{ creates, lists, health },
    async stop() {
      state.over = true;
      await Promise.all(all);
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  const [status] = (await once(child, 'exit')) as [number];
  if (status !== 0) throw new Error(`the purge ended with ${status}`);
}

const at = (values: readonly number[], share: number): number =>
  percentile(
    values.toSorted((a, b) => a - b),
    share,
  );

async function removed(service: Service, database: Database, uuid: string): Promise<void> {
  await service.call('DELETE', `/servers/${uuid}`);
  while ((await database.read('servers').where({ uuid, deleted: 1 }).first('id')) === undefined) await sleep(PAUSE_MS);
}

const maria = ENGINE === 'mysql' ? await freshMariadb() : null;
const dataDir = mkdtempSync(join(tmpdir(), 'xloud-purge-'));
const url = maria?.url ?? `sqlite://${join(dataDir, 'xloud.db')}`;
const settings = ['--set', `database.connection=${url}`];
const service = await startService({
  dataDir,
  args: [
    ...[
      '--driver',
      'fake',
      '--set',
      'compute.fake_hosts=100',
      '--set',
      'network.default_cidr=10.0.0.0/16',
      ...settings,
    ],
    ...['instances', 'cores', 'ram'].flatMap((name) => ['--set', `quota.${name}=-1`]),
  ],
});
const database = openDatabase(url, 2);
try {
  const catalogue = await makeCatalogue(service);
  const ports = { quota: { port: -1 } };
  const path = `/network/v2.0/quotas/${service.projectId}`;
  await ask(service.target, requestBytes(service.target, 'PUT', path, { 'X-Auth-Token': service.token }, ports));
  const uuid = await createServer(service, catalogue, 'model');
  await removed(service, database, uuid);
  say(`adding ${SERVERS} deleted servers ...`);
  await addDeleted(database, await modelOf(database, uuid));
  const before = await counts(database);

  const idle = startClients(service, catalogue, 'idle');
  await sleep(IDLE_MS);
  await idle.stop();
  const busy = startClients(service, catalogue, 'busy');
  const began = performance.now();
  const words = ['db', 'purge', '--data-dir', dataDir, '--before', '90d', ...settings];
  await ended(spawn(join(ROOT, 'bin', 'xloud'), words, { stdio: ['ignore', 'ignore', 'inherit'] }));
  const seconds = (performance.now() - began) / 1000;
  await busy.stop();
  const after = await counts(database);

  say();
  say(
    table([
      ['table', 'rows before', 'after'],
      ...Object.keys(before).map((name) => [name, before[name] ?? 0, after[name] ?? 0]),
    ]),
  );
  const kinds = ['creates', 'lists', 'health'] as const;
  const figures: Figure[] = [
    { name: `purge of ${SERVERS} servers`, value: seconds, unit: 's' },
    ...kinds.flatMap((kind): Figure[] => [
      { name: `${kind}: median idle`, value: at(idle[kind], 0.5), unit: 'ms' },
      {
        name: `${kind}: median meanwhile`,
        value: at(busy[kind], 0.5),
        unit: 'ms',
        note: `${busy[kind].length} requests`,
      },
      { name: `${kind}: longest idle`, value: at(idle[kind], 1), unit: 'ms' },
      { name: `${kind}: longest meanwhile`, value: at(busy[kind], 1), unit: 'ms' },
    ]),
  ];
  const bytes =
    maria === null
      ? { file: statSync(join(dataDir, 'xloud.db')).size, wal: statSync(join(dataDir, 'xloud.db-wal')).size }
      : {};
  conclude('purge', figures, { engine: ENGINE, servers: SERVERS, before, after, bytes });
} finally {
  await database.close();
  await service.close();
  await maria?.drop();
  rmSync(dataDir, { recursive: true, force: true });
}

// Why: a cloud is upgraded while it is used: each process of an older version is ended in order and begun again as this version, one after
// another, under the load of users. Meanwhile both versions share the database, the broker and each other's calls, and nobody is refused,
// cut off or failed for that.
//
// node test/chaos/upgrade.ts --from DIRECTORY [--seed N] [--users N] [--every SECONDS]   DIRECTORY: a checkout of the older version that runs

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/base/errors.ts';
import { openDatabase } from '../../src/db/engine.ts';
import { type Cluster, type Member, startCluster, XLOUD } from '../support/cluster.ts';
import { startMariadb } from '../support/mariadb.ts';
import { makeBooks, nameOf } from './books.ts';
import { makeClient } from './client.ts';
import { deleteAll, prepare, type Site } from './cloud.ts';
import { fakeHosts } from './fake-hosts.ts';
import { brokenInTheQuiet, leftOfAll, type Scene } from './judge.ts';
import { deedTable } from './table.ts';
import { use } from './users.ts';

const AGENTS = ['agent-1', 'agent-2'];
const BEFORE_MS = 20_000;
const QUIET_MS = 30_000;

const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    seed: { type: 'string', default: '1' },
    users: { type: 'string', default: '6' },
    every: { type: 'string', default: '10' },
  },
});

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const older = join(values.from ?? '', 'bin', 'xloud');
if (values.from === undefined || !existsSync(older)) {
  process.stderr.write('--from: the directory of an older version is wanted\n');
  process.exit(2);
}

/** In the order in which an operator goes: what makes the schema first, what others call last. */
const inOrder = ({ apis, workers, agents }: Cluster): readonly (readonly [string, Member])[] => [
  ...apis.map((one, index) => [`api-${index + 1}`, one] as const),
  ...workers.map((one, index) => [`worker-${index + 1}`, one] as const),
  ...agents,
];

/** The load, with one process after another upgraded under it; what went wrong with users and processes. */
async function upgrade({ cluster, books, client }: Scene, site: Site): Promise<string[]> {
  const complaints: string[] = [];
  let isOver = false;
  const load = {
    ...site,
    client,
    books,
    isOver: () => isOver,
    seed: Number(values.seed),
    apis: cluster.apis.length,
  };
  for (let number = 1; number <= Number(values.users); number += 1)
    use(load, number).catch((error: unknown) => complaints.push(`user ${number}: ${messageOf(error)}`));
  await sleep(BEFORE_MS);
  for (const [name, member] of inOrder(cluster)) {
    const { done } = books.counts();
    await member.kill('SIGTERM');
    await member.start(XLOUD);
    await sleep(1000 * Number(values.every));
    say(`upgrade: ${name} is of this version; ${books.counts().done - done} operations done meanwhile`);
  }
  isOver = true;
  await sleep(QUIET_MS);
  return complaints;
}

/** Whatever did not go as if there had been no upgrade. */
async function play(cluster: Cluster): Promise<string[]> {
  const database = openDatabase(cluster.databaseUrl, 4);
  const books = makeBooks();
  const scene: Scene = { cluster, database, books, client: makeClient(cluster), hosts };
  try {
    const found = await upgrade(scene, await prepare(cluster, hosts));
    for (const one of books.entries)
      if (one.outcome === 'failed' || one.outcome === 'cut') found.push(`${one.outcome}: ${nameOf(one)}`);
    found.push(...(await brokenInTheQuiet(scene)));
    say(`\n${deedTable(books)}\n`);
    found.push(...(await deleteAll(scene)));
    if (found.length === 0) found.push(...(await leftOfAll(scene)));
    say(`upgrade: ${books.entries.length} operations, ${found.length} violations`);
    return found;
  } finally {
    await database.close();
  }
}

const directory = mkdtempSync(join(tmpdir(), 'xloud-upgrade-'));
const mariadb = await startMariadb();
const hosts = fakeHosts(directory, AGENTS);
const cluster = await startCluster({
  ...{ hosts: AGENTS, directory, databaseUrl: mariadb.url, program: older },
  ...{ config: hosts.config, hostConfig: hosts.agentConfig },
});
say(`upgrade: 2 APIs, 2 workers, ${AGENTS.length} agents of ${values.from}; logs: ${directory}`);
let found: readonly string[];
try {
  found = await play(cluster);
} finally {
  await cluster.close();
  await mariadb.stop();
}
for (const one of found) say(`BROKEN: ${one}`);
if (found.length === 0) rmSync(directory, { recursive: true, force: true });
process.exit(found.length === 0 ? 0 : 1);

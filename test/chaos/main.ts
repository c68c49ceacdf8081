// Why: whatever dies, nothing is lost: tried as it happens, with processes that are really killed and halted under a load that goes on, and
// judged in the quiet afterwards. Which disaster comes when follows from the seed; what it meets does not.
//
// node test/chaos/main.ts [--driver fake|libvirt] [--for SECONDS] [--seed N] [--every SECONDS] [--agents N] [--users N] [--quiet SECONDS]

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/base/errors.ts';
import { openDatabase } from '../../src/db/engine.ts';
import { makeDice } from '../sim/dice.ts';
import { startCluster } from '../support/cluster.ts';
import { startMariadb } from '../support/mariadb.ts';
import { startRabbitmq } from '../support/rabbitmq.ts';
import { makeBooks, nameOf } from './books.ts';
import { makeClient } from './client.ts';
import { deleteAll, prepare, type Site } from './cloud.ts';
import { type Disaster, recoveryMs, type Scenery, strike, victimsOf } from './disasters.ts';
import { fakeHosts } from './fake-hosts.ts';
import type { Hosts } from './hosts.ts';
import { libvirtHosts } from './libvirt-hosts.ts';
import { brokenInTheQuiet, leftOfAll, type Scene } from './judge.ts';
import { makeStage, type Stage } from './stage.ts';
import { deedTable, recoveryTable } from './table.ts';
import { use } from './users.ts';

const TELL_EVERY_MS = 10_000;
const MAX_SEED = 2 ** 31 - 1;
const SHOWN = 200;
const APIS = 2;
const WORKERS = 2;
/** Sizes of disks in MiB: what each needs, and some. */
const DATABASE_MIB = 1_024;
const IMAGES_MIB = 1_280;

const { values } = parseArgs({
  options: {
    driver: { type: 'string', default: 'fake' },
    for: { type: 'string', default: '3600' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    agents: { type: 'string', default: '3' },
    // these are as many as the driver's hosts bear, unless they are given
    every: { type: 'string' },
    users: { type: 'string' },
    quiet: { type: 'string' },
  },
});

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function refuse(words: string): never {
  process.stderr.write(`${words}\n`);
  process.exit(2);
}

/** A whole number that was given, within bounds; ends the program where it is none. */
function numberOf(name: keyof typeof values, least: number, most: number, otherwise = NaN): number {
  const value = Number(values[name] ?? otherwise);
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  return refuse(`--${name}: a whole number of ${least} to ${most} is wanted, not '${values[name]}'`);
}

type MakeHosts = (directory: string, agents: readonly string[], stage: Stage) => Hosts;
const drivers: Readonly<Record<string, MakeHosts>> = { fake: fakeHosts, libvirt: libvirtHosts };
const makeHosts = drivers[values.driver] ?? refuse(`--driver: one of ${Object.keys(drivers).join(', ')} is wanted`);

const wanted = {
  forMs: 1000 * numberOf('for', 1, 604_800),
  seed: numberOf('seed', 0, MAX_SEED),
  agents: numberOf('agents', 1, 32),
};

/** How much there is of what hosts bear only so much of. */
const wantedOf = ({ burden }: Hosts) => ({
  everyMs: 1000 * numberOf('every', 1, 3600, burden.everyS),
  users: numberOf('users', 1, 64, burden.users),
  quietMs: 1000 * numberOf('quiet', 1, 3600, burden.quietS),
});

interface Storm {
  readonly disasters: readonly Disaster[];
  /** What users could not read for long, and processes that did not start again. */
  readonly complaints: readonly string[];
}

/** The load and the disasters, until the time is over, and the quiet after them. */
async function storm(scene: Scene, scenery: Scenery, site: Site): Promise<Storm> {
  const { cluster, books, client, hosts } = scene;
  const { everyMs, users, quietMs } = wantedOf(hosts);
  const beganAt = Date.now();
  const isOver = (): boolean => Date.now() - beganAt >= wanted.forMs;
  const disasters: Disaster[] = [];
  const load = { ...site, ...{ client, books, isOver, seed: wanted.seed, apis: cluster.apis.length } };
  const complaints: string[] = [];
  const complain = (who: string) => (error: unknown) => void complaints.push(`${who}: ${messageOf(error)}`);
  for (let number = 1; number <= users; number += 1) use(load, number).catch(complain(`user ${number}`));
  const tell = setInterval(() => {
    const { done, failed, refused, cut, wrong, open } = books.counts();
    const last = disasters.at(-1);
    const ms = last === undefined ? null : recoveryMs(last, books);
    const what = last === undefined ? '' : `; last: ${last.kind} (${last.victim.name})`;
    const how =
      last === undefined ? '' : ms === null ? ', not recovered yet' : `, recovered in ${(ms / 1000).toFixed(1)} s`;
    const at = Math.round((Date.now() - beganAt) / 1000);
    say(
      `chaos: ${at} s: ${done} done, ${failed} failed, ${refused} refused, ${cut} cut off, ${wrong} wrong, ${open} open; ` +
        `${disasters.length} disasters${what}${how}`,
    );
  }, TELL_EVERY_MS);
  const dice = makeDice(wanted.seed, 1);
  const victims = victimsOf(scenery, books);
  try {
    for (let next = beganAt + everyMs; ; next = Math.max(next + everyMs, Date.now())) {
      await sleep(Math.max(0, Math.min(next, beganAt + wanted.forMs) - Date.now()));
      if (isOver()) break;
      await strike(victims, dice, (one) => void disasters.push(one)).catch(complain('a disaster'));
    }
    // what users still wait for goes on into the quiet
    say(`chaos: quiet for ${quietMs / 1000} s`);
    await sleep(quietMs);
  } finally {
    clearInterval(tell);
  }
  return { disasters, complaints };
}

/** Everything that was found wrong, and what there is to tell. */
async function play(scenery: Scenery): Promise<string[]> {
  const { cluster, mariadb, hosts } = scenery;
  const database = openDatabase(mariadb.url, 4);
  const books = makeBooks();
  const scene: Scene = { cluster, database, books, client: makeClient(cluster), hosts };
  try {
    const { disasters, complaints } = await storm(scene, scenery, await prepare(cluster, hosts));
    const found = [...complaints, ...(await brokenInTheQuiet(scene))];
    say(`\n${deedTable(books)}\n\n${recoveryTable(disasters, books)}\n`);
    found.push(...(await deleteAll(scene)));
    if (found.length === 0) found.push(...(await leftOfAll(scene)));
    const lines = books.entries.map((one) => JSON.stringify(one));
    writeFileSync(join(cluster.directory, 'books.jsonl'), `${lines.join('\n')}\n`, { mode: 0o600 });
    const told = disasters.map(({ kind, victim, ...when }) => JSON.stringify({ kind, victim: victim.name, ...when }));
    writeFileSync(join(cluster.directory, 'disasters.jsonl'), `${told.join('\n')}\n`, { mode: 0o600 });
    const failed = books.entries.filter(({ outcome }) => outcome === 'failed');
    for (const one of failed.slice(0, SHOWN)) say(`failed, and says so: ${nameOf(one)}`);
    say(
      `chaos: seed ${wanted.seed}: ${books.entries.length} operations, ${disasters.length} disasters, ${found.length} violations`,
    );
    return found;
  } finally {
    await database.close();
  }
}

const directory = mkdtempSync(join(tmpdir(), 'xloud-chaos-'));
const agents = Array.from({ length: wanted.agents }, (_, index) => `agent-${index + 1}`);
const members = [
  ...Array.from({ length: APIS }, (_, index) => `api-${index + 1}`),
  ...Array.from({ length: WORKERS }, (_, index) => `worker-${index + 1}`),
  ...agents,
];
const disks: Scenery['disks'] = {
  database: join(directory, 'mariadb'),
  images: join(directory, 'images'),
  ofAgent: (host) => join(directory, host),
};

/** Everything that is to be destroyed. */
async function build(): Promise<Scenery> {
  const stage = await makeStage(directory, members);
  await stage.disk(disks.database, DATABASE_MIB);
  await stage.disk(disks.images, IMAGES_MIB);
  const hosts = makeHosts(directory, agents, stage);
  for (const agent of agents) await stage.disk(disks.ofAgent(agent), hosts.diskMib);
  await hosts.start();
  const mariadb = await startMariadb({ address: stage.addresses.database, directory: disks.database });
  const broker = await startRabbitmq({ address: stage.addresses.broker });
  const cluster = await startCluster({
    ...{ apis: APIS, workers: WORKERS, hosts: agents, directory, broker, spotOf: stage.spotOf },
    databaseUrl: mariadb.networkUrl as string,
    ...{ driver: hosts.driver, config: hosts.config, hostConfig: hosts.agentConfig },
  });
  return { stage, mariadb, cluster, disks, hosts };
}

say(`chaos: seed ${wanted.seed}: ${members.join(', ')}, MariaDB, RabbitMQ; logs: ${directory}`);
const scenery = await build();
const { cluster, mariadb } = scenery;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    say(`chaos: ended by ${signal}; logs: ${directory}`);
    void cluster.close().finally(() => process.exit(1));
  });
let found: readonly string[];
try {
  found = await play(scenery);
} finally {
  await cluster.close();
  await mariadb.stop();
  await scenery.hosts.close();
  await scenery.stage.close();
}
for (const one of found.slice(0, SHOWN)) say(`BROKEN: ${one}`);
if (found.length === 0) rmSync(directory, { recursive: true, force: true });
else say(`chaos: again with: make chaos DRIVER=${values.driver} SEED=${wanted.seed}; logs and books: ${directory}`);
process.exit(found.length === 0 ? 0 : 1);

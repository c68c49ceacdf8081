// Why: how fast a cloud empties, on the engine of production: what a team's teardown or an autoscaler waits for. Many clients delete
// servers at once; measured until all are gone, with the guest, the ports and the claim of each. The fake driver takes no time.
//
// The bar is twenty times real Nova on the same work: 700 servers in 51 s there, its fake driver and its database on a machine that is
// 4.5 times as fast as the one of our figures, so 230 s here.
//
// usage: node bench/deletes.ts [--json] [--hosts N] [--servers N]

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../src/db/engine.ts';
import { freshMariadb, mariadbPid } from '../test/support/mariadb.ts';
import { statementsAsked } from './lib/asked.ts';
import { conclude, type Figure } from './lib/figures.ts';
import { makeServers, serversWith } from './lib/fill.ts';
import { numberOf } from './lib/flags.ts';
import { cpuMicros } from './lib/process.ts';
import { type Service, startService } from './lib/service.ts';

const HOSTS = numberOf('--hosts', 10);
const SERVERS = numberOf('--servers', 700);
const CLIENTS = 16;
const LOOK_MS = 10;
const NOVA_SECONDS = 51 * 4.5;
const NOVA_PER_SECOND = 700 / NOVA_SECONDS;
const TIMES = 20;

/** Many clients delete, and none waits until a server is gone. */
async function deleteAll(service: Service, uuids: readonly string[]): Promise<void> {
  const left = [...uuids];
  const client = async (): Promise<void> => {
    for (let uuid = left.pop(); uuid !== undefined; uuid = left.pop()) await service.call('DELETE', `/servers/${uuid}`);
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

const { url, drop } = await freshMariadb();
const dataDir = mkdtempSync(join(tmpdir(), 'xloud-deletes-'));
const database = openDatabase(url, 2);
const service = await startService({
  dataDir,
  args: [
    ...['--driver', 'fake', '--set', `compute.fake_hosts=${HOSTS}`, '--set', `database.connection=${url}`],
    ...['--set', 'network.default_cidr=10.0.0.0/16'],
    ...['cpu', 'ram', 'disk'].flatMap((name) => ['--set', `compute.${name}_allocation_ratio=1000`]),
    ...['instances', 'cores', 'ram'].flatMap((name) => ['--set', `quota.${name}=-1`]),
  ],
});
try {
  const uuids = await makeServers(service, database, SERVERS);
  const cpu = { service: cpuMicros(service.pid), database: cpuMicros(await mariadbPid()) };
  const asked = await statementsAsked(database);
  const began = performance.now();
  await deleteAll(service, uuids);
  const acceptedS = (performance.now() - began) / 1_000;
  while ((await serversWith(database, { deleted: 0 })) > 0) await sleep(LOOK_MS);
  const goneS = (performance.now() - began) / 1_000;
  const figures: Figure[] = [
    { name: `deletions accepted, ${CLIENTS} clients`, value: SERVERS / acceptedS, unit: '/s' },
    {
      name: 'servers deleted and gone',
      value: SERVERS / goneS,
      unit: '/s',
      atLeast: TIMES * NOVA_PER_SECOND,
      note: `${Math.round(SERVERS / goneS / NOVA_PER_SECOND)} times real Nova`,
    },
    {
      name: 'CPU of the service for each',
      value: (cpuMicros(service.pid) - cpu.service) / SERVERS / 1_000,
      unit: 'ms',
    },
    {
      name: 'CPU of MariaDB for each',
      value: (cpuMicros(await mariadbPid()) - cpu.database) / SERVERS / 1_000,
      unit: 'ms',
    },
    { name: 'statements for each', value: ((await statementsAsked(database)) - asked) / SERVERS, unit: '' },
  ];
  conclude('deletes', figures, { hosts: HOSTS, servers: SERVERS });
} finally {
  await service.close();
  await database.close();
  await drop();
  rmSync(dataDir, { recursive: true, force: true });
}

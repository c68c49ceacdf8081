// Why: a service beside others on a small machine must not grow with what its clients ask for: how much memory it holds at most while many
// clients read the largest pages that there are, on the engine of production.
//
// The servers are made by one process, and read from another, whose memory has nothing of the making in it.
//
// usage: node bench/memory.ts [--json] [--servers N] [--clients N]

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../src/db/engine.ts';
import { freshMariadb } from '../test/support/mariadb.ts';
import { conclude, percentile } from './lib/figures.ts';
import { makeServers } from './lib/fill.ts';
import { numberOf } from './lib/flags.ts';
import { load } from './lib/load.ts';
import { memoryMib } from './lib/process.ts';
import { startService } from './lib/service.ts';

const SERVERS = numberOf('--servers', 1_000);
const CLIENTS = numberOf('--clients', 16);
const SECONDS = 5;
const MOST_MIB = 250;

const { url, drop } = await freshMariadb();
const dataDir = mkdtempSync(join(tmpdir(), 'xloud-memory-'));
const database = openDatabase(url, 2);
const options = {
  dataDir,
  args: [
    ...['--driver', 'fake', '--set', `database.connection=${url}`, '--set', 'network.default_cidr=10.0.0.0/16'],
    ...['cpu', 'ram', 'disk'].flatMap((name) => ['--set', `compute.${name}_allocation_ratio=1000`]),
    ...['instances', 'cores', 'ram'].flatMap((name) => ['--set', `quota.${name}=-1`]),
  ],
};
try {
  const maker = await startService(options);
  try {
    await makeServers(maker, database, SERVERS);
  } finally {
    await maker.close();
  }
  const service = await startService(options);
  try {
    const idle = memoryMib(service.pid).rss;
    const page = service.bytes('GET', '/servers/detail?limit=1000');
    const { count, seconds, timesMs } = await load(service.target, page, {
      seconds: SECONDS,
      connections: CLIENTS,
      status: 200,
    });
    const { peak, rss } = memoryMib(service.pid);
    conclude(
      'memory',
      [
        { name: 'resident when idle', value: idle, unit: 'MiB' },
        {
          name: `most that was resident, ${CLIENTS} clients read pages of ${SERVERS}`,
          value: peak,
          unit: 'MiB',
          atMost: MOST_MIB,
        },
        { name: 'resident at the end', value: rss, unit: 'MiB' },
        { name: 'pages', value: count / seconds, unit: '/s' },
        { name: 'a page, p50', value: percentile(timesMs, 0.5), unit: 'ms' },
      ],
      { servers: SERVERS, clients: CLIENTS },
    );
  } finally {
    await service.close();
  }
} finally {
  await database.close();
  await drop();
  rmSync(dataDir, { recursive: true, force: true });
}

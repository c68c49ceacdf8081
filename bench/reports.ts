// Why: hosts report all the time, whatever else a cloud does: what 500 of them cost a worker, the broker and the database, at the pace that
// they choose themselves (`compute.reports_per_second`) and as fast as the worker takes it. The hosts are fake and share processes: each has
// a queue and reports of its own all the same.
//
// usage: node bench/reports.ts [--json] [--agents N] [--each N] [--seconds N]

import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase, readRows } from '../src/db/engine.ts';
import { type Cluster, startCluster } from '../test/support/cluster.ts';
import { mariadbPid } from '../test/support/mariadb.ts';
import { conclude, type Figure, round } from './lib/figures.ts';
import { numberOf } from './lib/flags.ts';
import { cpuMicros, memoryMib } from './lib/process.ts';

const AGENTS = numberOf('--agents', 5);
const EACH = numberOf('--each', 100);
const SECONDS = numberOf('--seconds', 30);
const HOSTS = AGENTS * EACH;
const READY_MS = 180_000;
const LOOK_MS = 500;
const DOWN_SECONDS = 60;

/** Reports that the worker took since it began. */
async function taken({ workers: [worker] }: Cluster): Promise<number> {
  const text = await (await fetch(`${worker?.url}/metrics`)).text();
  const counts = [...text.matchAll(/^xloud_host_reports_total\{.*\} (\d+)$/gm)].map(([, count]) => Number(count));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function allAreUp({ databaseUrl }: Cluster): Promise<void> {
  const database = openDatabase(databaseUrl, 1);
  const giveUpAt = Date.now() + READY_MS;
  try {
    for (;;) {
      const [row] = await readRows(database.read, 'select count(*) as hosts from hosts');
      if (Number(row?.['hosts']) === HOSTS) return;
      if (Date.now() > giveUpAt) throw new Error(`${String(row?.['hosts'])} of ${HOSTS} hosts reported`);
      await sleep(LOOK_MS);
    }
  } finally {
    await database.close();
  }
}

interface Measured {
  readonly perSecond: number;
  /** Milliseconds of processor for each report. */
  readonly worker: number;
  readonly mariadb: number;
  readonly agents: number;
  /** Of the worker, in MiB. */
  readonly residentMib: number;
}

async function measure(pace: Readonly<Record<string, number>>): Promise<Measured> {
  const hosts = Array.from({ length: AGENTS }, (_, index) => `agent-${index + 1}`);
  const compute = { ...pace, down_seconds: DOWN_SECONDS, fake_hosts: EACH };
  const cluster = await startCluster({ apis: 1, workers: 1, hosts, config: { compute } });
  try {
    await allAreUp(cluster);
    const [worker] = cluster.workers;
    const pid = await mariadbPid();
    const look = async () => ({
      reports: await taken(cluster),
      worker: worker?.cpuSeconds() ?? 0,
      mariadb: cpuMicros(pid) / 1e6,
      agents: [...cluster.agents.values()].reduce((sum, one) => sum + one.cpuSeconds(), 0),
    });
    const [before, began] = [await look(), performance.now()];
    await sleep(SECONDS * 1000);
    const [after, seconds] = [await look(), (performance.now() - began) / 1000];
    const reports = after.reports - before.reports;
    const each = (who: 'worker' | 'mariadb' | 'agents') => ((after[who] - before[who]) * 1000) / reports;
    return {
      perSecond: reports / seconds,
      ...{ worker: each('worker'), mariadb: each('mariadb'), agents: each('agents') },
      residentMib: memoryMib(worker?.pid() ?? 0).rss,
    };
  } finally {
    await cluster.close();
  }
}

const chosen = await measure({ report_seconds: 10 });
const most = await measure({ report_seconds: 0.5, reports_per_second: 100_000 });
const rows = (how: string, { perSecond, worker, mariadb, agents, residentMib }: Measured): Figure[] => [
  { name: `${how}: reports taken`, value: perSecond, unit: '/s' },
  {
    name: `${how}: processor of the worker for each`,
    value: worker,
    unit: 'ms',
    note: `${round((worker * perSecond) / 10)} % of one`,
  },
  { name: `${how}: of MariaDB`, value: mariadb, unit: 'ms' },
  { name: `${how}: of the agents`, value: agents, unit: 'ms' },
  { name: `${how}: the worker, resident`, value: residentMib, unit: 'MiB' },
];
conclude('reports', [...rows('own pace', chosen), ...rows('at most', most)], { hosts: HOSTS, chosen, most });

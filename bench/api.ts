// Why: what an API call costs beside a bare node:http server that sends the same bytes, and how that grows with the number of
// servers. One run measures both in turns, so that a busy machine disturbs both alike.
//
// usage: node bench/api.ts [--json] [--quick] [--only SUBSTRING]

import { startBare } from './lib/bare.ts';
import { table } from '../src/base/table.ts';
import { conclude, type Figure, median, percentile, round, say } from './lib/figures.ts';
import { addCopies, type Catalogue, createServer, makeCatalogue, serverBody } from './lib/fill.ts';
import { ask, load, requestBytes, type Target } from './lib/load.ts';
import { cpuMicros, memoryMib } from './lib/process.ts';
import { type Service, startService } from './lib/service.ts';

const quick = process.argv.includes('--quick');
const only = process.argv.includes('--only') ? (process.argv[process.argv.indexOf('--only') + 1] ?? '') : '';
const SIZES = quick ? [10, 1_000] : [10, 1_000, 10_000];
const ROUNDS = 3;
const SECONDS = quick ? 0.5 : 1.5;
const CONNECTIONS = 8;
const PAGE = 1_000;
const NOVA_DETAIL_MS = 1_806;
const OLD_DETAIL = 'GET of the same at 2.1';
const POSTS = quick ? 30 : 100;

interface Call {
  readonly name: string;
  readonly request: Buffer;
}

interface Measured {
  readonly name: string;
  readonly servers: number;
  readonly bytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
  /** CPU of the server process per request, in microseconds, and the bare server's for the same answer. */
  readonly cpuMicros: number;
  readonly bareMicros: number;
  readonly ratio: number;
}

async function cpuPerRequest(target: Target, pid: number, request: Buffer, status: number) {
  const before = cpuMicros(pid);
  const { count, seconds } = await load(target, request, { seconds: SECONDS, connections: CONNECTIONS, status });
  return { micros: (cpuMicros(pid) - before) / count, perSecond: count / seconds };
}

/** One call beside the bare server: alone for its latency, eight at once for its cost. */
async function measure(service: Service, call: Call, servers: number): Promise<Measured> {
  const answer = await ask(service.target, call.request);
  if (answer.status !== 200) throw new Error(`${call.name}: ${answer.status} ${answer.body.toString()}`);
  const bare = await startBare([answer]);
  const bareRequest = requestBytes(bare.target, 'GET', '/0', {});
  const { status } = answer;
  const warm = { seconds: SECONDS, connections: CONNECTIONS, status };
  try {
    await load(service.target, call.request, warm);
    await load(bare.target, bareRequest, warm);
    const runs = [];
    const timesMs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const alone = await load(service.target, call.request, { seconds: SECONDS, connections: 1, status });
      timesMs.push(...alone.timesMs);
      const own = await cpuPerRequest(service.target, service.pid, call.request, status);
      const floor = await cpuPerRequest(bare.target, bare.pid, bareRequest, status);
      runs.push({ own, floor, ratio: own.micros / floor.micros });
    }
    timesMs.sort((a, b) => a - b);
    return {
      name: call.name,
      servers,
      bytes: answer.body.length,
      p50Ms: percentile(timesMs, 0.5),
      p99Ms: percentile(timesMs, 0.99),
      perSecond: median(runs.map(({ own }) => own.perSecond)),
      cpuMicros: median(runs.map(({ own }) => own.micros)),
      bareMicros: median(runs.map(({ floor }) => floor.micros)),
      ratio: median(runs.map((run) => run.ratio)),
    };
  } finally {
    await bare.close();
  }
}

/** POST /servers, one after the other: to the 202, not to ACTIVE (bench/create.ts). The servers are deleted again. */
async function measurePosts(service: Service, catalogue: Catalogue, servers: number) {
  const timesMs: number[] = [];
  const made: string[] = [];
  const cpuBefore = cpuMicros(service.pid);
  for (let n = 0; n < POSTS; n += 1) {
    const started = performance.now();
    const { server } = await service.call<{ server: { id: string } }>(
      'POST',
      '/servers',
      serverBody(catalogue, `post-${n}`),
    );
    timesMs.push(performance.now() - started);
    made.push(server.id);
  }
  const micros = (cpuMicros(service.pid) - cpuBefore) / POSTS;
  for (const id of made) await service.call('DELETE', `/servers/${id}`);
  timesMs.sort((a, b) => a - b);
  return {
    name: 'POST /servers, to the 202',
    servers,
    p50Ms: round(percentile(timesMs, 0.5)),
    p99Ms: round(percentile(timesMs, 0.99)),
    // the saga that follows runs meanwhile and is counted too
    cpuMicrosWithSaga: round(micros),
  };
}

/** All pages of the detailed list, in milliseconds. */
async function walk(service: Service): Promise<number> {
  const started = performance.now();
  let marker = '';
  for (;;) {
    const page = await service.call<{ servers: { id: string }[] }>(
      'GET',
      `/servers/detail?limit=${PAGE}${marker === '' ? '' : `&marker=${marker}`}`,
    );
    const last = page.servers.at(-1);
    if (last === undefined) return performance.now() - started;
    marker = last.id;
  }
}

const service = await startService({
  args: ['--driver', 'fake', ...['instances', 'cores', 'ram'].flatMap((name) => ['--set', `quota.${name}=-1`])],
});
try {
  const catalogue = await makeCatalogue(service);
  const model = await createServer(service, catalogue, 'model');
  const calls: Call[] = [
    { name: 'GET / of 2.1 (version document)', request: requestBytes(service.target, 'GET', '/compute/v2.1/', {}) },
    { name: 'GET /servers/{id}', request: service.bytes('GET', `/servers/${model}`) },
    { name: 'GET /os-xloud-adjust/{id}', request: service.bytes('GET', `/os-xloud-adjust/${model}`) },
    { name: 'GET /flavors/detail', request: service.bytes('GET', '/flavors/detail') },
    { name: 'GET /servers?limit=1000', request: service.bytes('GET', `/servers?limit=${PAGE}`) },
    { name: 'GET /servers/detail?limit=1000', request: service.bytes('GET', `/servers/detail?limit=${PAGE}`) },
    { name: OLD_DETAIL, request: service.bytes('GET', `/servers/detail?limit=${PAGE}`, undefined, '2.1') },
  ].filter((call) => call.name.includes(only));
  const reads: Measured[] = [];
  const posts = [];
  const walks = new Map<number, number>();
  const memory: Record<number, { rssMib: number; peakMib: number }> = {};
  let present = 1;
  for (const size of SIZES) {
    await addCopies(service, model, present, size - present);
    present = size;
    for (const call of calls) reads.push(await measure(service, call, size));
    if (only === '') {
      posts.push(await measurePosts(service, catalogue, size));
      walks.set(size, median([await walk(service), await walk(service), await walk(service)]));
    }
    const { rss, peak } = memoryMib(service.pid);
    memory[size] = { rssMib: round(rss), peakMib: round(peak) };
  }

  say(`\nReads at microversion 2.104 by an administrator; CPU with ${CONNECTIONS} clients, latency with one:\n`);
  say(
    table([
      ['call', 'servers', 'bytes', 'p50 ms', 'p99 ms', 'req/s', 'CPU us', 'bare us', 'ratio'],
      ...reads.map((row) => [
        row.name,
        row.servers,
        row.bytes,
        ...[row.p50Ms, row.p99Ms, row.perSecond, row.cpuMicros, row.bareMicros, row.ratio].map(round),
      ]),
    ]),
  );
  for (const post of posts)
    say(`${post.name} with ${post.servers} servers: p50 ${post.p50Ms} ms, p99 ${post.p99Ms} ms`);
  for (const [size, ms] of walks) say(`all pages of servers/detail with ${size} servers: ${round(ms)} ms`);
  say(`memory after it: ${JSON.stringify(memory)}`);

  const find = (name: string, servers: number): Measured | undefined =>
    reads.find((row) => row.name.startsWith(name) && row.servers === servers);
  const figures: Figure[] = [];
  for (const size of SIZES) {
    for (const name of ['GET / of 2.1', 'GET /servers/{id}']) {
      const row = find(name, size);
      if (row === undefined) continue;
      figures.push({ name: `${name}, ${size} servers: CPU beside bare http`, value: row.ratio, unit: 'x', atMost: 3 });
    }
  }
  const detail = find('GET /servers/detail', 1_000);
  if (detail !== undefined) {
    figures.push({
      name: 'GET /servers/detail of 1,000 servers, p50',
      value: detail.p50Ms,
      unit: 'ms',
      atMost: 36,
      note: `real Nova ${NOVA_DETAIL_MS} ms: ${Math.round(NOVA_DETAIL_MS / detail.p50Ms)} times faster`,
    });
    const old = find(OLD_DETAIL, 1_000);
    if (old !== undefined) {
      figures.push({
        name: 'that page at 2.104 beside 2.1, CPU',
        value: detail.cpuMicros / old.cpuMicros,
        unit: 'x',
        atMost: 1.3,
      });
    }
    const large = find('GET /servers/detail', 10_000);
    if (large !== undefined) {
      figures.push({
        name: 'the same page among 10,000: CPU beside that among 1,000',
        value: large.cpuMicros / detail.cpuMicros,
        unit: 'x',
        // what two measurements of one thing differ by on a shared machine
        atMost: 1.1,
      });
    }
  }
  const [small, big] = [walks.get(1_000), walks.get(10_000)];
  if (small !== undefined && big !== undefined) {
    figures.push({
      name: 'all pages of 10,000: time per server beside 1,000',
      value: big / 10_000 / (small / 1_000),
      unit: 'x',
      atMost: 1.1,
    });
  }
  conclude('api', figures, {
    calls: reads.map((row) => ({
      ...row,
      p50Ms: round(row.p50Ms),
      p99Ms: round(row.p99Ms),
      perSecond: round(row.perSecond),
      cpuMicros: round(row.cpuMicros),
      bareMicros: round(row.bareMicros),
      ratio: round(row.ratio),
    })),
    posts,
    memory,
  });
} finally {
  await service.close();
}

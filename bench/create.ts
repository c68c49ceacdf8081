// Why: how long a newcomer waits for a server apart from its hypervisor: POST to ACTIVE on the fake driver without its delays,
// and how many servers one process makes in a second when many are asked for at once.
//
// usage: node bench/create.ts [--json]

import { conclude, type Figure, percentile, round, say } from './lib/figures.ts';
import { createServer, makeCatalogue, serverBody } from './lib/fill.ts';
import { cpuMicros } from './lib/process.ts';
import { startService } from './lib/service.ts';

const ALONE = 60;
const TOGETHER = 16;
const EACH = 10;
const NOVA_ALONE_MS = 623;
const NOVA_PER_SECOND = 2.23;
const GONE_MS = 60_000;

const service = await startService({
  args: [
    ...['--driver', 'fake', '--set', 'compute.ram_allocation_ratio=100', '--set', 'compute.cpu_allocation_ratio=1000'],
    ...['--set', 'compute.disk_allocation_ratio=100'],
    ...['instances', 'cores', 'ram'].flatMap((name) => ['--set', `quota.${name}=-1`]),
  ],
});
try {
  const catalogue = await makeCatalogue(service);
  await createServer(service, catalogue, 'warm-up');

  const alone: number[] = [];
  for (let n = 0; n < ALONE; n += 1) {
    const started = performance.now();
    await createServer(service, catalogue, `alone-${n}`);
    alone.push(performance.now() - started);
  }
  alone.sort((a, b) => a - b);

  const cpu = cpuMicros(service.pid);
  const started = performance.now();
  const ids = await Promise.all(
    Array.from({ length: TOGETHER }, async (_, client) => {
      const mine: string[] = [];
      for (let n = 0; n < EACH; n += 1) {
        const { server } = await service.call<{ server: { id: string } }>(
          'POST',
          '/servers',
          serverBody(catalogue, `together-${client}-${n}`),
        );
        mine.push(server.id);
      }
      return mine;
    }),
  );
  const wanted = ids.flat().length;
  const total = ALONE + 1 + wanted;
  for (;;) {
    const { servers } = await service.call<{ servers: unknown[] }>('GET', '/servers?status=ACTIVE&limit=1000');
    if (servers.length >= total) break;
    const failed = await service.call<{ servers: unknown[] }>('GET', '/servers?status=ERROR');
    if (failed.servers.length > 0) throw new Error(`${failed.servers.length} servers are in ERROR`);
  }
  const perSecond = wanted / ((performance.now() - started) / 1000);
  const cpuMs = (cpuMicros(service.pid) - cpu) / wanted / 1000;

  const deleting = performance.now();
  const { servers } = await service.call<{ servers: { id: string }[] }>('GET', '/servers?limit=1000');
  for (const { id } of servers) await service.call('DELETE', `/servers/${id}`);
  for (;;) {
    const left = await service.call<{ servers: unknown[] }>('GET', '/servers?limit=1000');
    if (left.servers.length === 0) break;
    if (performance.now() - deleting > GONE_MS) throw new Error(`${left.servers.length} servers stay`);
  }
  const deletedPerSecond = servers.length / ((performance.now() - deleting) / 1000);

  say(`POST to ACTIVE, one after the other: p99 ${round(percentile(alone, 0.99))} ms`);
  const figures: Figure[] = [
    {
      name: 'POST to ACTIVE, one at a time, p50',
      value: percentile(alone, 0.5),
      unit: 'ms',
      note: `real Nova ${NOVA_ALONE_MS} ms, asked every 100 ms`,
    },
    { name: 'POST to ACTIVE, one at a time, p99', value: percentile(alone, 0.99), unit: 'ms' },
    {
      name: `servers made ACTIVE, ${TOGETHER} clients`,
      value: perSecond,
      unit: '/s',
      note: `real Nova ${NOVA_PER_SECOND}/s`,
    },
    { name: 'CPU of the service for each of them', value: cpuMs, unit: 'ms' },
    { name: 'servers deleted and gone', value: deletedPerSecond, unit: '/s' },
  ];
  conclude('create', figures, {});
} finally {
  await service.close();
}

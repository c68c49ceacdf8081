// Why: what `xloud serve` needs while nobody asks it for anything, and how soon it answers: by the launcher (the sources, with
// what Node compiled before), from the sources for the first time, and from the built dist/ where that is there (`make build`).
//
// usage: node bench/footprint.ts [--json]

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { conclude, type Figure, median, say } from './lib/figures.ts';
import { cpuMicros, memoryMib } from './lib/process.ts';
import { startService } from './lib/service.ts';

const SETTLE_MS = 10_000;
const STARTS = 3;
const IDLE_MIB = 190;
const NOVA_MIB = 752;

const root = join(import.meta.dirname, '..');
const ways: { readonly name: string; readonly entry?: string }[] = [
  { name: 'bin/xloud' },
  { name: 'sources, nothing compiled', entry: join(root, 'src', 'main', 'xloud.ts') },
  { name: 'dist', entry: join(root, 'dist', 'src', 'main', 'xloud.js') },
].filter(({ name, entry }) => {
  if (entry === undefined || existsSync(entry)) return true;
  say(`${name}: not there (make build)`);
  return false;
});

const figures: Figure[] = [];
for (const way of ways) {
  const { name } = way;
  const starts: number[] = [];
  const again: number[] = [];
  const dataDir = mkdtempSync(join(tmpdir(), 'xloud-bench-'));
  for (let n = 0; n < STARTS; n += 1) {
    const service = await startService(way);
    starts.push(service.startMs);
    await service.close();
  }
  for (let n = 0; n < STARTS; n += 1) {
    const service = await startService({ ...way, dataDir });
    if (n > 0) again.push(service.startMs);
    await service.close();
  }
  const service = await startService({ ...way, dataDir });
  try {
    // one list, so that what the first request loads is counted too
    await service.call('GET', '/servers/detail');
    await sleep(SETTLE_MS);
    const before = cpuMicros(service.pid);
    await sleep(SETTLE_MS);
    const { rss, pss, peak } = memoryMib(service.pid);
    const busy = (cpuMicros(service.pid) - before) / (SETTLE_MS * 1000);
    figures.push(
      {
        name: `${name}: idle, resident`,
        value: rss,
        unit: 'MiB',
        atMost: IDLE_MIB,
        note: `real Nova ${NOVA_MIB} MiB; PSS ${Math.round(pss)}, peak ${Math.round(peak)}`,
      },
      { name: `${name}: idle, share of one CPU`, value: busy * 100, unit: '%' },
      {
        name: `${name}: first start (schema, users, keys), process to /healthz 200`,
        value: median(starts),
        unit: 'ms',
      },
      { name: `${name}: later start, process to /healthz 200`, value: median(again), unit: 'ms' },
    );
  } finally {
    await service.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}
conclude('footprint', figures, {});

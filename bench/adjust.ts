// Why: what the way through API, database, worker, agent and driver adds to an adjustment, beside the bare libvirt call that
// does the same to the same guest. Both are taken from the call to the moment at which the guest's balloon says the new size.
// Needs root, libvirt and QEMU (`make host`); says so and ends with status 2 where it cannot run.
//
// usage: node bench/adjust.ts [--json]

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/base/clock.ts';
import { messageOf } from '../src/base/errors.ts';
import { silentLog } from '../src/base/log.ts';
import { type HypervisorConnection, openHypervisor } from '../src/virt/libvirt/connection.ts';
import { VIR_DOMAIN_AFFECT_LIVE } from '../src/virt/libvirt/rpc/constants.ts';
import { buildGuest, type GuestImages } from '../test/support/guest.ts';
import { type Libvirtd, startLibvirtd } from '../test/support/libvirtd.ts';
import { conclude, percentile, round, say } from './lib/figures.ts';
import { ask, requestBytes } from './lib/load.ts';
import { type Service, startService } from './lib/service.ts';

const BLOCKS = 4;
const TURNS = 10;
const SMALL_MB = 512;
// a small move: what the guest itself needs for it shall not hide what is measured
const LARGE_MB = 544;
const POLL_MS = 1;
const BOOT_MS = 120_000;
const MOVE_MS = 30_000;
const OVERHEAD_MS = 20;
const KIB = 1024;

interface Adjustment {
  readonly status: string;
  readonly memory_mb: { readonly current: number };
  readonly vcpus: { readonly guest_online: number | null };
}

async function until(what: string, timeoutMs: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(POLL_MS);
  }
}

async function upload(service: Service, name: string, format: string, path: string, properties: object = {}) {
  const headers = { 'X-Auth-Token': service.token };
  const wish = { name, disk_format: format, container_format: format === 'qcow2' ? 'bare' : format, ...properties };
  const made = await ask(service.target, requestBytes(service.target, 'POST', '/image/v2/images', headers, wish));
  const { id } = JSON.parse(made.body.toString()) as { id: string };
  const data = readFileSync(path);
  const put = requestBytes(service.target, 'PUT', `/image/v2/images/${id}/file`, {
    ...headers,
    'Content-Type': 'application/octet-stream',
    'Content-Length': String(data.length),
  });
  const answer = await ask(service.target, Buffer.concat([put, data]));
  if (answer.status !== 204) throw new Error(`image ${name}: ${answer.status} ${answer.body.toString()}`);
  return id;
}

/** A running guest whose agent answers, of 1 to 4 vCPUs and 256 to 1,024 MiB. */
async function bootGuest(service: Service, images: GuestImages): Promise<string> {
  const kernel_id = await upload(service, 'kernel', 'aki', images.kernel);
  const ramdisk_id = await upload(service, 'ramdisk', 'ari', images.initrd);
  const imageRef = await upload(service, 'guest', 'qcow2', images.rootDisk, { kernel_id, ramdisk_id });
  const { flavor } = await service.call<{ flavor: { id: string } }>('POST', '/flavors', {
    flavor: { name: 'elastic', vcpus: 4, ram: 1024, disk: 1 },
  });
  await service.call('POST', `/flavors/${flavor.id}/os-extra_specs`, {
    extra_specs: { minimum_cpu: '1', minimum_memory: '256' },
  });
  const { server } = await service.call<{ server: { id: string } }>('POST', '/servers', {
    server: { name: 'bench', imageRef, flavorRef: flavor.id, networks: 'none' },
  });
  await until('ACTIVE', BOOT_MS, async () => {
    const shown = await service.call<{ server: { status: string; fault?: { message: string } } }>(
      'GET',
      `/servers/${server.id}`,
    );
    if (shown.server.status === 'ERROR') throw new Error(`the guest: ${shown.server.fault?.message}`);
    await sleep(100);
    return shown.server.status === 'ACTIVE';
  });
  return server.id;
}

async function measure(hypervisor: HypervisorConnection, service: Service, id: string) {
  const domain = await hypervisor.domainLookupByUUID(id);
  const adjustment = () => service.call<Adjustment>('GET', `/os-xloud-adjust/${id}`);
  const actualMb = async () => ((await hypervisor.domainMemoryStats(domain)).actualKib ?? 0) / KIB;

  const viaApi = async (memoryMb: number): Promise<number> => {
    const started = performance.now();
    await service.call('POST', `/os-xloud-adjust/${id}`, { current_memory_mb: memoryMb });
    await until('the adjustment', MOVE_MS, async () => {
      const { status, memory_mb } = await adjustment();
      return status === 'idle' && memory_mb.current === memoryMb;
    });
    return performance.now() - started;
  };
  const raw = async (memoryMb: number): Promise<number> => {
    const started = performance.now();
    await hypervisor.domainSetMemoryFlags(domain, memoryMb * KIB, VIR_DOMAIN_AFFECT_LIVE);
    await until('the balloon', MOVE_MS, async () => (await actualMb()) === memoryMb);
    return performance.now() - started;
  };

  // the guest's balloon driver has to be there before anything is asked of it
  await until('the guest', BOOT_MS, async () => {
    await sleep(1_000);
    const console = await service.call<{ output: string }>('POST', `/servers/${id}/action`, {
      'os-getConsoleOutput': {},
    });
    return console.output.includes('xloud-guest status');
  });
  await viaApi(LARGE_MB);
  await viaApi(SMALL_MB);

  const api: number[] = [];
  const bare: number[] = [];
  for (let block = 0; block < BLOCKS; block += 1) {
    for (let turn = 0; turn < TURNS; turn += 1) bare.push(await raw(LARGE_MB), await raw(SMALL_MB));
    // whatever the service heard of this has to be over before it is asked itself
    await sleep(500);
    await until('the row', MOVE_MS, async () => {
      const { status, memory_mb } = await adjustment();
      return status === 'idle' && memory_mb.current === SMALL_MB;
    });
    for (let turn = 0; turn < TURNS; turn += 1) api.push(await viaApi(LARGE_MB), await viaApi(SMALL_MB));
  }
  const sort = (times: number[]) => times.toSorted((a, b) => a - b);
  return { api: sort(api), bare: sort(bare) };
}

let libvirtd: Libvirtd;
let images: GuestImages;
try {
  images = await buildGuest();
  libvirtd = await startLibvirtd();
} catch (error) {
  say(`bench/adjust cannot run here: ${messageOf(error)}`);
  process.exit(2);
}
try {
  const hypervisor = await openHypervisor({ uri: libvirtd.uri, log: silentLog, clock: systemClock });
  const service = await startService({
    args: [
      '--driver',
      'libvirt',
      '--set',
      `compute.libvirt_uri=${libvirtd.uri}`,
      '--set',
      'compute.report_seconds=600',
    ],
  });
  try {
    const id = await bootGuest(service, images);
    const { api, bare } = await measure(hypervisor, service, id);
    say(`each ${api.length} times, ${SMALL_MB} to ${LARGE_MB} MiB and back:`);
    say(`  POST to confirmed: p50 ${round(percentile(api, 0.5))} ms, p99 ${round(percentile(api, 0.99))} ms`);
    say(`  bare libvirt call: p50 ${round(percentile(bare, 0.5))} ms, p99 ${round(percentile(bare, 0.99))} ms`);
    conclude(
      'adjust',
      [
        { name: 'POST to guest-confirmed, p50', value: percentile(api, 0.5), unit: 'ms' },
        { name: 'libvirt call to guest-confirmed, p50', value: percentile(bare, 0.5), unit: 'ms' },
        {
          name: 'overhead, p50',
          value: percentile(api, 0.5) - percentile(bare, 0.5),
          unit: 'ms',
          atMost: OVERHEAD_MS,
        },
      ],
      { p99: { api: round(percentile(api, 0.99)), bare: round(percentile(bare, 0.99)) } },
    );
    await service.call('DELETE', `/servers/${id}`);
  } finally {
    await service.close();
    await hypervisor.close();
  }
} finally {
  await libvirtd.stop();
}

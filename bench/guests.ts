// Why: on a real hypervisor a newcomer waits for a server as long as QEMU takes, and for what we add to that; and a host that makes and
// deletes guests all day must be afterwards as it was before: nothing left behind, and nothing that grows.
//
// A server is created from a cached image, and then the same domain is started by virsh: the difference is ours. Then come rounds of
// guests of an empty disk, created all at once and deleted all at once. Needs root and a hypervisor's packages.
//
// usage: node bench/guests.ts [--json] [--starts N] [--rounds N] [--guests N]

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GuestService, startGuestService } from '../test/support/serve-guest.ts';
import { conclude, type Figure, median, round, say } from './lib/figures.ts';
import { numberOf } from './lib/flags.ts';

const STARTS = numberOf('--starts', 7);
const ROUNDS = numberOf('--rounds', 20);
const GUESTS = numberOf('--guests', 50);
const LOOK_MS = 20;
const ROUND_LOOK_MS = 500;
const PATIENCE_MS = 900_000;
const MIB = 2 ** 20;
/** From the issue of the one who runs the cloud: what we add to QEMU's own start. */
const ADDED_MS = 1_500;
/** Of memory from the fifth round to the last: caches and the heap's own breathing are below it, a leak in each guest is not. */
const GROWTH_MIB = 48;

interface Made {
  readonly id: string;
  readonly ms: number;
}

async function until(what: string, isThere: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!(await isThere())) {
    assert.ok(Date.now() < giveUpAt, `not yet: ${what}`);
    await sleep(LOOK_MS);
  }
}

async function statusOf(world: GuestService, id: string): Promise<string> {
  const { status, body } = await world.compute('GET', `/servers/${id}`);
  return status === 404 ? 'gone' : (body.server.status as string);
}

async function reach(world: GuestService, id: string, wanted: string): Promise<void> {
  await until(`${id} ${wanted}`, async () => {
    const now = await statusOf(world, id);
    assert.ok(now !== 'ERROR', `${id} is in ERROR`);
    return now === wanted;
  });
}

async function ask(world: GuestService, imageRef: string, flavorRef: string): Promise<string> {
  const server = { name: 'bench', imageRef, flavorRef, networks: 'auto' };
  const made = await world.compute('POST', '/servers', { server });
  assert.equal(made.status, 202, JSON.stringify(made.body));
  return made.body.server.id as string;
}

/** Looks at all at once, and seldom: whoever looks shares the processors with those who work. */
async function allAre(world: GuestService, status: string, count: number): Promise<void> {
  await until(`${count} servers ${status}`, async () => {
    await sleep(ROUND_LOOK_MS);
    const { servers } = (await world.compute('GET', '/servers/detail')).body as { servers: { status: string }[] };
    assert.ok(!servers.some((one) => one.status === 'ERROR'), 'a server is in ERROR');
    return servers.length === count && servers.every((one) => one.status === status);
  });
}

async function create(world: GuestService, imageRef: string, flavorRef: string): Promise<Made> {
  const began = performance.now();
  const id = await ask(world, imageRef, flavorRef);
  await reach(world, id, 'ACTIVE');
  return { id, ms: performance.now() - began };
}

async function remove(world: GuestService, id: string): Promise<void> {
  assert.equal((await world.compute('DELETE', `/servers/${id}`)).status, 204);
  await reach(world, id, 'gone');
}

/** What a start takes through us, and what the hypervisor takes to start the same domain. */
async function starts(world: GuestService): Promise<{ readonly ours: number[]; readonly its: number[] }> {
  const [ours, its]: [number[], number[]] = [[], []];
  // the first brings the image into the cache
  for (let n = 0; n <= STARTS; n += 1) {
    const { id, ms } = await create(world, world.imageRef, world.flavorRef);
    await world.virsh('destroy', id);
    const began = performance.now();
    await world.virsh('start', id);
    if (n > 0) {
      ours.push(ms);
      its.push(performance.now() - began);
      say(`start ${n}: ${round(ms)} ms to ACTIVE, ${round(its.at(-1) as number)} ms by virsh`);
    }
    await remove(world, id);
  }
  return { ours, its };
}

/** A flavor and an image of guests that have nothing to boot: their firmware finds that, and they rest. */
async function emptyGuest(world: GuestService): Promise<{ readonly image: string; readonly flavor: string }> {
  const { service } = world;
  const wish = { name: 'empty', disk_format: 'raw', container_format: 'bare', visibility: 'public' };
  const { body } = await service.request('xloud', 'POST', '/image/v2/images', wish);
  const put = await service.request('xloud', 'PUT', `/image/v2/images/${body.id}/file`, Buffer.alloc(MIB));
  assert.equal(put.status, 204);
  const flavor = await world.compute('POST', '/flavors', { flavor: { name: 'empty', vcpus: 1, ram: 64, disk: 1 } });
  return { image: body.id as string, flavor: flavor.body.flavor.id as string };
}

const residentMib = (pid: number | string): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;

/** A process of this machine. */
function processThat(what: string, is: (pid: string) => boolean): string {
  const found = readdirSync('/proc').find((pid) => {
    try {
      return /^\d+$/.test(pid) && is(pid);
    } catch {
      // it ended meanwhile
      return false;
    }
  });
  if (found === undefined) throw new Error(`no process is ${what}`);
  return found;
}

const servePid = (dataDir: string): string =>
  processThat(
    'the service',
    (pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(dataDir) &&
      readlinkSync(`/proc/${pid}/exe`).includes('node'),
  );

/** The daemon itself, in the namespaces of `within`. */
const daemonPid = (within: number): string =>
  processThat(
    'libvirtd',
    (pid) =>
      readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'libvirtd' &&
      readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync(`/proc/${within}/ns/mnt`),
  );

interface Standing {
  readonly serviceMib: number;
  readonly libvirtdMib: number;
  readonly files: number;
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' });
}

/** What is still there of guests. */
async function leftovers(world: GuestService): Promise<string[]> {
  const { libvirtd, service } = world;
  const domains = (await world.virsh('list', '--all', '--name')).split('\n').filter((name) => name !== '');
  const disks = filesBelow(join(service.dataDir, 'instances')).filter((name) => !/^_(images|networks)/.test(name));
  const links = (await libvirtd.exec('ip', '-o', 'link')).stdout
    .split('\n')
    .filter((line) => /\bvnet|\btap/.test(line));
  const filters = (await world.virsh('nwfilter-list')).split('\n').filter((line) => line.includes('xloud'));
  const ports = (await service.request('xloud', 'GET', '/network/v2.0/ports?fields=device_owner')).body.ports as {
    device_owner: string;
  }[];
  const own = ports.filter(({ device_owner }) => device_owner.startsWith('compute:'));
  const hypervisor = (await world.compute('GET', '/os-hypervisors/detail')).body.hypervisors[0];
  return [
    ...domains.map((name) => `domain ${name}`),
    ...disks.map((name) => `file ${name}`),
    ...links.map((line) => `interface ${line}`),
    ...filters.map((line) => `filter ${line}`),
    ...own.map(() => 'a port'),
    ...(hypervisor.vcpus_used === 0 ? [] : [`${hypervisor.vcpus_used} vCPUs claimed`]),
  ];
}

async function rounds(world: GuestService): Promise<{ readonly standings: Standing[]; readonly seconds: number[] }> {
  const { image, flavor } = await emptyGuest(world);
  const [pid, daemon] = [servePid(world.service.dataDir), daemonPid(world.libvirtd.pid)];
  const standings: Standing[] = [];
  const seconds: number[] = [];
  for (let n = 1; n <= ROUNDS; n += 1) {
    const began = performance.now();
    const ids = await Promise.all(Array.from({ length: GUESTS }, () => ask(world, image, flavor)));
    await allAre(world, 'ACTIVE', GUESTS);
    await Promise.all(ids.map((id) => world.compute('DELETE', `/servers/${id}`)));
    await allAre(world, 'gone', 0);
    seconds.push((performance.now() - began) / 1_000);
    assert.deepEqual((await leftovers(world)).slice(0, 5), [], `after round ${n}`);
    const files = readdirSync(`/proc/${pid}/fd`).length;
    standings.push({ serviceMib: residentMib(pid), libvirtdMib: residentMib(daemon), files });
    const last = standings.at(-1) as Standing;
    say(
      `round ${n}: ${GUESTS} guests in ${round(seconds.at(-1) as number)} s, nothing left; service ${round(last.serviceMib)} MiB, ` +
        `libvirtd ${round(last.libvirtdMib)} MiB, ${last.files} open files`,
    );
  }
  return { standings, seconds };
}

const quotas = ['INSTANCES', 'CORES', 'RAM'].map((name) => [`XLOUD_QUOTA__${name}`, '-1'] as const);
const world = await startGuestService({
  flavor: { vcpus: 1, ram: 256 },
  env: {
    ...Object.fromEntries(quotas),
    XLOUD_COMPUTE__CPU_ALLOCATION_RATIO: '100',
    XLOUD_COMPUTE__RAM_ALLOCATION_RATIO: '4',
    // a machine that is busy with fifty starts is not down: of one that is, a deletion is done at home, and what it leaves there later
    XLOUD_COMPUTE__DOWN_SECONDS: '300',
    XLOUD_NETWORK__DEFAULT_CIDR: '10.77.0.0/16',
  },
});
try {
  const quota = { quota: { port: -1 } };
  const { body } = await world.service.request('xloud', 'GET', '/identity/v3/auth/projects');
  await world.service.request('xloud', 'PUT', `/network/v2.0/quotas/${body.projects[0].id}`, quota);
  const { ours, its } = await starts(world);
  const added = ours.map((ms, at) => ms - (its[at] as number));
  const figures: Figure[] = [
    { name: 'POST to ACTIVE from a cached image', value: median(ours), unit: 'ms' },
    { name: 'the same domain by virsh start', value: median(its), unit: 'ms' },
    { name: 'what we add', value: median(added), unit: 'ms', atMost: ADDED_MS },
  ];
  if (ROUNDS > 0) {
    const { standings, seconds } = await rounds(world);
    const early = standings[Math.min(4, standings.length - 1)] as Standing;
    const last = standings.at(-1) as Standing;
    figures.push(
      { name: `a round of ${GUESTS} guests`, value: median(seconds), unit: 's' },
      { name: 'service grew', value: last.serviceMib - early.serviceMib, unit: 'MiB', atMost: GROWTH_MIB },
      { name: 'libvirtd grew', value: last.libvirtdMib - early.libvirtdMib, unit: 'MiB', atMost: GROWTH_MIB },
      { name: 'open files more', value: last.files - early.files, unit: '', atMost: 2 },
    );
  }
  conclude('guests', figures, { ours, its });
} finally {
  await world.close();
}

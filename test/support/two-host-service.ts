// Why: the whole product over two real hosts, as one process that can be killed while guests are on their way between them.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, type ClusterWish, startCluster } from './cluster.ts';
import { messageOf } from '../../src/base/errors.ts';
import { ConsoleLog } from './guest.ts';
import { runInside } from './inside.ts';
import { type Libvirtd, type LibvirtdOptions, startLibvirtd } from './libvirtd.ts';
import { eventually, type Reply, type Service, startService } from './serve.ts';
import { uploadGuest } from './serve-guest.ts';
import { addresses, joinHosts } from './two-hosts.ts';

const BOOT_MS = 240_000;
const INSIDE_MS = 60_000;
const MARK_SECTOR = 2_000_000;
const NAMES = ['host-a', 'host-b'] as const;

export type HostName = (typeof NAMES)[number];

/** The product, as one process or as many. */
interface Whole {
  request(cloud: 'xloud', method: string, path: string, body?: unknown): Promise<Reply>;
  close(): Promise<void>;
}

/** Two libvirtds and the whole product over them. */
export interface TwoHostService<W extends Whole = Service> {
  readonly service: W;
  readonly imageRef: string;
  compute(method: string, path: string, body?: unknown): Promise<Reply>;
  /** A flavor of at least 1 vCPU and 256 MiB. */
  flavor(name: string, size: { vcpus: number; ram: number; disk: number }): Promise<string>;
  /** A server that is up, on whichever host. */
  create(flavorRef: string, metadata?: Readonly<Record<string, string>>): Promise<string>;
  hostOf(id: string): Promise<HostName>;
  reaches(id: string, status: string): Promise<void>;
  act(id: string, body: object): Promise<void>;
  /** Waits until the guest's own agent answers, on that host. */
  up(id: string, host: HostName): Promise<void>;
  inside(id: string, host: HostName, script: string): Promise<string>;
  /** Has the guest write to its disk, and gives what. */
  mark(id: string, host: HostName): Promise<string>;
  marked(id: string, host: HostName): Promise<string>;
  consoleOf(id: string, host: HostName): ConsoleLog;
  virsh(host: HostName, ...words: string[]): Promise<string>;
  /** Hosts on which libvirt runs it. */
  running(id: string): Promise<HostName[]>;
  /** What a server has on a host. */
  leftovers(id: string, host: HostName): Promise<readonly string[]>;
  libvirtd(host: HostName): Libvirtd;
  instancesDir(host: HostName): string;
  close(): Promise<void>;
}

interface Place {
  readonly name: HostName;
  readonly uri: string;
  readonly address: string;
  readonly instancesDir: string;
}

/** As one process. @param started what is to be done between the start and the first request */
export const startTwoHostService = (
  env: Readonly<Record<string, string>> = {},
  daemon: Pick<LibvirtdOptions, 'cgroups'> = {},
  started: (service: Service) => Promise<void> = async () => undefined,
): Promise<TwoHostService> =>
  startOver(async (hosts) => {
    const service = await startService({
      driver: 'libvirt',
      child: join(import.meta.dirname, 'two-hosts-child.ts'),
      env: { TWO_HOSTS: JSON.stringify(hosts), XLOUD_COMPUTE__REPORT_SECONDS: '2', ...env },
    });
    await started(service);
    return service;
  }, daemon);

/** APIs, workers and an agent for each host; disks go by the loopback, on which the agents are, all else by the hosts' wire. */
export const startTwoHostCluster = (
  wish: ClusterWish = {},
): Promise<TwoHostService<Whole & { readonly cluster: Cluster }>> =>
  startOver(async (places) => {
    const cluster = await startCluster({
      ...wish,
      ...{ hosts: NAMES, driver: 'libvirt' },
      hostConfig: (host) => {
        const place = places.find(({ name }) => name === host) ?? assert.fail(host);
        const move = { live_migration_inbound_addr: place.address, live_migration_scheme: 'tcp' };
        const driven = { libvirt_uri: place.uri, instances_dir: place.instancesDir, virt_type: 'qemu' };
        return { compute: { ...driven, ...move, disk_transfer_addr: '127.0.0.1', vnc_listen: 'socket' } };
      },
      config: { compute: { report_seconds: 2, down_seconds: 60 }, ...wish.config },
    });
    let asked = 0;
    // in turns, as behind a load balancer
    const inTurns: Whole['request'] = (_, ...words) => cluster.request(asked++ % cluster.apis.length, ...words);
    return { cluster, request: inTurns, close: () => cluster.close() };
  });

async function startOver<W extends Whole>(
  start: (hosts: readonly Place[]) => Promise<W>,
  daemon: Pick<LibvirtdOptions, 'cgroups'> = {},
): Promise<TwoHostService<W>> {
  const daemons: Libvirtd[] = [];
  const dirs: string[] = [];
  for (const hostname of NAMES) {
    daemons.push(await startLibvirtd({ hostname, tcpPort: 16_509, ...daemon }));
    dirs.push(await mkdtemp(join(tmpdir(), 'xloud-instances-')));
  }
  const libvirtd = (host: HostName) => daemons[NAMES.indexOf(host)] as Libvirtd;
  const instancesDir = (host: HostName) => dirs[NAMES.indexOf(host)] as string;
  const stop = async () => {
    await Promise.all(daemons.map((daemon) => daemon.stop()));
    for (const dir of dirs) await rm(dir, { recursive: true, force: true });
  };
  const hosts = NAMES.map((name, index) => ({
    ...{ name, uri: libvirtd(name).uri, address: addresses[index] as string, instancesDir: instancesDir(name) },
  }));
  let service: W;
  try {
    await joinHosts(libvirtd('host-a'), libvirtd('host-b'));
    service = await start(hosts);
  } catch (error) {
    await stop();
    throw error;
  }
  const virsh: TwoHostService['virsh'] = async (host, ...words) =>
    (await libvirtd(host).exec('virsh', '-q', '-c', 'qemu:///system', ...words)).stdout.trim();
  const compute: TwoHostService['compute'] = (method, path, body) =>
    service.request('xloud', method, `/compute/v2.1${path}`, body);
  const askAgent = async (host: HostName, id: string, command: object): Promise<unknown> =>
    (JSON.parse(await virsh(host, 'qemu-agent-command', id, JSON.stringify(command))) as { return: unknown }).return;
  const inside: TwoHostService['inside'] = (id, host, script) =>
    runInside((command) => askAgent(host, id, command), script, INSIDE_MS);
  const reaches: TwoHostService['reaches'] = async (id, status) => {
    let last = '';
    const look = async (): Promise<true | null> => {
      const { body } = await compute('GET', `/servers/${id}`);
      const { status: now, fault, 'OS-EXT-STS:task_state': task, 'OS-EXT-STS:power_state': power } = body.server;
      last = `${now}, task ${task}, power state ${power}`;
      assert.ok(now !== 'ERROR' || status === 'ERROR', `${id} is in ERROR: ${JSON.stringify(fault)}`);
      return now === status && task === null ? true : null;
    };
    await eventually(`${id} ${status}`, BOOT_MS, look).catch((error: unknown) => {
      throw new Error(`${messageOf(error)}, but ${last}`);
    });
  };
  const up: TwoHostService['up'] = async (id, host) => {
    await eventually(`${id} up on ${host}`, BOOT_MS, () =>
      askAgent(host, id, { execute: 'guest-ping' }).then(
        () => true,
        () => null,
      ),
    );
  };
  const hostOf: TwoHostService['hostOf'] = async (id) =>
    (await compute('GET', `/servers/${id}`)).body.server['OS-EXT-SRV-ATTR:host'] as HostName;
  const imageRef = await uploadGuest(service);
  return {
    ...{ service, imageRef, compute, hostOf, reaches, up, inside, virsh, libvirtd, instancesDir },
    async flavor(name, size) {
      const made = await compute('POST', '/flavors', { flavor: { name, ...size } });
      const id = made.body.flavor.id as string;
      const extra_specs = { minimum_cpu: '1', minimum_memory: '256' };
      assert.equal((await compute('POST', `/flavors/${id}/os-extra_specs`, { extra_specs })).status, 200);
      return id;
    },
    async create(flavorRef, metadata = {}) {
      const server = { name: 'mover', imageRef, flavorRef, networks: 'auto', metadata };
      const { status, body } = await compute('POST', '/servers', { server });
      assert.equal(status, 202, JSON.stringify(body));
      const id = body.server.id as string;
      await reaches(id, 'ACTIVE');
      await up(id, await hostOf(id));
      return id;
    },
    async act(id, body) {
      const answer = await compute('POST', `/servers/${id}/action`, body);
      assert.ok([200, 202, 204].includes(answer.status), `${JSON.stringify(body)}: ${JSON.stringify(answer.body)}`);
    },
    async mark(id, host) {
      const words = `mark-${crypto.randomUUID()}`;
      await inside(id, host, `printf ${words} | dd of=/dev/vda bs=512 seek=${MARK_SECTOR} conv=notrunc,fsync`);
      return words;
    },
    marked: (id, host) => inside(id, host, `dd if=/dev/vda bs=512 skip=${MARK_SECTOR} count=1 | tr -d '\\000'`),
    consoleOf: (id, host) => new ConsoleLog(join(instancesDir(host), id, 'console.log')),
    async running(id) {
      const found: HostName[] = [];
      for (const name of NAMES) {
        if ((await virsh(name, 'list', '--uuid', '--state-running')).includes(id)) found.push(name);
      }
      return found;
    },
    async leftovers(id, host) {
      const dir = instancesDir(host);
      const domains = (await virsh(host, 'list', '--all', '--uuid')).includes(id) ? ['domain'] : [];
      const files = existsSync(join(dir, id)) ? await readdir(join(dir, id)) : [];
      return [...domains, ...files, ...(existsSync(join(dir, '_aside', id)) ? ['aside'] : [])];
    },
    async close() {
      await service.close();
      await stop();
    },
  };
}

// Why: tempest asks one cloud, and there are three that are worth asking: `xloud serve` on the fake driver, in minutes; processes apart
// over two real libvirt hosts, whose guests boot; and `xloud serve` on OVN, into whose guests tempest logs in.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { defaultFilters } from '../../src/scheduler/index.ts';
import { buildSshGuest } from '../../test/support/guest.ts';
import { startOvnService } from '../../test/support/ovn-service.ts';
import { startService, type Reply } from '../../test/support/serve.ts';
import { uploadGuest } from '../../test/support/serve-guest.ts';
import { startTwoHostCluster } from '../../test/support/two-host-service.ts';

/** Options that differ from their defaults, whichever cloud it is. */
const OPTIONS = {
  // with what is off by default, as in Nova, and is tested
  scheduler: { enabled_filters: [...defaultFilters, 'DifferentHostFilter', 'SameHostFilter'] },
  // its tests make networks of 19.80.0.0/24 and 19.86.0.0/24
  network: { tenant_ranges: ['0.0.0.0/0', '::/0'] },
};
/** The product's own, which a cluster of tests does without. */
const QUOTA = { instances: 10, cores: 20, ram: 51_200 };
const BLANK = Buffer.alloc(1 << 20);
/** The options as the product reads them from its environment. */
const ENV = Object.fromEntries(
  Object.entries(OPTIONS).flatMap(([section, options]) =>
    Object.entries(options).map(([name, value]) => [
      `XLOUD_${section.toUpperCase()}__${name.toUpperCase()}`,
      String(value),
    ]),
  ),
);

export interface Login {
  /** What stands before a command that is run where floating addresses are reached. */
  readonly words: readonly string[];
  readonly user: string;
  /** A disk that boots by itself. */
  readonly disk: string;
}

/** A cloud with what differs between them. */
export interface TempestCloud {
  readonly url: string;
  /** With the cloud `xloud`. */
  readonly cloudsYaml: string;
  /** MiB of the smaller flavor, and of the larger one. */
  readonly ram: readonly [number, number];
  /** How long a server may take to be built, or to move, in seconds. */
  readonly buildTimeout: number;
  /** Whether the agent in a guest answers as soon as its server is ACTIVE; tempest does not wait for it. */
  readonly agentAnswers: boolean;
  /** Whether ports have addresses outside. */
  readonly floatingIps: boolean;
  /** How tempest logs into guests; null: it does not. */
  readonly login: Login | null;
  request(cloud: 'xloud', method: string, path: string, body?: unknown): Promise<Reply>;
  makeImage(name: string): Promise<string>;
  log(): string;
  close(): Promise<void>;
}

async function startFake(): Promise<TempestCloud> {
  // two hosts, so that servers move
  const more = { XLOUD_LOG__LEVEL: 'warn', XLOUD_COMPUTE__FAKE_HOSTS: '2' };
  const service = await startService({ driver: 'fake', env: { ...ENV, ...more } });
  return {
    ...service,
    ...{ cloudsYaml: join(service.dataDir, 'clouds.yaml'), ram: [64, 128], buildTimeout: 60 },
    ...{ agentAnswers: true, floatingIps: true, login: null },
    async makeImage(name) {
      const shape = { name, visibility: 'public', disk_format: 'raw', container_format: 'bare' };
      const made = await service.request('xloud', 'POST', '/image/v2/images', shape);
      const id = made.body.id as string;
      const put = await service.request('xloud', 'PUT', `/image/v2/images/${id}/file`, BLANK);
      if (put.status !== 204) throw new Error(`no bytes of an image: ${put.status} ${JSON.stringify(put.body)}`);
      return id;
    },
  };
}

async function startLibvirt(): Promise<TempestCloud> {
  // on one machine both hosts have it
  const directory = await mkdtemp(join(tmpdir(), 'xloud-volumes-'));
  // QEMU's own user must reach what is in it
  await chmod(directory, 0o711);
  const world = await startTwoHostCluster({ apis: 1, config: { ...OPTIONS, quota: QUOTA, volume: { directory } } });
  const { cluster } = world.service;
  return {
    url: (cluster.apis[0] as (typeof cluster.apis)[number]).url,
    ...{ cloudsYaml: cluster.cloudsYaml, ram: [256, 384], buildTimeout: 300 },
    ...{ agentAnswers: false, floatingIps: false, login: null },
    request: (...words) => world.service.request(...words),
    makeImage: () => uploadGuest(world.service),
    log: () => [...cluster.apis, ...cluster.workers, ...cluster.agents.values()].map((one) => one.log()).join('\n'),
    async close() {
      await world.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Where what is outside has its own address: the gateway of external networks. */
const WORLD = '198.51.100.1/24';

async function startOvn(): Promise<TempestCloud> {
  const guest = await buildSshGuest();
  const world = await startOvnService({ ...ENV, XLOUD_LOG__LEVEL: 'warn' });
  const { service, libvirtd } = world;
  const socket = join(libvirtd.dir, 'api.sock');
  // the API is on this machine's loopback, which what is outside does not have
  const api = createServer({ allowHalfOpen: true }, (from) => {
    const to = connect({ port: Number(new URL(service.url).port), host: '127.0.0.1', allowHalfOpen: true });
    pipeline(from, to, from, () => {});
  });
  const close = async (): Promise<void> => {
    api.close();
    await world.close();
  };
  try {
    const { words } = await world.outside('world', WORLD);
    api.listen(socket);
    const [command = '', ...rest] = words;
    const script = [process.execPath, join(import.meta.dirname, 'relay.ts'), new URL(service.url).port, socket];
    // it ends with the namespaces
    const relay = spawn(command, [...rest, ...script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await Promise.race([
      once(relay.stdout, 'data'),
      once(relay, 'exit').then(() => Promise.reject(new Error('no way to the API from outside'))),
    ]);
    return {
      ...{ url: service.url, cloudsYaml: join(service.dataDir, 'clouds.yaml'), ram: [128, 192], buildTimeout: 300 },
      ...{ agentAnswers: false, floatingIps: true, login: { words, user: 'root', disk: guest.rootDisk } },
      request: (...asked) => service.request(...asked),
      makeImage: () => uploadGuest(service, guest),
      log: () => service.log(),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

export const clouds: Readonly<Record<string, () => Promise<TempestCloud>>> = {
  ...{ fake: startFake, libvirt: startLibvirt, ovn: startOvn },
};

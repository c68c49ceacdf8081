// Why: tempest asks one cloud, and there are four that are worth asking: `xloud serve` on the fake driver, in minutes; processes apart
// over two real libvirt hosts, whose guests boot; `xloud serve` on OVN, into whose guests tempest logs in; and a whole OpenStack around this
// program.

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultFilters } from '../../src/scheduler/index.ts';
import { buildSshGuest } from '../../test/support/guest.ts';
import { startOpenstackCloud } from '../../test/support/openstack-cloud.ts';
import { WIRE_NAME } from '../../test/support/ovn-hosts.ts';
import { startOvnService } from '../../test/support/ovn-service.ts';
import { startService, type Reply } from '../../test/support/serve.ts';
import { uploadGuest } from '../../test/support/serve-guest.ts';
import { startTwoHostCluster } from '../../test/support/two-host-service.ts';
import { openWayIn, type WayIn } from '../../test/support/way-in.ts';

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

/** Of a cloud with the built-in services at one address. */
const builtIn = (url: string) => ({ url, identityUrl: `${url}/identity/v3`, provider: {} });

/** A cloud with what differs between them. */
export interface TempestCloud {
  readonly url: string;
  /** Keystone's, with its version. */
  readonly identityUrl: string;
  /** What an external network is made with. */
  readonly provider: object;
  /** Whether networks of one's own come with a router, which only OVN has. */
  readonly hasRouters: boolean;
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
    ...{ ...builtIn(service.url), agentAnswers: true, floatingIps: true, hasRouters: false, login: null },
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
    ...builtIn((cluster.apis[0] as (typeof cluster.apis)[number]).url),
    ...{ cloudsYaml: cluster.cloudsYaml, ram: [256, 384], buildTimeout: 300 },
    ...{ agentAnswers: false, floatingIps: false, hasRouters: false, login: null },
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
  let way: WayIn | null = null;
  const close = async (): Promise<void> => {
    way?.close();
    await world.close();
  };
  try {
    const { words } = await world.outside('world', WORLD);
    // the API is on this machine's loopback, which what is outside does not have
    way = await openWayIn(words, libvirtd.dir, [Number(new URL(service.url).port)]);
    return {
      ...builtIn(service.url),
      ...{ cloudsYaml: join(service.dataDir, 'clouds.yaml'), ram: [128, 192], buildTimeout: 300 },
      ...{
        agentAnswers: false,
        floatingIps: true,
        hasRouters: true,
        login: { words, user: 'root', disk: guest.rootDisk },
      },
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

/** @param logsIn whether tempest stands outside and logs into guests, for which each of them has to boot to its end */
async function startOpenstack(logsIn: boolean): Promise<TempestCloud> {
  const guest = await buildSshGuest();
  const world = await startOpenstackCloud({ config: { scheduler: OPTIONS.scheduler, quota: QUOTA } });
  const { cluster, keystone, glance, neutron, outside, directory } = world;
  const [api] = cluster.apis as readonly [(typeof cluster.apis)[number]];
  const request: TempestCloud['request'] = (_, ...words) => cluster.request(0, ...words);
  const urls = [api.url, keystone.authUrl, glance.endpoint, neutron.endpoint];
  const ports = urls.map((url) => Number(new URL(url).port));
  const way = logsIn ? await openWayIn(outside, directory, ports) : null;
  return {
    ...{ url: api.url, identityUrl: keystone.authUrl, cloudsYaml: world.cloudsYaml, request },
    provider: { 'provider:network_type': 'flat', 'provider:physical_network': WIRE_NAME },
    ...{ ram: [128, 192], buildTimeout: 400, agentAnswers: false, floatingIps: true, hasRouters: true },
    login: logsIn ? { words: outside, user: 'root', disk: guest.rootDisk } : null,
    makeImage: () => uploadGuest({ request }, guest),
    log: () =>
      [...cluster.apis, ...cluster.workers, ...cluster.agents.values()].map((one) => one.log()).join('\n') +
      neutron.log(),
    async close() {
      way?.close();
      await world.close();
    },
  };
}

export const clouds: Readonly<Record<string, () => Promise<TempestCloud>>> = {
  ...{ fake: startFake, libvirt: startLibvirt, ovn: startOvn },
  openstack: () => startOpenstack(false),
  'openstack-scenario': () => startOpenstack(true),
};

// Why: tempest asks one cloud, and there are two that are worth asking: `xloud serve` on the fake driver, in minutes, and processes apart
// over two real libvirt hosts, whose guests boot.

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultFilters } from '../../src/scheduler/index.ts';
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
  request(cloud: 'xloud', method: string, path: string, body?: unknown): Promise<Reply>;
  makeImage(name: string): Promise<string>;
  log(): string;
  close(): Promise<void>;
}

async function startFake(): Promise<TempestCloud> {
  const env = Object.fromEntries(
    Object.entries(OPTIONS).flatMap(([section, options]) =>
      Object.entries(options).map(([name, value]) => [
        `XLOUD_${section.toUpperCase()}__${name.toUpperCase()}`,
        String(value),
      ]),
    ),
  );
  // two hosts, so that servers move
  const more = { XLOUD_LOG__LEVEL: 'warn', XLOUD_COMPUTE__FAKE_HOSTS: '2' };
  const service = await startService({ driver: 'fake', env: { ...env, ...more } });
  return {
    ...service,
    ...{ cloudsYaml: join(service.dataDir, 'clouds.yaml'), ram: [64, 128], buildTimeout: 60 },
    ...{ agentAnswers: true, floatingIps: true },
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
    ...{ agentAnswers: false, floatingIps: false },
    request: (...words) => world.service.request(...words),
    makeImage: () => uploadGuest(world.service),
    log: () => [...cluster.apis, ...cluster.workers, ...cluster.agents.values()].map((one) => one.log()).join('\n'),
    async close() {
      await world.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export const clouds: Readonly<Record<string, () => Promise<TempestCloud>>> = { fake: startFake, libvirt: startLibvirt };

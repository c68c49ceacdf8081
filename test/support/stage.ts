// Why: tests that ask every endpoint, with Nova's published samples or at each version, need a cloud in which there is what the
// samples speak of: an image, flavors, a zone, hosts by the names in them. A recipe (recipes.ts) sets the scene on such a stage.

import assert from 'node:assert/strict';
import type { OpsConfig } from '../../src/ops/index.ts';
import type { RequestOptions } from './api.ts';
import type { Who } from './callers.ts';
import type { Answer } from './http.ts';
import { makeFakeNetworks, testImage } from './neighbours.ts';
import { startNeutron } from './neutron.ts';
import type { Sample } from './published-samples.ts';
import { type Servers, startServers } from './servers.ts';

export const IMAGE = '70a599e0-31e7-49b7-b260-868f441e862b';
export const FLAVOR = '1';

export interface Stage extends Servers {
  /** A request that must work. */
  must(method: string, path: string, options?: RequestOptions): Promise<Answer>;
  /** An active server of the member's, as the samples have it; more of it, and what an administrator does to it then. */
  server(more?: Readonly<Record<string, unknown>>, ...actions: readonly object[]): Promise<string>;
}

/** What shall be asked, at which version, perhaps as a sample has it. */
export interface Scene {
  /** As the kit writes it: `POST /flavors/{id}/action#addTenantAccess` */
  readonly endpoint: string;
  readonly microversion: string;
  /** The request's body, where a sample or the schema gives one. */
  readonly body: unknown;
  /** The sample that is played; null: none is. */
  readonly sample: Sample | null;
  /** Whether the sample speaks of a key. */
  readonly shows: (key: string) => boolean;
}

/** How to ask. */
export interface Asked {
  readonly path: string;
  /** Default: the administrator. */
  readonly as?: Who;
  /** Where neither a sample nor the schema gives a body that means something here, or where it must name what was just made. */
  readonly body?: unknown;
}

export interface Recipe {
  readonly hosts?: readonly string[];
  readonly config?: Partial<OpsConfig>;
  /** With the built-in network service, an external network `public` and floating addresses. */
  readonly networks?: true;
  /** What is asked below a server of its own does not mind those of others: such scenes follow each other on one stage. */
  readonly shares?: true;
  readonly ask: (stage: Stage, scene: Scene) => Asked | Promise<Asked>;
}

/** A cloud with the image, the flavors and the zone of the samples; its networks put every port into a group. */
async function openStage({ hosts = ['compute'], config = {}, networks: real }: Recipe): Promise<Stage> {
  const networks = makeFakeNetworks();
  const servers = await startServers({
    hosts: hosts.map((name) => ({ name })),
    // shelved servers stay on their hosts until somebody takes them from there
    config: { defaultZone: 'us-west', shelvedOffloadMs: -1, ...config },
    ...(real === undefined
      ? {
          networks: {
            ...networks,
            allocate: async (...words) =>
              (await networks.allocate(...words)).map((nic) => ({ ...nic, securityGroups: ['default'] })),
          },
        }
      : { builtInNetworks: true, floatingIps: true }),
  });
  if (real !== undefined) {
    const neutron = await startNeutron(servers.world);
    await neutron.network('admin', 'public', '172.24.4.0/24', { 'router:external': true });
    await neutron.close();
  }
  const properties = { architecture: 'x86_64', auto_disk_config: 'True' };
  servers.world.images.add(testImage({ id: IMAGE, properties }));
  for (const id of [FLAVOR, '6']) await servers.world.flavor({ id, vcpus: 1, memoryMb: 512 });
  const stage: Stage = {
    ...servers,
    async must(method, path, options) {
      const answer = await servers.request(method, path, options);
      assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
      return answer;
    },
    async server(more = {}, ...actions) {
      const server = {
        ...{ name: 'new-server-test', flavorRef: FLAVOR, imageRef: IMAGE },
        ...{ tags: ['tag1'], metadata: { key: 'value' }, ...more },
      };
      const id = await servers.create(server, { version: '2.52' });
      for (const action of actions) {
        await stage.must('POST', `/servers/${id}/action`, { body: action });
        await servers.world.settled();
      }
      return id;
    },
  };
  return stage;
}

/** Scenes on one stage: each has a server, and a project may have ten. */
const SCENES = 8;
let shared: { readonly stage: Stage; left: number } | null = null;

/** Closes the stage that scenes share. */
export async function strike(): Promise<void> {
  const last = shared;
  shared = null;
  await last?.stage.close();
}

async function sharedStage(recipe: Recipe): Promise<Stage> {
  if (shared?.left === 0) await strike();
  shared ??= { stage: await openStage(recipe), left: SCENES };
  shared.left -= 1;
  return shared.stage;
}

/** Sets the stage and asks. */
export async function play(recipe: Recipe, scene: Scene): Promise<Answer> {
  const isShared = recipe.shares === true && scene.endpoint.includes(' /servers/{');
  const stage = await (isShared ? sharedStage(recipe) : openStage(recipe));
  try {
    const { path, as = 'admin', body = scene.body } = await recipe.ask(stage, scene);
    const [method = ''] = scene.endpoint.split(' ');
    const answer = await stage.request(method, path, {
      as,
      version: scene.microversion,
      // a schema may ask for no body at all: null
      ...(method === 'GET' || body === undefined || body === null ? {} : { body }),
    });
    await stage.world.settled();
    return answer;
  } finally {
    if (!isShared) await stage.close();
  }
}

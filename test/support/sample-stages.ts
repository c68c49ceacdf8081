// Why: a published sample speaks of an image, a flavor, a host of somebody else's cloud. A stage has things by those names, and a
// recipe says, for each endpoint, what must have happened before a sample can be asked, and at which path.

import assert from 'node:assert/strict';
import { makeFakeNetworks, testImage } from './neighbours.ts';
import type { Who } from './callers.ts';
import { callers } from './callers.ts';
import type { Answer } from './http.ts';
import type { RequestOptions } from './api.ts';
import { contentOf, type Sample } from './published-samples.ts';
import { type Servers, startServers } from './servers.ts';

const IMAGE = '70a599e0-31e7-49b7-b260-868f441e862b';
const FLAVOR = '1';
const PROJECT = callers.member.projectId as string;
const KEY =
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDx8nkQv/zgGgB4rMYmIf+6A4l6Rr+o/6lHBQdW5aYd44bd8JttDCE/F/pNRr0lRE+PiqSPO8nDPHw0010JeMH9gYgnnFlyY3/OcJ02RhIPyyxYpv9FhY+2YiUkpwFOcLImyrxEsYXpD/0d3ac30bNH6Sw9JD9UZHYcpSxsIbECHw== Generated-by-Nova';

export interface Stage extends Servers {
  /** A request that must work. */
  must(method: string, path: string, options?: RequestOptions): Promise<Answer>;
  /** An active server of the member's, as the samples have it; more of it, and what is done to it then. */
  server(more?: Readonly<Record<string, unknown>>, ...actions: readonly object[]): Promise<string>;
}

/** What to ask. */
export interface Asked {
  readonly path: string;
  /** Default: the administrator. */
  readonly as?: Who;
  /** Where no sample of the request is published. */
  readonly body?: unknown;
  /** Makes the published body fit what cannot be named beforehand. */
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever Nova published
  readonly change?: (body: any) => unknown;
}

export interface Recipe {
  readonly hosts?: readonly string[];
  readonly ask: (stage: Stage, sample: Sample) => Asked | Promise<Asked>;
}

/** A cloud with the image, the flavors and the zone of the samples; its networks put every port into a group. */
export async function openStage(hosts: readonly string[] = ['compute']): Promise<Stage> {
  const networks = makeFakeNetworks();
  const servers = await startServers({
    hosts: hosts.map((name) => ({ name })),
    config: { defaultZone: 'us-west' },
    networks: {
      ...networks,
      allocate: async (...words) =>
        (await networks.allocate(...words)).map((nic) => ({ ...nic, securityGroups: ['default'] })),
    },
  });
  servers.world.images.add(testImage({ id: IMAGE }));
  for (const id of [FLAVOR, '6']) await servers.world.flavor({ id, vcpus: 1, memoryMb: 512 });
  const stage: Stage = {
    ...servers,
    async must(method, path, options) {
      const answer = await servers.request(method, path, options);
      assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
      return answer;
    },
    async server(more = {}, ...actions) {
      const server = { name: 'new-server-test', flavorRef: FLAVOR, imageRef: IMAGE, tags: ['tag1'], ...more };
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

const has = (sample: Sample, word: string): boolean => JSON.stringify(contentOf(sample)).includes(`"${word}"`);

/** Most samples were taken by an administrator; those of a user lack what only administrators see. */
const asSampled = (sample: Sample): Who => (has(sample, 'OS-EXT-SRV-ATTR:host') ? 'admin' : 'member');

const at = (path: string, more: Omit<Asked, 'path'> = {}): Recipe => ({ ask: () => ({ path, ...more }) });

/** A path below a new server of the member's. */
const ofServer = (rest: string, more: Omit<Asked, 'path'> = {}, ...actions: readonly object[]): Recipe => ({
  ask: async (stage) => ({ path: `/servers/${await stage.server({}, ...actions)}${rest}`, ...more }),
});

const action = (more: Omit<Asked, 'path'> = {}, ...before: readonly object[]): Recipe =>
  ofServer('/action', more, ...before);

/** Lists of servers: where the sample has a link to the next page there is one. */
const listOfServers = (path: string): Recipe => ({
  async ask(stage, sample) {
    await stage.server();
    const paged = has(sample, 'servers_links');
    if (paged) await stage.server();
    return { path: `${path}${paged ? '?limit=1' : ''}`, as: 'member' };
  },
});

const flavorWithSpecs = async (stage: Stage): Promise<void> => {
  await stage.must('POST', `/flavors/${FLAVOR}/os-extra_specs`, {
    body: { extra_specs: { 'hw:cpu_policy': 'shared', 'hw:numa_nodes': '1' } },
  });
};

async function privateFlavor(stage: Stage, ...projects: readonly string[]): Promise<string> {
  const flavor = { id: '10', name: 'test_flavor', ram: 1024, vcpus: 2, disk: 10, 'os-flavor-access:is_public': false };
  await stage.must('POST', '/flavors', { body: { flavor } });
  for (const tenant of projects) {
    await stage.must('POST', '/flavors/10/action', { body: { addTenantAccess: { tenant } } });
  }
  return '/flavors/10';
}

const hypervisors = (path: (id: string, name: string) => string, ownServers: boolean): Recipe => ({
  async ask(stage, sample) {
    if (ownServers || has(sample, 'servers')) await stage.server();
    const version = sample.microversion;
    const { body } = await stage.must('GET', '/os-hypervisors', { version });
    const { id, hypervisor_hostname: name } = body.hypervisors[0];
    return { path: path(String(id), name) };
  },
});

const hypervisorList: Recipe = {
  hosts: ['compute', 'host1'],
  async ask(stage, sample) {
    await stage.server();
    const words = [
      ...(has(sample, 'hypervisors_links') ? ['limit=1'] : []),
      ...(/search|with/.test(sample.file) && !sample.file.includes('detail')
        ? ['hypervisor_hostname_pattern=comp']
        : []),
      ...(sample.file.includes('with-servers') ? ['with_servers=true'] : []),
    ];
    const path = sample.file.includes('detail') ? '/os-hypervisors/detail' : '/os-hypervisors';
    return { path: words.length === 0 ? path : `${path}?${words.join('&')}` };
  },
};

const instanceActions: Recipe = {
  async ask(stage, sample) {
    const id = await stage.server({}, { reboot: { type: 'HARD' } });
    const path = `/servers/${id}/os-instance-actions`;
    const { body } = await stage.must('GET', path);
    const [newest] = body.instanceActions;
    const query = {
      'with-changes-since': `?changes-since=${encodeURIComponent(newest.start_time)}`,
      'with-changes-before': '?changes-before=2099-01-01T00:00:00Z',
      'with-limit': '?limit=1',
      'with-marker': `?marker=${newest.request_id}`,
    };
    const [, found = ''] = Object.entries(query).find(([word]) => sample.file.includes(word)) ?? [];
    return { path: `${path}${found}` };
  },
};

const instanceAction: Recipe = {
  async ask(stage, sample) {
    const id = await stage.server({}, { reboot: { type: 'HARD' } });
    const { body } = await stage.must('GET', `/servers/${id}/os-instance-actions`);
    const as = sample.file.includes('non-admin') ? 'member' : 'admin';
    return { path: `/servers/${id}/os-instance-actions/${body.instanceActions[0].request_id}`, as };
  },
};

const keypairs: Recipe = {
  async ask(stage, sample) {
    const paged = has(sample, 'keypairs_links');
    const owned = /user/.test(sample.file) || paged;
    for (const name of ['one', 'two']) {
      await stage.must('POST', '/os-keypairs', { as: 'member', body: { keypair: { name, public_key: KEY } } });
    }
    return owned
      ? { path: `/os-keypairs?user_id=member-user${paged ? '&limit=1' : ''}` }
      : { path: '/os-keypairs', as: 'member' };
  },
};

const newKeypair: Recipe = at('/os-keypairs', { body: { keypair: { name: 'a' } } });

const keypair: Recipe = {
  async ask(stage) {
    await stage.must('POST', '/os-keypairs', { as: 'member', body: { keypair: { name: 'one', public_key: KEY } } });
    return { path: '/os-keypairs/one', as: 'member' };
  },
};

const quotaOf = (rest = ''): Recipe => ({
  ask: (_, { file }) => ({
    path: `/os-quota-sets/${PROJECT}${rest}${file.includes('/user-') ? '?user_id=member-user' : ''}`,
  }),
});

const newServer: Recipe = {
  hosts: ['openstack-node-01'],
  ask(_, sample) {
    const single = sample.file.includes('no-resv');
    return {
      path: '/servers',
      as: 'admin',
      change: (body: { server: object }) =>
        single ? { ...body, server: { ...body.server, return_reservation_id: 'False' } } : body,
    };
  },
};

/** Where an endpoint is gone there need not be anything, but for the server below which it stood. */
export const anywhere: Recipe = {
  async ask(stage, { endpoint }) {
    const [, path = ''] = /^\S+ ([^#]*)/.exec(endpoint) ?? [];
    const server = path.startsWith('/servers/') ? await stage.server() : '1';
    return { path: path.replace(/\{\w+\}/, server).replaceAll(/\{\w+\}/g, '1') };
  },
};

/** How each endpoint is asked. */
export const recipes: Readonly<Record<string, Recipe>> = {
  'GET /': { ask: (_, { file }) => ({ path: file.includes('v21') ? '/v2.1/' : '/v2/' }) },

  'POST /servers': newServer,
  'GET /servers': listOfServers('/servers'),
  'GET /servers/detail': {
    async ask(stage, sample) {
      await stage.server();
      const paged = has(sample, 'servers_links');
      if (paged) await stage.server();
      const as = asSampled(sample);
      const query = [...(paged ? ['limit=1'] : []), ...(as === 'admin' ? ['all_tenants=1'] : [])].join('&');
      return { path: `/servers/detail${query === '' ? '' : `?${query}`}`, as };
    },
  },
  'GET /servers/{id}': {
    ask: async (stage, sample) => ({ path: `/servers/${await stage.server()}`, as: asSampled(sample) }),
  },
  'PUT /servers/{id}': {
    ask: async (stage, sample) => ({
      path: `/servers/${await stage.server()}`,
      as: sample.side === 'request' ? 'member' : asSampled(sample),
    }),
  },
  'GET /servers/{server_id}/ips': ofServer('/ips', { as: 'member' }),
  'GET /servers/{server_id}/ips/{id}': ofServer('/ips/private', { as: 'member' }),
  'GET /servers/{server_id}/tags': {
    async ask(stage) {
      const path = `/servers/${await stage.server()}/tags`;
      await stage.must('PUT', path, { as: 'member', version: '2.26', body: { tags: ['tag1', 'tag2'] } });
      return { path, as: 'member' };
    },
  },
  'PUT /servers/{server_id}/tags': ofServer('/tags', { as: 'member' }),
  'GET /servers/{server_id}/diagnostics': ofServer('/diagnostics'),
  'GET /servers/{server_id}/os-server-password': ofServer('/os-server-password', { as: 'member' }),
  'GET /servers/{server_id}/os-instance-actions': instanceActions,
  'GET /servers/{server_id}/os-instance-actions/{id}': instanceAction,

  'POST /servers/{id}/action#os-getConsoleOutput': action({ as: 'member' }),
  'POST /servers/{id}/action#os-resetState': action(),
  'POST /servers/{id}/action#injectNetworkInfo': action(),
  'POST /servers/{id}/action#resetNetwork': action(),
  'POST /servers/{id}/action#changePassword': action({ as: 'member' }),
  'POST /servers/{id}/action#createBackup': action({ as: 'member' }),
  'POST /servers/{id}/action#rescue': action({ as: 'member' }),
  'POST /servers/{id}/action#unrescue': action({ as: 'member' }, { rescue: {} }),
  'POST /servers/{id}/action#shelve': action({ as: 'member' }),
  'POST /servers/{id}/action#shelveOffload': action({}, { shelve: null }),
  'POST /servers/{id}/action#trigger_crash_dump': action({ as: 'member' }),

  'GET /flavors': {
    ask: () => ({ path: '/flavors', as: 'member' }),
  },
  'GET /flavors/detail': at('/flavors/detail'),
  'GET /flavors/{id}': at(`/flavors/${FLAVOR}`),
  'POST /flavors': at('/flavors'),
  'PUT /flavors/{id}': at(`/flavors/${FLAVOR}`),
  'GET /flavors/{flavor_id}/os-flavor-access': {
    ask: async (stage) => ({ path: `${await privateFlavor(stage, 'fake_tenant')}/os-flavor-access` }),
  },
  'POST /flavors/{id}/action#addTenantAccess': {
    ask: async (stage) => ({ path: `${await privateFlavor(stage)}/action` }),
  },
  'POST /flavors/{id}/action#removeTenantAccess': {
    ask: async (stage) => ({ path: `${await privateFlavor(stage, 'fake_tenant')}/action` }),
  },
  'GET /flavors/{flavor_id}/os-extra_specs': {
    ask: async (stage) => (await flavorWithSpecs(stage), { path: `/flavors/${FLAVOR}/os-extra_specs` }),
  },
  'POST /flavors/{flavor_id}/os-extra_specs': at(`/flavors/${FLAVOR}/os-extra_specs`),
  'GET /flavors/{flavor_id}/os-extra_specs/{id}': {
    ask: async (stage) => (await flavorWithSpecs(stage), { path: `/flavors/${FLAVOR}/os-extra_specs/hw:numa_nodes` }),
  },
  'PUT /flavors/{flavor_id}/os-extra_specs/{id}': {
    ask: async (stage) => (await flavorWithSpecs(stage), { path: `/flavors/${FLAVOR}/os-extra_specs/hw:numa_nodes` }),
  },

  'GET /os-keypairs': keypairs,
  'GET /os-keypairs/{id}': keypair,
  'POST /os-keypairs': newKeypair,

  'GET /limits': at('/limits', { as: 'member' }),
  'GET /os-quota-sets/{id}': quotaOf(),
  'PUT /os-quota-sets/{id}': quotaOf(),
  'GET /os-quota-sets/{id}/detail': quotaOf('/detail'),
  'GET /os-quota-sets/{id}/defaults': quotaOf('/defaults'),
  'GET /os-quota-class-sets/{id}': at('/os-quota-class-sets/default'),
  'PUT /os-quota-class-sets/{id}': at('/os-quota-class-sets/default'),

  'GET /os-availability-zone': at('/os-availability-zone', { as: 'member' }),
  'GET /os-availability-zone/detail': at('/os-availability-zone/detail'),
  'GET /os-hypervisors': hypervisorList,
  'GET /os-hypervisors/detail': hypervisorList,
  'GET /os-hypervisors/{id}': {
    async ask(stage, sample) {
      const withServers = sample.file.includes('with-servers');
      if (withServers) await stage.server();
      const { body } = await stage.must('GET', '/os-hypervisors', { version: sample.microversion });
      return { path: `/os-hypervisors/${body.hypervisors[0].id}${withServers ? '?with_servers=1' : ''}` };
    },
  },
  'GET /os-hypervisors/statistics': at('/os-hypervisors/statistics'),
  'GET /os-hypervisors/{id}/uptime': hypervisors((id) => `/os-hypervisors/${id}/uptime`, false),
  'GET /os-hypervisors/{id}/search': hypervisors((_, name) => `/os-hypervisors/${name}/search`, false),
  'GET /os-hypervisors/{id}/servers': hypervisors((_, name) => `/os-hypervisors/${name}/servers`, false),
};

const PERSONALITY = 'files are not injected';
const VOLUMES = 'there is no volume service';

/** Samples that speak of what there is not here, each with the reason. */
export const beyondUs: Readonly<Record<string, string>> = {
  'servers/server-create-req-v237.json': PERSONALITY,
  'servers/server-create-req.json': PERSONALITY,
  'servers/v2.37/server-create-resp.json': PERSONALITY,
  'servers/v2.42/server-create-resp.json': PERSONALITY,
  'servers/v2.47/server-create-resp.json': PERSONALITY,
  'servers/v2.52/server-create-req.json': PERSONALITY,
  'servers/v2.52/server-create-resp.json': PERSONALITY,
  'servers/v2.66/server-create-req.json': 'no image can be checked against a certificate',
  'servers/v2.32/server-create-req.json': VOLUMES,
  'servers/v2.32/server-create-resp.json': VOLUMES,
  'servers/v2.67/server-create-req.json': VOLUMES,
  'servers/v2.69/server-get-resp.json': 'a cell is down; there are no cells',
  'servers/v2.69/servers-details-resp.json': 'a cell is down; there are no cells',
  'servers/v2.71/server-get-down-cell-resp.json': 'a cell is down; there are no cells',
};

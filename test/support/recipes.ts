// Why: a request needs something to be asked about: for each endpoint, what must have happened before, and at which path the
// request then goes. An endpoint without a recipe needs what its path names, and no more.

import { randomUUID } from 'node:crypto';
import { minorOf } from '../../src/base/history.ts';
import { callers, type Who } from './callers.ts';
import { type Asked, FLAVOR, IMAGE, type Recipe, type Scene, type Stage } from './stage.ts';

const MEMBERS_PROJECT = callers.member.projectId ?? '';

const PROJECT = callers.member.projectId as string;
const KEY =
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDx8nkQv/zgGgB4rMYmIf+6A4l6Rr+o/6lHBQdW5aYd44bd8JttDCE/F/pNRr0lRE+PiqSPO8nDPHw0010JeMH9gYgnnFlyY3/OcJ02RhIPyyxYpv9FhY+2YiUkpwFOcLImyrxEsYXpD/0d3ac30bNH6Sw9JD9UZHYcpSxsIbECHw== Generated-by-Nova';

/** Most samples were taken by an administrator; those of a user lack what only administrators see. */
const asSampled = ({ sample, shows }: Scene): Who =>
  sample === null || shows('OS-EXT-SRV-ATTR:host') ? 'admin' : 'member';

const fileOf = ({ sample }: Scene): string => sample?.file ?? '';

const at = (path: string, more: Omit<Asked, 'path'> = {}): Recipe => ({ ask: () => ({ path, ...more }) });

/** A path below a new server of the member's. */
const ofServer = (rest: string, more: Omit<Asked, 'path'> = {}, ...actions: readonly object[]): Recipe => ({
  shares: true,
  ask: async (stage) => ({ path: `/servers/${await stage.server({}, ...actions)}${rest}`, ...more }),
});

const action = (more: Omit<Asked, 'path'> = {}, ...before: readonly object[]): Recipe =>
  ofServer('/action', more, ...before);

/** Lists of servers: where the sample has a link to the next page there is one. */
const listOfServers = (path: string): Recipe => ({
  async ask(stage, scene) {
    await stage.server();
    const paged = scene.shows('servers_links');
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
  async ask(stage, scene) {
    if (ownServers || scene.shows('servers')) await stage.server();
    const version = scene.microversion;
    const { body } = await stage.must('GET', '/os-hypervisors', { version });
    const { id, hypervisor_hostname: name } = body.hypervisors[0];
    return { path: path(String(id), name) };
  },
});

const hypervisorList: Recipe = {
  hosts: ['compute', 'host1'],
  async ask(stage, scene) {
    await stage.server();
    const words = [
      ...(scene.shows('hypervisors_links') ? ['limit=1'] : []),
      ...(/search|with/.test(fileOf(scene)) && !fileOf(scene).includes('detail')
        ? ['hypervisor_hostname_pattern=comp']
        : []),
      ...(fileOf(scene).includes('with-servers') ? ['with_servers=true'] : []),
    ];
    const path = scene.endpoint.endsWith('/detail') ? '/os-hypervisors/detail' : '/os-hypervisors';
    return { path: words.length === 0 ? path : `${path}?${words.join('&')}` };
  },
};

const instanceActions: Recipe = {
  async ask(stage, scene) {
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
    const [, found = ''] = Object.entries(query).find(([word]) => fileOf(scene).includes(word)) ?? [];
    return { path: `${path}${found}` };
  },
};

const instanceAction: Recipe = {
  async ask(stage, scene) {
    const id = await stage.server({}, { reboot: { type: 'HARD' } });
    const { body } = await stage.must('GET', `/servers/${id}/os-instance-actions`);
    const as = fileOf(scene).includes('non-admin') ? 'member' : 'admin';
    return { path: `/servers/${id}/os-instance-actions/${body.instanceActions[0].request_id}`, as };
  },
};

const keypairs: Recipe = {
  async ask(stage, scene) {
    const paged = scene.shows('keypairs_links');
    const owned = /user/.test(fileOf(scene)) || paged;
    for (const name of ['one', 'two']) {
      await stage.must('POST', '/os-keypairs', { as: 'member', body: { keypair: { name, public_key: KEY } } });
    }
    return owned
      ? { path: `/os-keypairs?user_id=member-user${paged ? '&limit=1' : ''}` }
      : { path: '/os-keypairs', as: 'member' };
  },
};

const keypair: Recipe = {
  async ask(stage) {
    await stage.must('POST', '/os-keypairs', { as: 'member', body: { keypair: { name: 'one', public_key: KEY } } });
    return { path: '/os-keypairs/one', as: 'member' };
  },
};

const quotaOf = (rest = ''): Recipe => ({
  ask: (_, scene) => ({
    path: `/os-quota-sets/${PROJECT}${rest}${fileOf(scene).includes('/user-') ? '?user_id=member-user' : ''}`,
  }),
});

const newServer: Recipe = {
  hosts: ['openstack-node-01'],
  async ask(stage, { body, microversion, sample }) {
    if (sample === null) {
      const networks = minorOf(microversion) < 37 ? {} : { networks: 'auto' };
      return { path: '/servers', body: { server: { name: 'new', flavorRef: FLAVOR, imageRef: IMAGE, ...networks } } };
    }
    const { server, [HINTS]: hints, ...rest } = body as { server: object; [HINTS]?: { group?: string } };
    // the published request asks for a reservation, the published answer is of one that does not
    const single = sample.file.includes('no-resv') ? { return_reservation_id: 'False' } : {};
    const grouped = hints?.group === undefined ? hints : { group: (await group(stage)).split('/').at(-1) };
    return {
      path: '/servers',
      as: grouped === hints ? 'admin' : 'member',
      body: { server: { ...server, ...single }, ...rest, ...(hints === undefined ? {} : { [HINTS]: grouped }) },
    };
  },
};

async function serviceId(stage: Stage, version: string): Promise<string> {
  const { body } = await stage.must('GET', '/os-services?binary=nova-compute', { version });
  return String(body.services[0].id);
}

/** Up to 2.52 the path says what is done to a service of which host. */
const service: Recipe = {
  async ask(stage, { microversion }) {
    if (minorOf(microversion) < 53) {
      return { path: '/os-services/disable', body: { host: 'compute', binary: 'nova-compute' } };
    }
    return { path: `/os-services/${await serviceId(stage, microversion)}`, body: { status: 'disabled' } };
  },
};

/** Hosts by the names that samples add to their aggregates and take from them. */
const AGGREGATE_HOSTS = ['compute', '21549b2f665945baaa7101926a00143c', 'bf1454b3d71145d49fca2101c56c728d'];

async function aggregate(stage: Stage, ...hosts: readonly string[]): Promise<string> {
  return zone(stage, 'london', ...hosts);
}

async function zone(stage: Stage, availability_zone: string, ...hosts: readonly string[]): Promise<string> {
  const { body } = await stage.must('POST', '/os-aggregates', {
    body: { aggregate: { name: 'name', availability_zone } },
  });
  const path = `/os-aggregates/${body.aggregate.id}`;
  for (const host of hosts) await stage.must('POST', `${path}/action`, { body: { add_host: { host } } });
  return path;
}

const ofAggregate = (rest = '', ...hosts: readonly string[]): Recipe => ({
  hosts: AGGREGATE_HOSTS,
  ask: async (stage) => ({ path: `${await aggregate(stage, ...hosts)}${rest}` }),
});

async function group(stage: Stage): Promise<string> {
  const body = { server_group: { name: 'group', policy: 'anti-affinity' } };
  const made = await stage.must('POST', '/os-server-groups', { as: 'member', version: '2.64', body });
  return `/os-server-groups/${made.body.server_group.id}`;
}

const usage = (rest: string): Recipe => ({
  async ask(stage, scene) {
    for (
      let count = 0;
      count < (scene.shows('tenant_usages_links') || scene.shows('tenant_usage_links') ? 2 : 1);
      count += 1
    )
      await stage.server();
    const words = [
      ...(scene.shows('server_usages') && rest === '' ? ['detailed=1'] : []),
      ...(scene.shows('tenant_usages_links') || scene.shows('tenant_usage_links') ? ['limit=1'] : []),
    ];
    return { path: `/os-simple-tenant-usage${rest}${words.length > 0 ? '?' : ''}${words.join('&')}` };
  },
});

const HINTS = 'OS-SCH-HNT:scheduler_hints';
const TWO_HOSTS = ['compute', 'host1'];

const moved = (rest: string, more: Omit<Asked, 'path'> = {}, ...before: readonly object[]): Recipe => ({
  hosts: TWO_HOSTS,
  ask: async (stage) => ({ path: `/servers/${await stage.server({}, ...before)}${rest}`, ...more }),
});

/** One move that is over and, after it, one that is under way. */
const migrations: Recipe = {
  hosts: TWO_HOSTS,
  async ask(stage, scene) {
    for (let count = 0; count < 2; count += 1) await stage.server({}, RESIZED);
    const { body } = await stage.must('GET', '/os-migrations', { version: '2.59' });
    const [newest, oldest] = body.migrations;
    await stage.world.database
      .write('migrations')
      .where({ uuid: oldest.uuid })
      .update({ migration_type: 'live-migration', status: 'running' });
    const query = {
      'with-changes-since': `?changes-since=${encodeURIComponent(newest.updated_at)}`,
      'with-changes-before': '?changes-before=2099-01-01T00:00:00Z',
      'with-limit': '?limit=1',
      'with-marker': `?marker=${newest.uuid}`,
      'with-user-or-project-id': '?user_id=admin-user',
    };
    const [, found = ''] = Object.entries(query).find(([word]) => fileOf(scene).includes(word)) ?? [];
    return { path: `/os-migrations${found}` };
  },
};

/** A live migration that is under way: below a server, with its number. */
const underWay = (rest: (id: number) => string, more: Omit<Asked, 'path'> = {}): Recipe => ({
  hosts: TWO_HOSTS,
  async ask(stage) {
    const server = await stage.server({}, RESIZED);
    const { write } = stage.world.database;
    await write('migrations').update({ migration_type: 'live-migration', status: 'running' });
    await write('servers').where({ uuid: server }).update({ vm_state: 'active', task_state: 'migrating' });
    const [{ id }] = (await write('migrations').select('id').where({ server_uuid: server })) as [{ id: number }];
    return { path: `/servers/${server}/migrations${rest(id)}`, ...more };
  },
});

async function serverWithPort(stage: Stage): Promise<{ server: string; port: string; address: string }> {
  const id = await stage.server();
  const { body } = await stage.must('GET', `/servers/${id}/os-interface`);
  const [
    {
      port_id: port,
      fixed_ips: [{ ip_address: address }],
    },
  ] = body.interfaceAttachments;
  return { server: `/servers/${id}`, port, address };
}

const port: Recipe = {
  async ask(stage) {
    const { server, port: id } = await serverWithPort(stage);
    return { path: `${server}/os-interface/${id}` };
  },
};

async function securityGroup(stage: Stage): Promise<string> {
  const body = { security_group: { name: 'web', description: 'words' } };
  return (await stage.must('POST', '/os-security-groups', { as: 'member', body })).body.security_group.id as string;
}

const securityRule = (parent_group_id: string): object => ({
  security_group_rule: { parent_group_id, ip_protocol: 'tcp', from_port: 22, to_port: 22, cidr: '10.0.0.0/8' },
});

async function floatingIp(stage: Stage): Promise<{ id: string; ip: string }> {
  const { body } = await stage.must('POST', '/os-floating-ips', { as: 'member', body: { pool: 'public' } });
  return body.floating_ip;
}

/** The volume that a body names, or another one. */
const volumeOf = (stage: Stage, body: unknown): string =>
  stage.world.volumes.add(MEMBERS_PROJECT, {
    id: (body as { volumeAttachment?: { volumeId?: string } } | undefined)?.volumeAttachment?.volumeId ?? randomUUID(),
  });

const attachment = (rest: (volumeId: string) => string): Recipe => ({
  async ask(stage) {
    const volumeId = volumeOf(stage, undefined);
    const path = `/servers/${await stage.server()}/os-volume_attachments`;
    const body = { volumeAttachment: { volumeId, tag: 'foo' } };
    await stage.must('POST', path, { as: 'member', version: '2.49', body });
    await stage.world.settled();
    return { path: `${path}${rest(volumeId)}` };
  },
});

const volumes = (rest: (id: string) => string): Recipe => ({
  ask: (stage) => ({ path: `/os-volumes${rest(stage.world.volumes.add(MEMBERS_PROJECT))}`, as: 'member' }),
});

const snapshots = (rest: (id: string) => string): Recipe => ({
  async ask(stage) {
    const body = { snapshot: { volume_id: stage.world.volumes.add(MEMBERS_PROJECT) } };
    const made = await stage.must('POST', '/os-snapshots', { as: 'member', body });
    return { path: `/os-snapshots${rest(made.body.snapshot.id as string)}`, as: 'member' };
  },
});

const ofNetworks = (ask: Recipe['ask']): Recipe => ({ networks: true, ask });

const network = (path: string): Recipe =>
  ofNetworks(async (stage) => {
    const { body } = await stage.must('GET', '/os-networks', { as: 'member' });
    return { path: `${path}/${body.networks[0].id}` };
  });

const SHELVED = { shelve: null };
const OFFLOADED = { shelveOffload: null };
const RESIZED = { resize: { flavorRef: '6' } };

/** How each endpoint is asked. */
const recipes: Readonly<Record<string, Recipe>> = {
  'GET /': { ask: (_, scene) => ({ path: fileOf(scene).includes('v21') ? '/v2.1/' : '/v2/' }) },

  'POST /servers': newServer,
  'GET /servers': listOfServers('/servers'),
  'GET /servers/detail': {
    async ask(stage, scene) {
      await stage.server();
      const paged = scene.shows('servers_links');
      if (paged) await stage.server();
      const as = asSampled(scene);
      const query = [...(paged ? ['limit=1'] : []), ...(as === 'admin' ? ['all_tenants=1'] : [])].join('&');
      return { path: `/servers/detail${query === '' ? '' : `?${query}`}`, as };
    },
  },
  'GET /servers/{id}': {
    shares: true,
    ask: async (stage, scene) => ({ path: `/servers/${await stage.server()}`, as: asSampled(scene) }),
  },
  'PUT /servers/{id}': {
    shares: true,
    ask: async (stage, scene) => ({
      path: `/servers/${await stage.server()}`,
      as: scene.sample?.side === 'request' ? 'member' : asSampled(scene),
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
  'PUT /servers/{server_id}/metadata/{id}': ofServer('/metadata/key', { body: { meta: { key: 'other' } } }),
  'GET /servers/{server_id}/os-interface/{id}': port,
  'DELETE /servers/{server_id}/os-interface/{id}': port,
  'POST /servers/{server_id}/os-volume_attachments': {
    async ask(stage, { body }) {
      volumeOf(stage, body);
      return { path: `/servers/${await stage.server()}/os-volume_attachments` };
    },
  },
  'GET /servers/{server_id}/os-volume_attachments': attachment(() => ''),
  'GET /servers/{server_id}/os-volume_attachments/{id}': attachment((id) => `/${id}`),
  'DELETE /servers/{server_id}/os-volume_attachments/{id}': attachment((id) => `/${id}`),
  'POST /os-volumes': volumes(() => ''),
  'GET /os-volumes/{id}': volumes((id) => `/${id}`),
  'DELETE /os-volumes/{id}': volumes((id) => `/${id}`),
  'GET /os-snapshots/{id}': snapshots((id) => `/${id}`),
  'DELETE /os-snapshots/{id}': snapshots((id) => `/${id}`),
  'POST /os-snapshots': {
    ask(stage, { body }) {
      const id = (body as { snapshot?: { volume_id?: string } } | undefined)?.snapshot?.volume_id ?? randomUUID();
      stage.world.volumes.add(MEMBERS_PROJECT, { id });
      return { path: '/os-snapshots', as: 'member', body: body ?? { snapshot: { volume_id: id } } };
    },
  },
  'POST /servers/{id}/action#removeFixedIp': {
    async ask(stage) {
      const { server, address } = await serverWithPort(stage);
      return { path: `${server}/action`, body: { removeFixedIp: { address } } };
    },
  },
  'GET /servers/{server_id}/diagnostics': ofServer('/diagnostics'),
  'GET /servers/{server_id}/os-server-password': ofServer('/os-server-password', { as: 'member' }),
  'GET /servers/{server_id}/os-instance-actions': instanceActions,
  'GET /servers/{server_id}/os-instance-actions/{id}': instanceAction,

  'POST /servers/{id}/action#os-getConsoleOutput': action({ as: 'member' }),
  'POST /servers/{id}/action#changePassword': action({ as: 'member' }),
  'POST /servers/{id}/action#createBackup': action({ as: 'member' }),
  'POST /servers/{id}/action#rescue': action({ as: 'member' }),
  'POST /servers/{id}/action#unrescue': action({ as: 'member' }, { rescue: {} }),
  'POST /servers/{id}/action#shelve': action({ as: 'member' }),
  'POST /servers/{id}/action#shelveOffload': action({}, { shelve: null }),
  'POST /servers/{id}/action#trigger_crash_dump': action({ as: 'member' }),

  'POST /servers/{id}/action#os-start': action({}, { 'os-stop': null }),
  'POST /servers/{id}/action#unpause': action({}, { pause: null }),
  'POST /servers/{id}/action#resume': action({}, { suspend: null }),
  'POST /servers/{id}/action#unlock': action({}, { lock: null }),
  'POST /servers/{id}/action#resize': moved('/action', { body: RESIZED }),
  'POST /servers/{id}/action#confirmResize': moved('/action', { body: { confirmResize: null } }, RESIZED),
  'POST /servers/{id}/action#revertResize': moved('/action', { body: { revertResize: null } }, RESIZED),
  'POST /servers/{id}/action#migrate': moved('/action'),
  'POST /servers/{id}/action#evacuate': {
    hosts: TWO_HOSTS,
    async ask(stage) {
      const id = await stage.server();
      const { host } = await stage.world.server(id);
      const dead = { host, binary: 'nova-compute', forced_down: true };
      await stage.must('PUT', '/os-services/force-down', { version: '2.11', body: dead });
      return { path: `/servers/${id}/action` };
    },
  },
  // the samples name the other host
  'POST /servers/{id}/action#os-migrateLive': {
    hosts: ['compute', '01c0cadef72d47e28a672a76060d492c'],
    ask: async (stage) => ({ path: `/servers/${await stage.server()}/action` }),
  },
  'GET /servers/{server_id}/migrations': underWay(() => ''),
  'GET /servers/{server_id}/migrations/{id}': underWay((id) => `/${id}`),
  'DELETE /servers/{server_id}/migrations/{id}': underWay((id) => `/${id}`),
  'POST /servers/{server_id}/migrations/{id}/action#force_complete': underWay((id) => `/${id}/action`, {
    body: { force_complete: null },
  }),
  'GET /os-migrations': migrations,
  'POST /servers/{id}/action#rebuild': action({ body: { rebuild: { imageRef: IMAGE } } }),
  'POST /servers/{id}/action#restore': {
    config: { reclaimMs: 60_000 },
    async ask(stage) {
      const path = `/servers/${await stage.server()}`;
      await stage.must('DELETE', path);
      await stage.world.settled();
      return { path: `${path}/action`, body: { restore: null } };
    },
  },
  'POST /servers/{server_id}/remote-consoles': {
    async ask(stage, { sample, body }) {
      const novnc = { remote_console: { protocol: 'vnc', type: 'novnc' } };
      return { path: `/servers/${await stage.server()}/remote-consoles`, body: sample === null ? novnc : body };
    },
  },
  'GET /os-console-auth-tokens/{id}': {
    async ask(stage, { shows }) {
      const console = shows('tls_port')
        ? { protocol: 'spice', type: 'spice-direct' }
        : { protocol: 'serial', type: 'serial' };
      const { body } = await stage.must('POST', `/servers/${await stage.server()}/remote-consoles`, {
        version: '2.99',
        body: { remote_console: console },
      });
      const [, token = ''] = /token(?:=|%3D)([\w-]+)/.exec(body.remote_console.url) ?? [];
      return { path: `/os-console-auth-tokens/${token}` };
    },
  },
  'POST /os-server-external-events': {
    async ask(stage, { sample, body }) {
      const event = { name: 'network-changed', tag: 'foo', status: 'completed', server_uuid: await stage.server() };
      return {
        path: '/os-server-external-events',
        body: sample?.side === 'request' ? body : { events: [event] },
      };
    },
  },
  'POST /servers/{id}/action#unshelve': {
    hosts: ['compute', 'host01'],
    async ask(stage) {
      await zone(stage, 'nova', 'host01');
      return { path: `/servers/${await stage.server({}, SHELVED, OFFLOADED)}/action` };
    },
  },

  'GET /os-hosts/{id}': at('/os-hosts/compute'),
  'GET /os-networks': ofNetworks(() => ({ path: '/os-networks' })),
  'GET /os-networks/{id}': network('/os-networks'),
  'GET /os-tenant-networks/{id}': network('/os-tenant-networks'),
  'GET /os-floating-ip-pools': ofNetworks(() => ({ path: '/os-floating-ip-pools' })),
  'GET /os-floating-ips': ofNetworks(async (stage, { shows }) => {
    if (shows('id')) await floatingIp(stage);
    return { path: '/os-floating-ips', as: 'member' };
  }),
  'POST /os-floating-ips': ofNetworks(() => ({ path: '/os-floating-ips', as: 'member' })),
  'GET /os-floating-ips/{id}': ofNetworks(async (stage) => ({
    path: `/os-floating-ips/${(await floatingIp(stage)).id}`,
    as: 'member',
  })),
  'DELETE /os-floating-ips/{id}': ofNetworks(async (stage) => ({
    path: `/os-floating-ips/${(await floatingIp(stage)).id}`,
    as: 'member',
  })),
  'POST /servers/{id}/action#addFloatingIp': ofNetworks(async (stage) => {
    const { ip: address } = await floatingIp(stage);
    return { path: `/servers/${await stage.server()}/action`, as: 'member', body: { addFloatingIp: { address } } };
  }),
  'POST /servers/{id}/action#removeFloatingIp': ofNetworks(async (stage) => {
    const { ip: address } = await floatingIp(stage);
    const path = `/servers/${await stage.server()}/action`;
    await stage.must('POST', path, { as: 'member', body: { addFloatingIp: { address } } });
    return { path, as: 'member', body: { removeFloatingIp: { address } } };
  }),
  'POST /servers/{id}/action#addSecurityGroup': ofNetworks(async (stage) => {
    await securityGroup(stage);
    const body = { addSecurityGroup: { name: 'web' } };
    return { path: `/servers/${await stage.server()}/action`, as: 'member', body };
  }),
  'POST /servers/{id}/action#removeSecurityGroup': ofNetworks(async (stage) => {
    await securityGroup(stage);
    const path = `/servers/${await stage.server()}/action`;
    await stage.must('POST', path, { as: 'member', body: { addSecurityGroup: { name: 'web' } } });
    return { path, as: 'member', body: { removeSecurityGroup: { name: 'web' } } };
  }),
  'GET /os-security-groups/{id}': ofNetworks(async (stage) => ({
    path: `/os-security-groups/${await securityGroup(stage)}`,
    as: 'member',
  })),
  'PUT /os-security-groups/{id}': ofNetworks(async (stage) => ({
    path: `/os-security-groups/${await securityGroup(stage)}`,
    as: 'member',
    body: { security_group: { name: 'other', description: 'words' } },
  })),
  'DELETE /os-security-groups/{id}': ofNetworks(async (stage) => ({
    path: `/os-security-groups/${await securityGroup(stage)}`,
    as: 'member',
  })),
  'POST /os-security-group-rules': ofNetworks(async (stage) => ({
    path: '/os-security-group-rules',
    as: 'member',
    body: securityRule(await securityGroup(stage)),
  })),
  'DELETE /os-security-group-rules/{id}': ofNetworks(async (stage) => {
    const body = securityRule(await securityGroup(stage));
    const made = await stage.must('POST', '/os-security-group-rules', { as: 'member', body });
    return { path: `/os-security-group-rules/${made.body.security_group_rule.id}`, as: 'member' };
  }),

  'GET /os-services': at('/os-services'),
  'PUT /os-services/{id}': service,
  'DELETE /os-services/{id}': {
    ask: async (stage, { microversion }) => ({ path: `/os-services/${await serviceId(stage, microversion)}` }),
  },

  'GET /os-aggregates': {
    hosts: AGGREGATE_HOSTS,
    ask: async (stage) => (await aggregate(stage, 'compute'), { path: '/os-aggregates' }),
  },
  'POST /os-aggregates': at('/os-aggregates'),
  'GET /os-aggregates/{id}': ofAggregate(),
  'PUT /os-aggregates/{id}': ofAggregate(),
  'DELETE /os-aggregates/{id}': ofAggregate(),
  'POST /os-aggregates/{id}/action#add_host': ofAggregate('/action'),
  'POST /os-aggregates/{id}/action#remove_host': ofAggregate('/action', ...AGGREGATE_HOSTS),
  'POST /os-aggregates/{id}/action#set_metadata': ofAggregate('/action'),
  'POST /os-aggregates/{id}/images': ofAggregate('/images', 'compute'),

  'GET /os-server-groups': { ask: async (stage) => (await group(stage), { path: '/os-server-groups', as: 'member' }) },
  'POST /os-server-groups': {
    ask: (_, { microversion }) => {
      const policy = minorOf(microversion) < 64 ? { policies: ['affinity'] } : { policy: 'affinity' };
      return { path: '/os-server-groups', body: { server_group: { name: 'group', ...policy } } };
    },
  },
  'GET /os-server-groups/{id}': { ask: async (stage) => ({ path: await group(stage), as: 'member' }) },
  'DELETE /os-server-groups/{id}': { ask: async (stage) => ({ path: await group(stage), as: 'member' }) },

  'GET /os-simple-tenant-usage': usage(''),
  'GET /os-simple-tenant-usage/{id}': usage(`/${PROJECT}`),
  'GET /os-instance_usage_audit_log': at('/os-instance_usage_audit_log'),
  'GET /os-instance_usage_audit_log/{id}': at('/os-instance_usage_audit_log/2026-11-21%2010:00:00'),

  'DELETE /os-quota-sets/{id}': quotaOf(),
  'DELETE /flavors/{id}': at(`/flavors/${FLAVOR}`),
  'DELETE /flavors/{flavor_id}/os-extra_specs/{id}': {
    ask: async (stage) => (await flavorWithSpecs(stage), { path: `/flavors/${FLAVOR}/os-extra_specs/hw:numa_nodes` }),
  },
  'DELETE /os-keypairs/{id}': keypair,

  'GET /flavors': {
    ask: () => ({ path: '/flavors', as: 'member' }),
  },
  'GET /flavors/detail': at('/flavors/detail'),
  'GET /flavors/{id}': at(`/flavors/${FLAVOR}`),
  'POST /flavors': at('/flavors'),
  'PUT /flavors/{id}': at(`/flavors/${FLAVOR}`),
  'GET /flavors/{flavor_id}/os-flavor-access': {
    ask: async (stage) => ({ path: `${await privateFlavor(stage, PROJECT)}/os-flavor-access` }),
  },
  // the samples' fake_tenant is no id that a project can have
  'POST /flavors/{id}/action#addTenantAccess': {
    ask: async (stage) => ({
      path: `${await privateFlavor(stage)}/action`,
      body: { addTenantAccess: { tenant: PROJECT } },
    }),
  },
  'POST /flavors/{id}/action#removeTenantAccess': {
    ask: async (stage) => ({
      path: `${await privateFlavor(stage, PROJECT)}/action`,
      body: { removeTenantAccess: { tenant: PROJECT } },
    }),
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
  'POST /os-keypairs': at('/os-keypairs'),

  'GET /extensions/{id}': at('/extensions/os-agents'),
  'GET /versions/{id}': at('/versions/v2.1'),

  'GET /images/{id}': at(`/images/${IMAGE}`),
  'DELETE /images/{id}': at(`/images/${IMAGE}`),
  'GET /images/{image_id}/metadata': at(`/images/${IMAGE}/metadata`),
  'POST /images/{image_id}/metadata': at(`/images/${IMAGE}/metadata`),
  'PUT /images/{image_id}/metadata': at(`/images/${IMAGE}/metadata`),
  'GET /images/{image_id}/metadata/{id}': at(`/images/${IMAGE}/metadata/architecture`),
  'PUT /images/{image_id}/metadata/{id}': at(`/images/${IMAGE}/metadata/architecture`, {
    body: { meta: { architecture: 'x' } },
  }),
  'DELETE /images/{image_id}/metadata/{id}': at(`/images/${IMAGE}/metadata/architecture`),

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
    async ask(stage, scene) {
      const withServers = fileOf(scene).includes('with-servers');
      if (withServers) await stage.server();
      const { body } = await stage.must('GET', '/os-hypervisors', { version: scene.microversion });
      return { path: `/os-hypervisors/${body.hypervisors[0].id}${withServers ? '?with_servers=1' : ''}` };
    },
  },
  'GET /os-hypervisors/statistics': at('/os-hypervisors/statistics'),
  'GET /os-hypervisors/{id}/uptime': hypervisors((id) => `/os-hypervisors/${id}/uptime`, false),
  'GET /os-hypervisors/{id}/search': hypervisors((_, name) => `/os-hypervisors/${name}/search`, false),
  'GET /os-hypervisors/{id}/servers': hypervisors((_, name) => `/os-hypervisors/${name}/servers`, false),
};

/** What stands for the last parameter of a path below a server that `Stage.server` made. */
const LAST: Readonly<Record<string, string>> = { metadata: 'key', tags: 'tag1', ips: 'private' };

/** Below a server that was just made, or a path without parameters. */
const plain: Recipe = {
  shares: true,
  async ask(stage, { endpoint }) {
    const [, path = ''] = /^\S+ ([^#]*)/.exec(endpoint) ?? [];
    if (!path.startsWith('/servers/{')) return { path: filled(path) };
    const [, , , noun = ''] = path.split('/');
    return { path: filled(path, await stage.server(), LAST[noun]) };
  },
};

function filled(path: string, ...values: readonly (string | undefined)[]): string {
  const left = [...values];
  return path.replaceAll(/\{\w+\}/g, (name) => {
    const value = left.shift();
    if (value === undefined) throw new Error(`no recipe says what ${name} of ${path} is`);
    return value;
  });
}

/** Where an endpoint is gone, or refused, there need not be anything but the server below which it stands. */
export const anywhere: Recipe = {
  shares: true,
  async ask(stage, { endpoint }) {
    const [, path = ''] = /^\S+ ([^#]*)/.exec(endpoint) ?? [];
    return { path: filled(path, path.startsWith('/servers/') ? await stage.server() : IMAGE, IMAGE) };
  },
};

/** The older name of the servers' collection. */
const aliased = ({ ask, ...rest }: Recipe): Recipe => ({
  ...rest,
  async ask(stage, scene) {
    const asked = await ask(stage, { ...scene, endpoint: scene.endpoint.replace(' /os-volumes_boot', ' /servers') });
    return { ...asked, path: asked.path.replace(/^\/servers/, '/os-volumes_boot') };
  },
});

export const recipeOf = (endpoint: string): Recipe =>
  endpoint.includes(' /os-volumes_boot')
    ? aliased(recipeOf(endpoint.replace(' /os-volumes_boot', ' /servers')))
    : (recipes[endpoint] ?? plain);

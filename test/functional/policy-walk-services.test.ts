// Every route of the built-in image, network, volume and identity services as all kinds of people, with real tokens: what happens is what
// the route's rule says, and what a refused one leaves behind is nothing. Routes and rules are read from the tables that serve
// them; who may do what under each kind of rule is written here once more.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ServiceName, serviceRoutes } from '../../src/main/service-routes.ts';
import {
  ADMIN,
  ANYBODY,
  PROJECT_MEMBER_OR_ADMIN,
  PROJECT_READER_OR_ADMIN,
  SERVICE_OR_ADMIN,
} from '../../src/policies/base.ts';
import * as glance from '../../src/policies/glance.ts';
import { citedRules } from '../../src/policies/index.ts';
import * as keystone from '../../src/policies/keystone.ts';
import * as neutron from '../../src/policies/neutron.ts';
import { type RouteData, ruleOf, rulesOf } from '../../src/standalone/access.ts';
import {
  madeVolume,
  VOLUME_VERSION,
  volumeBody,
  volumeReadsThatChange,
  volumeSeen,
  volumeTables,
  volumeValues,
} from '../support/walked-volumes.ts';
import { startWalkedCloud, type WalkedCloud, type Walker, walkerNames } from '../support/walkers.ts';

/** How a walker stands to what is walked: things are the member's project's, and users the member. */
interface Standing {
  readonly walker: Walker;
  /** In the project whose thing it is. */
  readonly own: boolean;
  /** In a project that the image is shared with. */
  readonly sharedWith: boolean;
  /** The user that the path names. */
  readonly self: boolean;
}

const has = ({ walker }: Standing, role: string): boolean => walker.roles.includes(role);
const admin = (who: Standing): boolean => has(who, 'admin');
const reader = (who: Standing): boolean => admin(who) || (who.own && has(who, 'reader'));
const member = (who: Standing): boolean => admin(who) || (who.own && has(who, 'member'));
const orService =
  (kind: (who: Standing) => boolean) =>
  (who: Standing): boolean =>
    kind(who) || has(who, 'service');
const self = (who: Standing): boolean => who.self;
const orSelf = (who: Standing): boolean => admin(who) || who.self;

const checkOf = (name: string): string => citedRules.find((rule) => rule.name === name)?.check ?? '(no such rule)';

/** Networks here are neither shared nor external, and ports no part of the network. */
const kinds = new Map<string, (who: Standing) => boolean>([
  [ADMIN, admin],
  [ANYBODY, () => true],
  [PROJECT_READER_OR_ADMIN, reader],
  [PROJECT_MEMBER_OR_ADMIN, member],
  [SERVICE_OR_ADMIN, orService(admin)],
  [glance.IMAGE_READER_OR_ADMIN, (who) => reader(who) || (who.sharedWith && has(who, 'reader'))],
  [glance.IMAGE_MEMBER_OR_ADMIN, (who) => member(who) || (who.sharedWith && has(who, 'member'))],
  [glance.IMAGE_READER_OR_SERVICE, orService((who) => reader(who) || (who.sharedWith && has(who, 'reader')))],
  [glance.IMAGE_MEMBER_OR_SERVICE, orService((who) => member(who) || (who.sharedWith && has(who, 'member')))],
  [glance.SHARED_READER_OR_ADMIN, (who) => reader(who) || (who.sharedWith && has(who, 'reader'))],
  [glance.SHARED_MEMBER_OR_ADMIN, (who) => admin(who) || (who.sharedWith && has(who, 'member'))],
  [neutron.NETWORK_MEMBER_OR_ADMIN, member],
  [neutron.NETWORK_MEMBER_OR_SERVICE, orService(member)],
  [neutron.EITHER_MEMBER_OR_ADMIN, member],
  [neutron.EITHER_MEMBER_OR_SERVICE, orService(member)],
  [neutron.EITHER_READER_OR_SERVICE, orService(reader)],
  [neutron.EITHER_READER_OR_SHARED, reader],
  [neutron.READER_OR_SHARED_OR_EXTERNAL, orService(reader)],
  [neutron.PROJECT_MEMBER_OR_SERVICE, orService(member)],
  [keystone.READER_OR_ADMIN, admin],
  [keystone.OWNER, self],
  [keystone.OWNER_OR_ADMIN, orSelf],
  [keystone.OWNER_OR_READER, orSelf],
  [keystone.OF_PROJECT_OR_READER, (who) => admin(who) || who.own],
  [keystone.OF_DOMAIN_OR_READER, admin],
  [checkOf('identity:validate_token'), orService(orSelf)],
  [checkOf('identity:revoke_token'), orSelf],
]);

function may(who: Standing, rule: string): boolean {
  const kind = kinds.get(checkOf(rule));
  assert.ok(kind !== undefined, `${rule} is of a kind that this test does not know: ${checkOf(rule)}`);
  return kind(who);
}

const TABLES = [
  ...['domains', 'projects', 'users', 'roles', 'implied_roles', 'assignments', 'application_credentials'].map(
    (name) => `identity_${name}`,
  ),
  ...['access_rules', 'groups', 'group_members', 'group_assignments', 'services', 'endpoints', 'regions'].map(
    (name) => `identity_${name}`,
  ),
  ...[
    'identity_revocations',
    'identity_endings',
    'images',
    'image_members',
    'deleted_images',
    'networks',
    'subnets',
    'ports',
  ],
  ...['ip_allocations', 'security_groups', 'security_group_rules', 'floating_ips', 'network_quotas'],
  ...['network_rbac', 'subnetpools', 'port_forwardings', 'qos_policies', 'qos_bandwidth_limits', 'address_groups'],
  ...['routers', 'router_interfaces'],
  ...volumeTables,
];

/** What was read last, and SQLite's number of that moment: it is another one once anybody has committed. */
let lastRead = { version: -1, text: '' };

/** Everything that a request could change. Most are refused, and what nobody wrote to is not read again. */
async function everything({ database }: WalkedCloud): Promise<string> {
  const [{ data_version: version }] = (await database.read.raw('pragma data_version')) as [{ data_version: number }];
  if (version === lastRead.version) return lastRead.text;
  const rows: unknown[] = [];
  for (const table of TABLES) rows.push(await database.read(table).select());
  lastRead = { version, text: JSON.stringify(rows) };
  return lastRead.text;
}

type Values = Record<string, string>;

/** Makes something as somebody and returns its id. */
async function make(cloud: WalkedCloud, as: 'member' | 'admin', path: string, body: object): Promise<string> {
  const { status, text, body: answer } = await cloud.ask(as, 'POST', path, body);
  assert.equal(status, 201, `${path}: ${text}`);
  return answer.id ?? (Object.values(answer)[0] as { id: string }).id;
}

let counter = 0;

async function imageValues(cloud: WalkedCloud, { path, method }: RouteData): Promise<Values> {
  if (!path.includes(':image_id')) return { namespace: 'OS::Xloud::Elastic' };
  const formats = { disk_format: 'raw', container_format: 'bare' };
  const image_id = await make(cloud, 'member', '/image/v2/images', { name: 'walked', tags: ['walk'], ...formats });
  const file = { 'Content-Type': 'application/octet-stream' };
  if (/actions|file/.test(path) && method !== 'PUT')
    assert.equal((await cloud.ask('member', 'PUT', `/image/v2/images/${image_id}/file`, 'data', file)).status, 204);
  const member_id = cloud.walkers.other.projectId as string;
  if (path.includes(':member_id')) {
    const shared = await cloud.ask('member', 'POST', `/image/v2/images/${image_id}/members`, { member: member_id });
    assert.equal(shared.status, 200, shared.text);
  }
  return { image_id, member_id, tag: method === 'PUT' ? 'new' : 'walk' };
}

/** How a network is given to a project. */
const shared = { object_type: 'network', action: 'access_as_shared' };

const net = (noun: string, body: object): readonly [string, object] => [
  `/network/v2.0/${noun}s`.replace('_', '-'),
  body,
];

/** A network of the member's project with a subnet, and what is on it. */
async function networkValues(cloud: WalkedCloud, { path, method }: RouteData): Promise<Values> {
  counter += 1;
  const made = (as: 'member' | 'admin', noun: string, body: object) =>
    make(cloud, as, ...net(noun.replace('_', '-'), { [noun]: body }));
  const network = await made('member', 'network', { name: `walked-${counter}` });
  const own = `/network/v2.0/auto-allocated-topology/${cloud.walkers.member.projectId}`;
  if (path.includes('auto-allocated') && method === 'DELETE')
    assert.equal((await cloud.ask('member', 'GET', own)).status, 200);
  const subnet = async () =>
    made('member', 'subnet', {
      network_id: network,
      ip_version: 4,
      cidr: `10.${(counter >> 8) & 255}.${counter & 255}.0/24`,
    });
  const group = async () => made('member', 'security_group', { name: `walked-${counter}` });
  const things: Readonly<Record<string, () => Promise<string>>> = {
    networks: async () => network,
    subnets: subnet,
    ports: async () => made('member', 'port', { network_id: network }),
    'security-groups': group,
    'security-group-rules': async () =>
      made('member', 'security_group_rule', { security_group_id: await group(), direction: 'ingress' }),
    'rbac-policies': async () => {
      const rbac_policy = { ...shared, object_id: network, target_tenant: `walked-${counter}` };
      return make(cloud, 'member', '/network/v2.0/rbac-policies', { rbac_policy });
    },
    subnetpools: () => made('member', 'subnetpool', { prefixes: ['10.0.0.0/8', '192.168.0.0/16'] }),
    'address-groups': () => made('member', 'address_group', { addresses: ['10.9.0.0/16'] }),
    routers: () => made('member', 'router', { name: `walked-${counter}` }),
    floatingips: async () => {
      const external = await made('admin', 'network', { name: 'outside', 'router:external': true });
      await made('admin', 'subnet', {
        network_id: external,
        ip_version: 4,
        cidr: `172.${(counter >> 8) & 255}.${counter & 255}.0/24`,
      });
      return made('member', 'floatingip', { floating_network_id: external });
    },
  };
  if (path.includes('port_forwardings')) return forwardingValues(cloud, made, method !== 'POST');
  if (path.includes('/qos/')) return policyValues(cloud, path, method);
  const kind = path.split('/')[2] ?? '';
  const isQuota = kind === 'quotas' && method !== 'GET';
  const project_id = isQuota ? `walked-${counter}` : (cloud.walkers.member.projectId as string);
  if (isQuota) await cloud.ask('admin', 'PUT', `/network/v2.0/quotas/${project_id}`, { quota: { network: 6 } });
  const lists = method === 'GET' && path === `/v2.0/${kind}`;
  const inside = path.includes('router_interface') ? await subnet() : '';
  const id = lists || path.includes(':id') ? await things[kind]?.() : undefined;
  if (id !== undefined && path.includes(':tag') && method !== 'PUT')
    await cloud.ask('member', 'PUT', `/network/v2.0/${kind}/${id}/tags/walk`);
  if (path.endsWith('remove_router_interface'))
    await cloud.ask('member', 'PUT', `/network/v2.0/routers/${id}/add_router_interface`, { subnet_id: inside });
  return {
    id: id ?? 'walk',
    subnet: inside,
    network,
    tag: method === 'PUT' ? 'new' : 'walk',
    group: path.endsWith('-rules') && method === 'POST' ? await group() : '',
    external: kind === 'floatingips' && method === 'POST' ? await externalNetwork(cloud) : '',
    project_id,
    alias: 'port-security',
  };
}

/** A policy that administrators made for the member's project, and what it says. */
async function policyValues(cloud: WalkedCloud, path: string, method: string): Promise<Values> {
  const project_id = cloud.walkers.member.projectId;
  const all = '/network/v2.0/qos/policies';
  const policy_id = await make(cloud, 'admin', all, { policy: { name: 'walked', project_id } });
  if (!path.includes('bandwidth_limit_rules')) return { id: policy_id };
  if (method === 'POST') return { policy_id };
  const bandwidth_limit_rule = { max_kbps: 1000 };
  return {
    policy_id,
    id: await make(cloud, 'admin', `${all}/${policy_id}/bandwidth_limit_rules`, { bandwidth_limit_rule }),
  };
}

/** A floating address of the member's, and a port that it can lead to. */
async function forwardingValues(
  cloud: WalkedCloud,
  made: (as: 'member' | 'admin', noun: string, body: object) => Promise<string>,
  isThere: boolean,
): Promise<Values> {
  const network = await made('member', 'network', { name: `walked-${counter}` });
  const subnet = { network_id: network, ip_version: 4, cidr: `10.${(counter >> 8) & 255}.${counter & 255}.0/24` };
  const subnet_id = await made('member', 'subnet', subnet);
  const external = await externalNetwork(cloud);
  const router = await made('member', 'router', { external_gateway_info: { network_id: external } });
  const joined = `/network/v2.0/routers/${router}/add_router_interface`;
  assert.equal((await cloud.ask('member', 'PUT', joined, { subnet_id })).status, 200);
  const internal_port_id = await made('member', 'port', { network_id: network });
  const floatingip_id = await made('member', 'floatingip', { floating_network_id: external });
  const port_forwarding = { protocol: 'tcp', external_port: 22, internal_port: 22, internal_port_id };
  const all = `/network/v2.0/floatingips/${floatingip_id}/port_forwardings`;
  const id = isThere ? await make(cloud, 'member', all, { port_forwarding }) : '';
  return { id, floatingip_id, port: internal_port_id };
}

async function externalNetwork(cloud: WalkedCloud): Promise<string> {
  const network = { name: 'outside', 'router:external': true };
  const id = await make(cloud, 'admin', ...net('network', { network }));
  const subnet = { network_id: id, ip_version: 4, cidr: `172.20.${counter & 255}.0/24` };
  await make(cloud, 'admin', ...net('subnet', { subnet }));
  return id;
}

async function identityValues(cloud: WalkedCloud, route: RouteData): Promise<Values> {
  counter += 1;
  const name = `walked-${counter}`;
  const made = (noun: string, more: object = {}) =>
    make(cloud, 'admin', `/identity/v3/${noun}s`, { [noun]: { name, ...more } });
  const { path, method } = route;
  const aboutMember = /access_rules|application_credentials|groups$|projects$/.test(path) || method === 'GET';
  const user_id = aboutMember && path.startsWith('/v3/users') ? cloud.walkers.member.userId : await made('user');
  const role_id = await made('role');
  const implied_role_id = await made('role', { name: `${name}-implied` });
  const project_id =
    method === 'GET' && (path === '/v3/projects/:project_id' || path.includes('/tags'))
      ? (cloud.walkers.member.projectId as string)
      : await made('project');
  const tags = `/identity/v3/projects/${project_id}/tags`;
  if (path.includes('/tags')) assert.equal((await cloud.ask('admin', 'PUT', `${tags}/walk`)).status, 201);
  const domain_id = await made('domain', { enabled: method !== 'DELETE' });
  const group_id = await made('group');
  if (path.startsWith('/v3/groups/') && path.includes(':user_id') && method !== 'PUT')
    assert.equal((await cloud.ask('admin', 'PUT', `/identity/v3/groups/${group_id}/users/${user_id}`)).status, 204);
  const values = { user_id, role_id, implied_role_id, project_id, domain_id, group_id };
  const filled = fill(path, values);
  // what is to be shown or taken away has to be there
  if (/roles\/:role_id$|implies\/:/.test(path) && path !== '/v3/roles/:role_id' && method !== 'PUT')
    assert.ok((await cloud.ask('admin', 'PUT', `/identity${filled}`)).status < 300, filled);
  const credentials = `/identity/v3/users/${cloud.walkers.member.userId}/application_credentials`;
  const credential_id = path.includes(':credential_id')
    ? await make(cloud, 'member', credentials, { application_credential: { name } })
    : '';
  if (path.includes(':access_rule_id')) {
    // a rule stays when its credential goes
    const access_rules = [{ service: 'compute', method: 'GET', path: `/${name}` }];
    const id = await make(cloud, 'member', credentials, { application_credential: { name, access_rules } });
    assert.equal((await cloud.ask('member', 'DELETE', `${credentials}/${id}`)).status, 204);
  }
  const subject =
    path === '/v3/auth/tokens' ? ((await cloud.login('member')).headers['x-subject-token'] as string) : '';
  const rules = await cloud.database.read('identity_access_rules').where({ user_id: cloud.walkers.member.userId });
  const access_rule_id = String(rules.find((one) => one.path === `/${name}`)?.id ?? '');
  const tag = method === 'PUT' ? 'new' : 'walk';
  return { ...values, ...(await ofCatalog(cloud, route, name)), credential_id, subject, access_rule_id, tag };
}

/** What of the catalog a path names: the configuration's to be looked at, one that was added to be changed. */
async function ofCatalog(cloud: WalkedCloud, { path, method }: RouteData, name: string): Promise<Values> {
  const noun = path.split('/')[2] ?? '';
  if (!['services', 'endpoints', 'regions'].includes(noun)) return {};
  const added = (one: string, body: object) => make(cloud, 'admin', `/identity/v3/${one}s`, { [one]: body });
  const service_id = await added('service', { type: name });
  if (method === 'GET') return { id: 'walk', service_id };
  const id: Readonly<Record<string, () => Promise<string>>> = {
    services: async () => service_id,
    endpoints: () => added('endpoint', { service_id, interface: 'public', url: 'http://walked.example.org' }),
    regions: async () => (method === 'PUT' ? name : added('region', { id: name })),
  };
  return { id: (await id[noun]?.()) ?? '', service_id };
}

const prepare: Readonly<Record<ServiceName, (cloud: WalkedCloud, route: RouteData) => Promise<Values>>> = {
  identity: identityValues,
  image: imageValues,
  network: networkValues,
  volume: volumeValues,
};

const fill = (path: string, values: Values): string =>
  path.replace(/:(\w+)/g, (_, name: string) => values[name] || 'walk');

/** What is sent, so that whoever may succeeds. */
function bodyOf(cloud: WalkedCloud, service: ServiceName, route: RouteData, values: Values): unknown {
  const { method, path } = route;
  if (service === 'volume') return volumeBody(cloud, route, values);
  if (service === 'image') {
    if (path.endsWith('/file')) return 'data';
    if (path.endsWith('/members')) return { member: values['member_id'] };
    if (path.includes('/members/')) return { status: 'accepted' };
    return path.endsWith(':image_id')
      ? JSON.stringify([{ op: 'add', path: '/walked', value: 'yes' }])
      : { name: 'walk' };
  }
  if (service === 'network') {
    if (path.includes('quotas')) return { quota: { network: 7 } };
    if (path.endsWith('/tags')) return { tags: ['new'] };
    if (path.endsWith('_addresses')) return { addresses: [path.includes('add_') ? '10.8.0.0/16' : '10.9.0.0/16'] };
    if (path.endsWith('_prefixes')) return { prefixes: [path.includes('add_') ? '172.16.0.0/12' : '192.168.0.0/16'] };
    if (path.includes('router_interface')) return { subnet_id: values['subnet'] };
    if (path.includes('bandwidth_limit_rules')) return { bandwidth_limit_rule: { max_kbps: 2000 + (counter += 1) } };
    if (path.includes('/qos/')) return { policy: { name: `walk-${(counter += 1)}` } };
    if (path.includes('port_forwardings')) {
      const fresh = { protocol: 'tcp', external_port: 80, internal_port: 80, internal_port_id: values['port'] };
      return { port_forwarding: method === 'PUT' ? { description: 'walked' } : fresh };
    }
    const noun = (path.split('/')[2] ?? '').replaceAll('-', '_').replace(/ies$/, 'y').replace(/s$/, '');
    const fresh: Readonly<Record<string, object>> = {
      subnet: { network_id: values['network'], ip_version: 4, cidr: `192.168.${counter & 255}.0/24` },
      port: { network_id: values['network'] },
      security_group_rule: { security_group_id: values['group'], direction: 'ingress', protocol: 'tcp' },
      floatingip: { floating_network_id: values['external'] },
      subnetpool: { prefixes: ['10.0.0.0/8'] },
      rbac_policy: { ...shared, object_id: values['network'], target_tenant: `walk-${(counter += 1)}` },
    };
    if (method === 'PUT' && noun === 'rbac_policy') return { rbac_policy: { target_tenant: `walk-${(counter += 1)}` } };
    if (method === 'PUT') return { [noun]: noun === 'security_group_rule' ? {} : { description: 'walked' } };
    return { [noun]: fresh[noun] ?? { name: 'walk' } };
  }
  counter += 1;
  if (path.endsWith('/tags')) return { tags: ['new'] };
  if (path === '/v3/services') return { service: { type: `walk-${counter}` } };
  if (path === '/v3/endpoints')
    return { endpoint: { service_id: values['service_id'], interface: 'public', url: 'http://walked.example.org' } };
  const noun = (path.split('/').findLast((part) => !part.startsWith(':')) ?? '').replace(/s$/, '');
  return { [noun]: { name: `walk-${counter}` } };
}

const TYPES: Readonly<Record<string, string>> = {
  'PUT /v2/images/:image_id/file': 'application/octet-stream',
  'PATCH /v2/images/:image_id': 'application/openstack-images-v2.1-json-patch',
};

/** Routes that answer everybody alike, whoever may: there is nothing to do or to see. */
const REFUSES_ALL: readonly string[] = [
  ...['PUT /v2.0/security-group-rules/:id', 'POST /v3/groups', 'POST /v3/group_snapshots', 'POST /v3/group_types'],
  'POST /v3/types/:id/encryption',
];
/** The quotas of all projects are no project's. */
const OF_ALL = 'GET /v2.0/quotas';
/** What an unscoped token may ask for and has not. */
const NEEDS_SCOPE: readonly string[] = ['GET /v3/auth/catalog', 'POST /v3/users/:user_id/application_credentials'];
/** Reads that make what they show. */
const MAKES = ['GET /v2.0/auto-allocated-topology/:project_id', ...volumeReadsThatChange];

describe('every route of the built-in services and its rule', () => {
  let cloud: WalkedCloud;
  before(async () => {
    cloud = await startWalkedCloud();
    const limits = [
      'network',
      'subnet',
      'port',
      'security_group',
      'security_group_rule',
      'floatingip',
      'router',
      'address_group',
      'rbac_policy',
      'subnetpool',
    ].map((one) => [one, -1]);
    for (const name of ['member', 'other', 'admin'] as const) {
      const quota = { quota: Object.fromEntries(limits) };
      await cloud.ask('admin', 'PUT', `/network/v2.0/quotas/${cloud.walkers[name].projectId}`, quota);
      const quota_set = { volumes: -1, snapshots: -1, gigabytes: -1 };
      await cloud.ask('admin', 'PUT', `/volume/v3/os-quota-sets/${cloud.walkers[name].projectId}`, { quota_set });
    }
    // the projects' default groups, which are made when they are first looked at
    for (const name of walkerNames) await cloud.ask(name, 'GET', '/network/v2.0/security-groups');
  });
  after(() => cloud.close());

  async function walk(service: ServiceName, route: RouteData): Promise<void> {
    const { method, path } = route;
    const rule = ruleOf(route.guard);
    const key = `${method} ${path}`;
    // what is made belongs to its maker, except for what stands in the member's
    const isFirst = typeof route.guard === 'object' && 'first' in route.guard;
    const makesOwn = service !== 'identity' && isFirst && !path.startsWith('/v3/os-quota-sets');
    const onMembers =
      makesOwn &&
      (/subnets$|ports$|security-group-rules$|port_forwardings$|rbac-policies$/.test(path) ||
        (method === 'POST' && /v3\/(?:snapshots|attachments|os-volume-transfer|volume-transfers)$/.test(path)));
    // what the identity service refuses to everybody needs nothing to be there
    let values = service === 'identity' && rule === null ? {} : await prepare[service](cloud, route);
    const stated = new Set<string>([...rulesOf(route), 'service_api']);
    const everAsked = new Set<string>();
    for (const name of walkerNames) {
      const walker = cloud.walkers[name];
      const body = method === 'GET' || method === 'DELETE' ? undefined : bodyOf(cloud, service, route, values);
      const before = await everything(cloud);
      cloud.rulesAsked.clear();
      const url = `/${service}${fill(path, values)}${values['query'] ?? ''}`;
      const { status, text } = await cloud.ask(name, method, url, body, {
        ...(service === 'volume' ? VOLUME_VERSION : {}),
        ...(TYPES[key] === undefined ? {} : { 'Content-Type': TYPES[key] }),
        ...(values['subject'] ? { 'X-Subject-Token': values['subject'] } : {}),
      });
      for (const asked of cloud.rulesAsked) {
        assert.ok(stated.has(asked), `${asked} is asked and not stated`);
        everAsked.add(asked);
      }
      const changed = (await everything(cloud)) !== before;
      const said = `${name}: ${status} ${text}`;
      // what is not offered is refused, but never done
      assert.ok(status < 500 || (status === 501 && !changed), said);
      const who: Standing = {
        walker,
        own:
          walker.projectId !== null &&
          key !== OF_ALL &&
          (makesOwn || walker.projectId === cloud.walkers.member.projectId),
        sharedWith: path.includes(':member_id') && walker.projectId === cloud.walkers.other.projectId,
        self:
          path.startsWith('/v3/auth') || values['user_id'] === cloud.walkers.member.userId
            ? walker.userId === cloud.walkers.member.userId
            : false,
      };
      const refused = (expected: readonly number[]): void => {
        assert.ok(expected.includes(status), `${said}, not ${expected.join(' or ')}`);
        assert.ok(!changed, `${name} was refused and changed something`);
      };
      if (name === 'none') {
        refused([401]);
        continue;
      }
      if (rule === null) {
        assert.ok(status !== 401 && status !== 403 && !changed, said);
        continue;
      }
      const lists = service === 'network' && method === 'GET' && !path.includes(':') && !path.endsWith('quotas');
      if (service !== 'identity' && name === 'unscoped') refused([403]);
      else if (lists) {
        assert.equal(status, 200, said);
        assert.equal(text.includes(values['id'] as string), may(who, rule), said);
        assert.ok(!changed, `${said}: a read has changed something`);
      } else if (!may(who, rule)) refused(refusals(service, route, who));
      else if (onMembers && walker.projectId !== cloud.walkers.member.projectId && !['admin', 'service'].includes(name))
        refused([404]);
      else if (service !== 'identity' && REFUSES_ALL.includes(key)) refused([400, 404]);
      else if (NEEDS_SCOPE.includes(key) && name === 'unscoped') refused([400, 403]);
      else {
        assert.ok(status < 300, `${said}, though ${rule} lets in`);
        if (method !== 'GET') {
          assert.ok(changed, `${said}: nothing has changed`);
          values = await prepare[service](cloud, route);
        } else if (!MAKES.includes(key)) assert.ok(!changed, `${said}: a read has changed something`);
      }
    }
    // what else is stated is asked of some requests only
    assert.ok(rule === null || everAsked.has(rule), `${rule} is stated and not asked`);
  }

  /** Who may see something and not do it is told so; who may not see it is told that there is none. */
  function refusals(service: ServiceName, route: RouteData, who: Standing): readonly number[] {
    const isFirst = typeof route.guard === 'object' && 'first' in route.guard;
    if (service === 'identity' || isFirst || /quotas|auto-allocated/.test(route.path)) return [403];
    if (service === 'volume') return may(who, volumeSeen(route.path)) ? [403] : [404];
    const noun = (route.path.split('/')[2] ?? '')
      .replaceAll('-', '_')
      .replace(/ies$/, 'y')
      .replace(/s$/, '')
      .replace(/^qo$/, 'policy');
    return may(who, `get_${noun}`) ? [403] : [404];
  }

  for (const service of ['image', 'network', 'volume', 'identity'] as const) {
    for (const route of serviceRoutes[service]) {
      if (route.guard === 'no token') continue;
      it(`${route.method} /${service}${route.path}: ${ruleOf(route.guard) ?? 'any token'}`, () => walk(service, route));
    }
  }

  it('lists of volumes, snapshots, attachments, offers and messages hold what is the own project’s', async () => {
    const lists = serviceRoutes.volume.filter(
      ({ method, path }) =>
        method === 'GET' &&
        /\/(?:volumes|snapshots|attachments|os-volume-transfer|volume-transfers|messages)(?:\/detail)?$/.test(path),
    );
    assert.equal(lists.length, 11);
    for (const route of lists) {
      const { id = await madeVolume(cloud) } = await volumeValues(cloud, { ...route, path: `${route.path}/:id` });
      for (const [name, sees] of [
        ['member', true],
        ['reader', true],
        ['other', false],
      ] as const) {
        for (const query of ['', '?all_tenants=1']) {
          const { status, text } = await cloud.ask(
            name,
            'GET',
            `/volume${route.path}${query}`,
            undefined,
            VOLUME_VERSION,
          );
          assert.equal(status, 200, text);
          assert.equal(text.includes(id), sees, `${name} ${route.path}${query}`);
        }
      }
      const everywhere = await cloud.ask(
        'admin',
        'GET',
        `/volume${route.path}?all_tenants=1`,
        undefined,
        VOLUME_VERSION,
      );
      assert.ok(everywhere.text.includes(id), `the administrator, ${route.path}`);
    }
  });
});

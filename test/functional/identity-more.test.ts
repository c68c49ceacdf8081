// The built-in identity service: access rules, groups, and what an administrator adds to the catalog.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type Reply, startIdentity, type TestIdentity } from '../support/identity.ts';

let cloud: TestIdentity;
let admin: string;
let demo: string;
let me: string;

const ask = (method: string, path: string, body?: unknown, token = admin) => cloud.ask(token, method, path, body);

async function must(method: string, path: string, body?: unknown, token = admin): Promise<Reply['body']> {
  const reply = await ask(method, path, body, token);
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply.body;
}

async function refused(status: number, method: string, path: string, body?: unknown, token = admin): Promise<string> {
  const reply = await ask(method, path, body, token);
  assert.equal(reply.status, status, `${method} ${path}: ${JSON.stringify(reply.body)}`);
  return reply.body.error.message;
}

const made = async (noun: string, value: object): Promise<{ readonly id: string }> =>
  (await must('POST', `/v3/${noun}s`, { [noun]: value }))[noun];
const namesOf = (items: readonly { readonly name: string }[]) => items.map(({ name }) => name);

before(async () => {
  cloud = await startIdentity();
  await logIn();
});
after(() => cloud.stop());
async function logIn(): Promise<void> {
  admin = await cloud.tokenOf('admin', cloud.passwords.admin);
  demo = await cloud.tokenOf('demo', cloud.passwords.demo);
  me = (await cloud.identity.service.authenticate(demo)).userId;
}

describe('access rules', () => {
  const servers = { service: 'compute', method: 'GET', path: '/v2.1/servers' };
  const own = { service: 'identity', method: 'GET', path: '/v3/users/{user_id}/access_rules' };
  let count = 0;

  async function credential(access_rules: unknown, more: object = {}) {
    count += 1;
    const value = { name: `rules-${count}`, secret: 'secret', access_rules, ...more };
    return ask('POST', `/v3/users/${me}/application_credentials`, { application_credential: value }, demo);
  }
  async function tokenOf(id: string): Promise<string> {
    const reply = await cloud.login({
      identity: { methods: ['application_credential'], application_credential: { id, secret: 'secret' } },
    });
    assert.equal(reply.status, 201);
    return reply.headers.get('x-subject-token') ?? '';
  }

  it('are made with a credential, shared, listed, and deleted when no credential has them', async () => {
    const first = (await credential([servers, own])).body.application_credential;
    const [{ id }, { id: other }] = first.access_rules;
    assert.deepEqual(first.access_rules, [
      { id, ...servers },
      { id: other, ...own },
    ]);
    const second = (await credential([{ id }, servers])).body.application_credential;
    assert.deepEqual(second.access_rules, [{ id, ...servers }]);
    const path = `/v3/users/${me}/access_rules`;
    const { access_rules: listed } = await must('GET', path, undefined, demo);
    assert.equal(listed.length, 2);
    assert.deepEqual((await must('GET', `${path}?service=compute`, undefined, demo)).access_rules, [
      { id, ...servers, links: { self: `${cloud.authUrl}/users/${me}/access_rules/${id}` } },
    ]);
    assert.equal((await must('GET', `${path}/${id}`, undefined, demo)).access_rule.path, servers.path);
    assert.match(await refused(403, 'DELETE', `${path}/${id}`, undefined, demo), /in use/);
    for (const one of [first, second])
      await must('DELETE', `/v3/users/${me}/application_credentials/${one.id}`, undefined, demo);
    await must('DELETE', `${path}/${id}`, undefined, demo);
    await refused(404, 'GET', `${path}/${id}`, undefined, demo);
  });

  it('are listed in the order in which a credential was given them', async () => {
    const paths = 'dahbgcfe'.split('').map((letter) => `/in-order/${letter}`);
    const made = (await credential(paths.map((path) => ({ ...own, path })))).body.application_credential;
    const { access_rules: listed } = await must('GET', `/v3/users/${me}/access_rules`, undefined, demo);
    const mine = (listed as { path: string }[]).filter(({ path }) => paths.includes(path));
    assert.deepEqual(
      mine.map(({ path }) => path),
      paths,
    );
    await must('DELETE', `/v3/users/${me}/application_credentials/${made.id}`, undefined, demo);
  });

  it("are nobody else's", async () => {
    const { access_rules: rules } = (await credential([servers])).body.application_credential;
    const admins = (await cloud.identity.service.authenticate(admin)).userId;
    await refused(404, 'GET', `/v3/users/${admins}/access_rules/${rules[0].id}`);
    await refused(403, 'GET', `/v3/users/${admins}/access_rules`, undefined, demo);
    await refused(400, 'POST', `/v3/users/${admins}/application_credentials`, {
      application_credential: { name: 'stolen', access_rules: [{ id: rules[0].id }] },
    });
  });

  it('that are none are refused', async () => {
    for (const bad of [
      [{ service: 'compute', method: 'GET' }],
      [{ service: 'compute', method: 'get', path: '/x' }],
      [{ service: 'compute', method: 'GET', path: 'x' }],
      [{ ...servers, path: `/${'x'.repeat(128)}` }],
      [{ ...servers, id: 'x' }],
      [{ id: 'none' }],
      Array.from({ length: 101 }, (_, index) => ({ ...servers, path: `/${index}` })),
    ])
      assert.equal((await credential(bad)).status, 400, JSON.stringify(bad).slice(0, 100));
  });

  it('stand in the token, and bound what it may ask for here', async () => {
    const { id } = (await credential([servers, own])).body.application_credential;
    const token = await tokenOf(id);
    assert.deepEqual((await cloud.identity.service.authenticate(token)).accessRules, [servers, own]);
    await must('GET', `/v3/users/${me}/access_rules`, undefined, token);
    assert.match(await refused(401, 'GET', `/v3/users/${me}`, undefined, token), /access rules/);
    await refused(401, 'DELETE', `/v3/users/${me}/access_rules/x`, undefined, token);
    // a service that does not know of them is not told that the token is good
    const about = { 'X-Subject-Token': token };
    assert.equal((await cloud.ask(token, 'GET', '/v3/auth/tokens', undefined, about)).status, 404);
    const told = await cloud.ask(token, 'GET', '/v3/auth/tokens', undefined, {
      ...about,
      'OpenStack-Identity-Access-Rules': '1.0',
    });
    assert.equal(told.status, 200);
    assert.equal(told.body.token.application_credential.access_rules.length, 2);
  });

  it('are not shed by a credential that may make others', async () => {
    const create = { service: 'identity', method: 'POST', path: '/v3/users/*/application_credentials' };
    const { id } = (await credential([create], { unrestricted: true })).body.application_credential;
    const path = `/v3/users/${me}/application_credentials`;
    await refused(403, 'POST', path, { application_credential: { name: 'free' } }, await tokenOf(id));
  });
});

describe('groups', () => {
  let user: string;
  let group: string;
  let project: string;
  let member: string;
  let count = 0;

  const scope = () => ({ project: { id: project } });
  const login = () =>
    cloud.login({
      identity: { methods: ['password'], password: { user: { id: user, password: 'pw' } } },
      scope: scope(),
    });

  beforeEach(async () => {
    count += 1;
    user = (await made('user', { name: `grouped-${count}`, password: 'pw' })).id;
    group = (await made('group', { name: `group-${count}` })).id;
    project = (await made('project', { name: `of-groups-${count}` })).id;
    member = (await must('GET', '/v3/roles?name=member')).roles[0].id;
  });

  it('are made, found, changed and deleted', async () => {
    const path = `/v3/groups/${group}`;
    const { group: shown } = await must('GET', path);
    assert.deepEqual(shown, {
      id: group,
      name: `group-${count}`,
      domain_id: 'default',
      description: '',
      links: { self: `${cloud.authUrl}/groups/${group}` },
    });
    assert.deepEqual((await must('GET', `/v3/groups?name=group-${count}`)).groups, [shown]);
    await refused(409, 'POST', '/v3/groups', { group: { name: `group-${count}` } });
    await refused(400, 'PATCH', path, { group: { domain_id: 'other' } });
    assert.equal((await must('PATCH', path, { group: { description: 'd' } })).group.description, 'd');
    await must('DELETE', path);
    await refused(404, 'GET', path);
    for (const [method, at] of [
      ['GET', '/v3/groups'],
      ['PUT', `${path}/users/${me}`],
    ] as const)
      await refused(403, method, at, undefined, demo);
  });

  it('have members', async () => {
    const path = `/v3/groups/${group}/users`;
    await refused(404, 'GET', `${path}/${user}`);
    await refused(404, 'PUT', `${path}/none`);
    await must('PUT', `${path}/${user}`);
    await must('PUT', `${path}/${user}`);
    await must('GET', `${path}/${user}`);
    assert.deepEqual(namesOf((await must('GET', path)).users), [`grouped-${count}`]);
    assert.deepEqual(namesOf((await must('GET', `/v3/users/${user}/groups`)).groups), [`group-${count}`]);
    await must('PUT', `${path}/${me}`);
    const first = await must('GET', `${path}?limit=1`);
    assert.equal(first.users.length, 1);
    const rest = await must('GET', `${path}?limit=1&marker=${first.users[0].id}`);
    assert.deepEqual(
      [first.users[0].id, rest.users[0].id],
      [user, me].toSorted((a, b) => (a < b ? -1 : 1)),
    );
    await must('DELETE', `${path}/${user}`);
    await refused(404, 'DELETE', `${path}/${user}`);
  });

  it('give their members their roles, and take them away at once and for good', async () => {
    const membership = `/v3/groups/${group}/users/${user}`;
    const grant = `/v3/projects/${project}/groups/${group}/roles/${member}`;
    assert.equal((await login()).status, 401);
    await refused(404, 'GET', grant);
    await must('PUT', grant);
    assert.equal((await login()).status, 401);
    await must('PUT', membership);
    await must('GET', grant);
    assert.deepEqual(namesOf((await must('GET', `/v3/projects/${project}/groups/${group}/roles`)).roles), ['member']);
    const reply = await login();
    assert.deepEqual(namesOf(reply.body.token.roles), ['member', 'reader']);
    const token = reply.headers.get('x-subject-token') ?? '';
    assert.deepEqual(namesOf((await must('GET', '/v3/auth/projects', undefined, token)).projects), [
      `of-groups-${count}`,
    ]);
    assert.deepEqual(namesOf((await must('GET', `/v3/users/${user}/projects`)).projects), [`of-groups-${count}`]);
    const credentials = `/v3/users/${user}/application_credentials`;
    await must('POST', credentials, { application_credential: { name: 'mine' } }, token);

    await must('DELETE', membership);
    await refused(401, 'GET', '/v3/auth/projects', undefined, token);
    await must('PUT', membership);
    await refused(401, 'GET', '/v3/auth/projects', undefined, token);
    assert.deepEqual((await must('GET', credentials)).application_credentials, []);

    const again = (await login()).headers.get('x-subject-token') ?? '';
    await must('GET', '/v3/auth/projects', undefined, again);
    await must('DELETE', grant);
    await refused(401, 'GET', '/v3/auth/projects', undefined, again);
    assert.equal((await login()).status, 401);
    await refused(404, 'DELETE', grant);
  });

  it('stand in the list of who has which role', async () => {
    const path = `/v3/projects/${project}/groups/${group}/roles/${member}`;
    await must('PUT', path);
    await must('PUT', `/v3/groups/${group}/users/${user}`);
    const list = async (query: string) => (await must('GET', `/v3/role_assignments?${query}`)).role_assignments;
    assert.deepEqual(await list(`group.id=${group}`), [
      {
        links: { assignment: `${cloud.authUrl}${path.slice(3)}` },
        role: { id: member },
        scope: { project: { id: project } },
        group: { id: group },
      },
    ]);
    assert.deepEqual(await list(`user.id=${user}`), []);
    const effective = await list(`user.id=${user}&effective&include_names`);
    assert.deepEqual(
      effective.map((one: { role: { name: string }; user: { name: string } }) => [one.role.name, one.user.name]),
      [
        ['member', `grouped-${count}`],
        ['reader', `grouped-${count}`],
      ],
    );
    assert.equal(effective[0].links.membership, `${cloud.authUrl}/groups/${group}/users/${user}`);
    assert.equal((await list(`scope.project.id=${project}`)).length, 1);
  });

  it('have roles on the system and on domains', async () => {
    await must('PUT', `/v3/groups/${group}/users/${user}`);
    await must('PUT', `/v3/system/groups/${group}/roles/${member}`);
    await must('PUT', `/v3/domains/default/groups/${group}/roles/${member}`);
    const proof = { methods: ['password'], password: { user: { id: user, password: 'pw' } } };
    for (const wanted of [{ system: { all: true } }, { domain: { id: 'default' } }])
      assert.equal((await cloud.login({ identity: proof, scope: wanted })).status, 201);
    await must('DELETE', `/v3/groups/${group}`);
    for (const wanted of [{ system: { all: true } }, { domain: { id: 'default' } }])
      assert.equal((await cloud.login({ identity: proof, scope: wanted })).status, 401);
  });

  it('go with their domain, and roles on a project with it', async () => {
    const domain = (await made('domain', { name: `d-${count}` })).id;
    const inside = (await made('group', { name: 'inside', domain_id: domain })).id;
    await must('PUT', `/v3/projects/${project}/groups/${inside}/roles/${member}`);
    await must('DELETE', `/v3/projects/${project}`);
    assert.deepEqual((await must('GET', `/v3/role_assignments?group.id=${inside}`)).role_assignments, []);
    await must('PATCH', `/v3/domains/${domain}`, { domain: { enabled: false } });
    await must('DELETE', `/v3/domains/${domain}`);
    await refused(404, 'GET', `/v3/groups/${inside}`);
  });
});

describe('lists of names', () => {
  it('are narrowed by a part of them', async () => {
    const made = async (noun: string, name: string) => (await must('POST', `/v3/${noun}s`, { [noun]: { name } }))[noun];
    for (const noun of ['project', 'user', 'group', 'role', 'domain']) {
      for (const name of ['Part-of%One', 'part-of_two', 'other']) await made(noun, `${name}-${noun}`);
      const list = async (query: string) =>
        namesOf((await must('GET', `/v3/${noun}s?${query}`))[`${noun}s`])
          .filter((name) => name.endsWith(`-${noun}`))
          .toSorted();
      const [one, two] = [`Part-of%One-${noun}`, `part-of_two-${noun}`];
      assert.deepEqual(await list('name__contains=art-of'), [one, two]);
      assert.deepEqual(await list('name__startswith=Part'), [one], 'upper case is upper case');
      assert.deepEqual(await list('name__istartswith=PART'), [one, two]);
      assert.deepEqual(await list(`name__endswith=two-${noun}`), [two]);
      assert.deepEqual(await list(`name__iendswith=ONE-${noun}`), [one]);
      assert.deepEqual(await list('name__icontains=OF%25'), [one], 'a sign is itself');
      assert.deepEqual(await list('name__contains=of_&name__startswith=Part'), []);
      assert.equal((await list('name__resembles=x')).length, 3, 'what is no comparison does not narrow');
    }
  });
});

describe('tags of projects', () => {
  it('are set, added, looked for and taken away', async () => {
    const { id } = await made('project', { name: 'tagged', tags: ['a', 'b'] });
    const path = `/v3/projects/${id}/tags`;
    assert.deepEqual((await must('GET', path)).tags, ['a', 'b']);
    assert.deepEqual((await must('PUT', path, { tags: ['b', 'c'] })).tags, ['b', 'c']);
    assert.equal((await ask('PUT', `${path}/d`)).status, 201);
    assert.equal((await ask('GET', `${path}/d`)).status, 204);
    assert.equal((await ask('GET', `${path}/a`)).status, 404);
    assert.equal((await ask('DELETE', `${path}/a`)).status, 404);
    assert.equal((await ask('DELETE', `${path}/b`)).status, 204);
    assert.deepEqual((await must('GET', `/v3/projects/${id}`)).project.tags, ['c', 'd']);
    await refused(400, 'PUT', path, { tags: ['a,b'] });
    await refused(400, 'PUT', `${path}/${'x'.repeat(256)}`);
    await refused(403, 'PUT', path, { tags: [] }, demo);
    assert.equal((await ask('DELETE', path)).status, 204);
    assert.deepEqual((await must('GET', path)).tags, []);
    await refused(404, 'GET', '/v3/projects/nobody/tags');
  });

  it('narrow lists of projects', async () => {
    await made('project', { name: 'tags-1', tags: ['p', 'q', 'r'] });
    await made('project', { name: 'tags-2', tags: ['q', 'r', 's'] });
    await made('project', { name: 'tags-3', tags: ['p"q', 'x"p'] });
    const list = async (query: string) =>
      namesOf((await must('GET', `/v3/projects?name__startswith=tags-&${query}`)).projects).toSorted();
    assert.deepEqual(await list('tags=q,r'), ['tags-1', 'tags-2']);
    assert.deepEqual(await list('tags=p,q'), ['tags-1']);
    assert.deepEqual(await list('tags=p,q,x'), []);
    assert.deepEqual(await list('tags-any=p,s'), ['tags-1', 'tags-2']);
    assert.deepEqual(await list('not-tags=p,q'), ['tags-2', 'tags-3']);
    assert.deepEqual(await list('not-tags-any=p,s'), ['tags-3']);
    const many = Array.from({ length: 81 }, (_, at) => `t${at}`);
    assert.deepEqual(await list(`tags=${many.slice(1).join(',')}`), []);
    for (const word of ['tags', 'tags-any', 'not-tags', 'not-tags-any'])
      assert.match(await refused(400, 'GET', `/v3/projects?${word}=${many.join(',')}`), /at most 80 tags/);
  });
});

it('a project within a project is refused with the reason', async () => {
  const { id } = await made('project', { name: 'outer' });
  assert.match(await refused(400, 'POST', '/v3/projects', { project: { name: 'inner', parent_id: id } }), /no parent/);
});

describe('the catalog', () => {
  const catalogOf = async (token: string) => (await must('GET', '/v3/auth/catalog', undefined, token)).catalog;

  it('has what an administrator adds, as long as it is enabled', async () => {
    const region = (await must('PUT', '/v3/regions/RegionTwo', { region: { description: 'two' } })).region;
    assert.deepEqual(region, {
      id: 'RegionTwo',
      description: 'two',
      parent_region_id: null,
      links: { self: `${cloud.authUrl}/regions/RegionTwo` },
    });
    const { id } = await made('service', { type: 'object-store', name: 'swift', description: 'objects' });
    assert.deepEqual((await must('GET', '/v3/services?type=object-store')).services, [
      {
        id,
        type: 'object-store',
        name: 'swift',
        description: 'objects',
        enabled: true,
        links: { self: `${cloud.authUrl}/services/${id}` },
      },
    ]);
    const url = 'https://swift.example.org/v1/AUTH_%(project_id)s';
    const endpoint = await made('endpoint', { service_id: id, interface: 'public', url, region_id: 'RegionTwo' });
    assert.equal((await must('GET', `/v3/endpoints?service_id=${id}`)).endpoints[0].url, url);
    const shown = (await catalogOf(demo)).find((one: { type: string }) => one.type === 'object-store');
    assert.deepEqual(shown, {
      id,
      type: 'object-store',
      name: 'swift',
      endpoints: [
        {
          id: endpoint.id,
          interface: 'public',
          region_id: 'RegionTwo',
          region: 'RegionTwo',
          url: `https://swift.example.org/v1/AUTH_${cloud.bootstrapped.projects.demo}`,
        },
      ],
    });
    const issued = await cloud.login({
      identity: {
        methods: ['password'],
        password: { user: { name: 'demo', password: cloud.passwords.demo, domain: { id: 'default' } } },
      },
      scope: { project: { name: 'demo', domain: { id: 'default' } } },
    });
    assert.deepEqual(issued.body.token.catalog.at(-1), shown);

    await must('PATCH', `/v3/endpoints/${endpoint.id}`, { endpoint: { enabled: false } });
    assert.deepEqual((await catalogOf(demo)).at(-1).endpoints, []);
    await must('PATCH', `/v3/services/${id}`, { service: { enabled: false } });
    assert.equal((await catalogOf(demo)).length, 2);
    await refused(403, 'DELETE', '/v3/regions/RegionTwo');
    await must('DELETE', `/v3/services/${id}`);
    await refused(404, 'GET', `/v3/endpoints/${endpoint.id}`);
    await must('DELETE', '/v3/regions/RegionTwo');
  });

  it('takes no endpoint that leads nowhere, and no region within itself', async () => {
    const { id } = await made('service', { type: 'share' });
    const good = { service_id: id, interface: 'public', url: 'http://share.example.org' };
    for (const bad of [
      { service_id: 'none' },
      { region_id: 'none' },
      { interface: 'private' },
      { url: 'nowhere' },
      { url: 'http://x/%(admin_token)s' },
      { url: 'http://x/%(project_id' },
    ])
      await refused(400, 'POST', '/v3/endpoints', { endpoint: { ...good, ...bad } });
    await made('region', { id: 'outer' });
    await made('region', { id: 'inner', parent_region_id: 'outer' });
    await refused(400, 'PATCH', '/v3/regions/outer', { region: { parent_region_id: 'inner' } });
    await refused(404, 'POST', '/v3/regions', { region: { parent_region_id: 'none' } });
    await refused(409, 'POST', '/v3/regions', { region: { id: 'inner' } });
    await refused(409, 'PUT', '/v3/regions/RegionOne', { region: {} });
    await must('DELETE', '/v3/regions/outer');
    await refused(404, 'GET', '/v3/regions/inner');
    await must('DELETE', `/v3/services/${id}`);
  });

  it("keeps the program's own services as they are", async () => {
    for (const path of ['services/compute-service', 'endpoints/compute-public', 'regions/RegionOne']) {
      const noun = path.split('/')[0]?.slice(0, -1) ?? '';
      assert.match(await refused(403, 'PATCH', `/v3/${path}`, { [noun]: { description: 'x' } }), /configuration/);
      assert.match(await refused(403, 'DELETE', `/v3/${path}`), /configuration/);
    }
    // but an endpoint more of them may be
    const endpoint = { service_id: 'compute-service', interface: 'public', url: 'http://two', region: 'RegionOne' };
    const { id } = await made('endpoint', endpoint);
    const compute = (await catalogOf(demo)).find((one: { type: string }) => one.type === 'compute');
    assert.equal(compute.endpoints.at(-1).id, id);
    await must('DELETE', `/v3/endpoints/${id}`);
  });

  it('says of what is not there that it is not there, and why', async () => {
    for (const [method, path] of [
      ['GET', '/v3/domains/default/config'],
      ['PUT', '/v3/domains/default/config/ldap'],
      ['GET', '/v3/OS-EP-FILTER/endpoint_groups'],
      ['POST', '/v3/registered_limits'],
      ['GET', '/v3/limits/x'],
      ['GET', '/v3/credentials'],
      ['POST', '/v3/OS-TRUST/trusts'],
      ['GET', '/v3/OS-FEDERATION/identity_providers'],
    ] as const)
      assert.match(await refused(501, method, path, method === 'GET' ? undefined : {}), /built-in identity service/);
    for (const noun of ['registered_limits', 'limits'])
      assert.deepEqual((await must('GET', `/v3/${noun}`, undefined, demo))[noun], []);
  });
});

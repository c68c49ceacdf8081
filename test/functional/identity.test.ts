import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { systemClock } from '../../src/base/clock.ts';
import { Fault } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { makeKeystone } from '../../src/cloud/keystone.ts';
import { type Reply, startIdentity, type TestIdentity } from '../support/identity.ts';

const HEX = /^[0-9a-f]{32}$/;
const MICROS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const inProject = (name: string) => ({ project: { name, domain: { id: 'default' } } });
const passwordOf = (name: string, password: string) => ({
  methods: ['password'],
  password: { user: { name, password, domain: { id: 'default' } } },
});

interface Listed {
  readonly projects: readonly { readonly id: string }[];
  readonly links: { readonly next: string | null };
  readonly truncated?: boolean;
}

function fault(reply: Reply, status: number, title: string): void {
  assert.equal(reply.status, status, JSON.stringify(reply.body));
  assert.equal(reply.body.error.code, status);
  assert.equal(reply.body.error.title, title);
  assert.equal(typeof reply.body.error.message, 'string');
  assert.equal(reply.headers.get('vary'), 'X-Auth-Token');
}

describe('built-in identity', () => {
  let cloud: TestIdentity;
  let admin: string;
  let demo: string;

  before(async () => {
    cloud = await startIdentity();
  });
  after(() => cloud.stop());
  beforeEach(async () => {
    admin = await cloud.tokenOf('admin', cloud.passwords.admin);
    demo = await cloud.tokenOf('demo', cloud.passwords.demo);
  });

  const created = async (noun: string, value: object, path = `/v3/${noun}s`) => {
    const reply = await cloud.ask(admin, 'POST', path, { [noun]: value });
    assert.equal(reply.status, 201, JSON.stringify(reply.body));
    return reply.body[noun];
  };
  const roleId = async (name: string): Promise<string> =>
    (await cloud.ask(admin, 'GET', `/v3/roles?name=${name}`)).body.roles[0].id;
  const authenticate = (token: string) => cloud.identity.service.authenticate(token);
  const refusedToken = (token: string) =>
    assert.rejects(authenticate(token), (error) => error instanceof Fault && error.kind === 'unauthorized');

  it('tells compute of a project what it tells the caller over HTTP', async () => {
    const keystone = makeKeystone({ authUrl: cloud.authUrl, clock: systemClock, log: silentLog });
    const own = (await authenticate(demo)).projectId as string;
    const { id: strange } = await created('project', { name: 'strange' });
    const answers = async (token: string, isAdmin: boolean) => {
      const caller = { ...(await authenticate(token)), isAdmin, token };
      const both = [cloud.identity.service, keystone] as const;
      return Promise.all(
        both.map((one) => Promise.all([own, strange, 'no-such'].map((id) => one.knowsProject(caller, id)))),
      );
    };
    assert.deepEqual(await answers(admin, true), [
      [true, true, false],
      [true, true, false],
    ]);
    // who may not see a project is not told whether there is one
    assert.deepEqual(await answers(demo, false), [
      [true, true, true],
      [true, true, true],
    ]);
    await keystone.close();
  });

  describe('tokens', () => {
    it('are issued as Keystone issues them', async () => {
      const reply = await cloud.login({
        identity: passwordOf('admin', cloud.passwords.admin),
        scope: inProject('admin'),
      });
      assert.equal(reply.status, 201);
      const { token } = reply.body;
      assert.deepEqual(Object.keys(token).toSorted(), [
        ...['audit_ids', 'catalog', 'expires_at', 'is_domain', 'issued_at', 'methods', 'project', 'roles', 'user'],
      ]);
      assert.deepEqual(token.methods, ['password']);
      assert.deepEqual(token.user, {
        id: token.user.id,
        name: 'admin',
        domain: { id: 'default', name: 'Default' },
        password_expires_at: null,
      });
      assert.match(token.user.id, HEX);
      assert.deepEqual(token.project, {
        id: cloud.bootstrapped.projects.admin,
        name: 'admin',
        domain: { id: 'default', name: 'Default' },
      });
      assert.deepEqual(
        token.roles.map((role: { name: string }) => role.name),
        ['admin', 'manager', 'member', 'reader'],
      );
      assert.match(token.expires_at, MICROS);
      assert.match(token.issued_at, MICROS);
      assert.equal(token.audit_ids.length, 1);
      assert.match(token.audit_ids[0], /^[\w-]{22}$/);
      const identity = token.catalog.find((service: { type: string }) => service.type === 'identity');
      assert.equal(identity.endpoints.length, 3);
      assert.equal(identity.endpoints[0].url, cloud.authUrl);

      const text = reply.headers.get('x-subject-token') ?? '';
      assert.deepEqual(decodeProtectedHeader(text), { alg: 'ES256', typ: 'JWT' });
      const claims = decodeJwt(text);
      assert.deepEqual(Object.keys(claims).toSorted(), [
        ...['exp', 'iat', 'openstack_audit_ids', 'openstack_methods', 'openstack_project_id', 'sub'],
      ]);
    });

    it('carry the scope that was asked for', async () => {
      const { admin: password } = cloud.passwords;
      const unscoped = await cloud.login({ identity: passwordOf('admin', password) });
      assert.equal(unscoped.status, 201);
      for (const key of ['project', 'roles', 'catalog', 'domain', 'system'])
        assert.ok(!(key in unscoped.body.token), key);
      for (const scope of ['unscoped', { unscoped: {} }]) {
        const reply = await cloud.login({ identity: passwordOf('admin', password), scope });
        assert.ok(!('project' in reply.body.token));
      }
      const system = await cloud.login({ identity: passwordOf('admin', password), scope: { system: { all: true } } });
      assert.deepEqual(system.body.token.system, { all: true });
      assert.ok(!('project' in system.body.token));
      const caller = await authenticate(system.headers.get('x-subject-token') ?? '');
      assert.equal(caller.systemScope, 'all');

      const me = unscoped.body.token.user.id;
      const refused = await cloud.login({
        identity: passwordOf('admin', password),
        scope: { domain: { id: 'default' } },
      });
      fault(refused, 401, 'Unauthorized');
      const path = `/v3/domains/default/users/${me}/roles/${await roleId('reader')}`;
      assert.equal((await cloud.ask(admin, 'PUT', path)).status, 204);
      for (const domain of [{ id: 'default' }, { name: 'Default' }]) {
        const reply = await cloud.login({ identity: passwordOf('admin', password), scope: { domain } });
        assert.deepEqual(reply.body.token.domain, { id: 'default', name: 'Default' });
        assert.equal(reply.body.token.roles.length, 1);
      }
      assert.equal((await cloud.ask(admin, 'DELETE', path)).status, 204);
    });

    it('go to the default project when no scope is asked', async () => {
      const user = await created('user', {
        name: 'homely',
        password: 'pw',
        default_project_id: cloud.bootstrapped.projects.demo,
      });
      const bare = await cloud.login({ identity: passwordOf('homely', 'pw') });
      assert.ok(!('project' in bare.body.token));
      const path = `/v3/projects/${cloud.bootstrapped.projects.demo}/users/${user.id}/roles/${await roleId('member')}`;
      await cloud.ask(admin, 'PUT', path);
      const scoped = await cloud.login({ identity: passwordOf('homely', 'pw') });
      assert.equal(scoped.body.token.project.name, 'demo');
      const explicit = await cloud.login({ identity: passwordOf('homely', 'pw'), scope: 'unscoped' });
      assert.ok(!('project' in explicit.body.token));
    });

    it('are refused with 401 and no hint, or 400 for what is missing', async () => {
      const { admin: password } = cloud.passwords;
      const wrong = await cloud.login({ identity: passwordOf('admin', 'wrong') });
      fault(wrong, 401, 'Unauthorized');
      assert.equal(wrong.headers.get('www-authenticate'), `Keystone uri="${cloud.authUrl}"`);
      const unknown = await cloud.login({ identity: passwordOf('nobody', 'wrong') });
      assert.deepEqual(unknown.body, wrong.body);
      const elsewhere = await cloud.login({
        identity: passwordOf('demo', cloud.passwords.demo),
        scope: inProject('admin'),
      });
      assert.deepEqual(elsewhere.body, wrong.body);
      const nowhere = await cloud.login({
        identity: passwordOf('demo', cloud.passwords.demo),
        scope: inProject('nowhere'),
      });
      assert.deepEqual(nowhere.body, wrong.body);

      const cases: [unknown, number][] = [
        [{ identity: { methods: ['password'] } }, 400],
        [{ identity: { methods: [] } }, 401],
        [{ identity: { methods: ['totp'] } }, 401],
        [{ identity: { methods: ['password'], password: { user: { name: 'admin', password } } } }, 400],
        [{ identity: passwordOf('admin', password), scope: { project: { name: 'admin' } } }, 400],
        [{ identity: passwordOf('admin', password), scope: { system: { all: true }, domain: { id: 'default' } } }, 400],
        [{ identity: passwordOf('admin', password), scope: {} }, 400],
        [{ identity: passwordOf('admin', password), bogus: 1 }, 400],
        [{ identity: { methods: ['token'], token: { id: 'junk' } } }, 404],
        [{}, 400],
      ];
      for (const [auth, status] of cases) assert.equal((await cloud.login(auth)).status, status, JSON.stringify(auth));
      for (const body of ['', 'xx', '[]', 'null', '1', '{}'])
        assert.equal((await cloud.ask(null, 'POST', '/v3/auth/tokens', body)).status, 400, body);
    });

    it('can be shown, checked and revoked', async () => {
      const shown = await cloud.ask(admin, 'GET', '/v3/auth/tokens', undefined, { 'x-subject-token': demo });
      assert.equal(shown.status, 200);
      assert.equal(shown.headers.get('x-subject-token'), demo);
      assert.equal(shown.body.token.user.name, 'demo');
      assert.ok('catalog' in shown.body.token);
      const bare = await cloud.ask(admin, 'GET', '/v3/auth/tokens?nocatalog', undefined, { 'x-subject-token': demo });
      assert.ok(!('catalog' in bare.body.token));
      assert.equal(
        (await cloud.ask(admin, 'HEAD', '/v3/auth/tokens', undefined, { 'x-subject-token': demo })).status,
        200,
      );
      fault(await cloud.ask(demo, 'GET', '/v3/auth/tokens', undefined, { 'x-subject-token': admin }), 403, 'Forbidden');
      fault(
        await cloud.ask(demo, 'DELETE', '/v3/auth/tokens', undefined, { 'x-subject-token': admin }),
        403,
        'Forbidden',
      );
      fault(
        await cloud.ask(admin, 'GET', '/v3/auth/tokens', undefined, { 'x-subject-token': 'abc' }),
        404,
        'Not Found',
      );
      fault(await cloud.ask(admin, 'GET', '/v3/auth/tokens'), 404, 'Not Found');
      fault(
        await cloud.ask(null, 'GET', '/v3/auth/tokens', undefined, { 'x-subject-token': demo }),
        401,
        'Unauthorized',
      );

      await authenticate(demo);
      const revoked = await cloud.ask(demo, 'DELETE', '/v3/auth/tokens', undefined, { 'x-subject-token': demo });
      assert.equal(revoked.status, 204);
      await refusedToken(demo);
      fault(await cloud.ask(admin, 'GET', '/v3/auth/tokens', undefined, { 'x-subject-token': demo }), 404, 'Not Found');
      fault(await cloud.ask(demo, 'GET', '/v3/auth/projects'), 401, 'Unauthorized');
    });

    it('can be traded for another scope, keeping their end and their chain', async () => {
      const first = await cloud.login({ identity: passwordOf('admin', cloud.passwords.admin) });
      const id = first.headers.get('x-subject-token');
      const next = await cloud.login({ identity: { methods: ['token'], token: { id } }, scope: inProject('admin') });
      assert.equal(next.status, 201);
      assert.deepEqual(next.body.token.methods, ['password', 'token']);
      assert.equal(next.body.token.expires_at, first.body.token.expires_at);
      assert.equal(next.body.token.audit_ids.length, 2);
      assert.equal(next.body.token.audit_ids[1], first.body.token.audit_ids[0]);
      const third = await cloud.login({
        identity: { methods: ['token'], token: { id: next.headers.get('x-subject-token') } },
        scope: { system: { all: true } },
      });
      assert.equal(third.body.token.audit_ids[1], first.body.token.audit_ids[0]);
    });

    it('end when they expire', async () => {
      const short = await startIdentity({ tokenTtlMs: 10_000 });
      try {
        const token = await short.tokenOf('admin', short.passwords.admin);
        await short.identity.service.authenticate(token);
        short.advance(10_001);
        await assert.rejects(short.identity.service.authenticate(token), /requires authentication/);
        fault(await short.ask(token, 'GET', '/v3/projects'), 401, 'Unauthorized');
      } finally {
        await short.stop();
      }
    });

    it('are verified and resolved by the client that production uses', async () => {
      const service = makeKeystone({
        authUrl: cloud.authUrl,
        publicKeysDir: cloud.identity.publicKeysDir,
        service: { kind: 'password', username: 'admin', password: cloud.passwords.admin, projectName: 'admin' },
        clock: systemClock,
        log: silentLog,
      });
      try {
        assert.deepEqual(await service.authenticate(demo), await authenticate(demo));
        assert.equal(await service.problem(), null);
        await assert.rejects(service.authenticate(`${demo.slice(0, -4)}AAAA`), /requires authentication/);
      } finally {
        await service.close();
      }
    });
  });

  it('ends tokens with a changed password, a disabled user, project or domain, and a role taken away', async () => {
    const domain = await created('domain', { name: 'Elsewhere' });
    const project = await created('project', { name: 'p', domain_id: domain.id });
    const user = await created('user', { name: 'u', password: 'one', domain_id: domain.id });
    const path = `/v3/projects/${project.id}/users/${user.id}/roles/${await roleId('member')}`;
    assert.equal((await cloud.ask(admin, 'PUT', path)).status, 204);
    const tokenWith = async (password: string): Promise<string> => {
      const identity = { methods: ['password'], password: { user: { id: user.id, password } } };
      const reply = await cloud.login({ identity, scope: { project: { id: project.id } } });
      assert.equal(reply.status, 201, JSON.stringify(reply.body));
      return reply.headers.get('x-subject-token') ?? '';
    };

    let token = await tokenWith('one');
    await authenticate(token);
    const own = `/v3/users/${user.id}/password`;
    const wrong = await cloud.ask(null, 'POST', own, { user: { original_password: 'x', password: 'two' } });
    fault(wrong, 401, 'Unauthorized');
    await authenticate(token);
    const right = await cloud.ask(token, 'POST', own, { user: { original_password: 'one', password: 'two' } });
    assert.equal(right.status, 204);
    await refusedToken(token);
    // right away, within the same second, the new password gives a good token
    token = await tokenWith('two');
    await authenticate(token);
    await cloud.ask(admin, 'PATCH', `/v3/users/${user.id}`, { user: { password: 'three' } });
    await refusedToken(token);

    for (const [noun, id] of [
      ['user', user.id],
      ['project', project.id],
      ['domain', domain.id],
    ]) {
      token = await tokenWith('three');
      await authenticate(token);
      assert.equal((await cloud.ask(admin, 'PATCH', `/v3/${noun}s/${id}`, { [noun]: { enabled: false } })).status, 200);
      await refusedToken(token);
      await cloud.ask(admin, 'PATCH', `/v3/${noun}s/${id}`, { [noun]: { enabled: true } });
    }
    token = await tokenWith('three');
    assert.deepEqual((await authenticate(token)).roles, ['member', 'reader']);
    assert.equal((await cloud.ask(admin, 'DELETE', path)).status, 204);
    await refusedToken(token);

    fault(await cloud.ask(admin, 'DELETE', `/v3/domains/${domain.id}`), 403, 'Forbidden');
    await cloud.ask(admin, 'PATCH', `/v3/domains/${domain.id}`, { domain: { enabled: false } });
    assert.equal((await cloud.ask(admin, 'DELETE', `/v3/domains/${domain.id}`)).status, 204);
    fault(await cloud.ask(admin, 'GET', `/v3/projects/${project.id}`), 404, 'Not Found');
    fault(await cloud.ask(admin, 'GET', `/v3/users/${user.id}`), 404, 'Not Found');
  });

  it('discovers its version', async () => {
    const root = await cloud.ask(null, 'GET', '/');
    assert.equal(root.status, 300);
    assert.equal(root.body.versions.values[0].id, 'v3.14');
    assert.equal(root.body.versions.values[0].links[0].href, `${cloud.authUrl}/`);
    for (const path of ['/v3', '/v3/']) {
      const one = await cloud.ask(null, 'GET', path);
      assert.equal(one.status, 200);
      assert.equal(one.body.version.status, 'stable');
    }
    fault(await cloud.ask(null, 'GET', '/v3/nothing'), 404, 'Not Found');
    fault(await cloud.ask(null, 'GET', '/v2.0'), 404, 'Not Found');
    const put = await cloud.ask(admin, 'PUT', '/v3/projects', {});
    assert.equal(put.status, 405);
    assert.match(put.headers.get('allow') ?? '', /POST/);
  });

  it('keeps projects', async () => {
    const project = await created('project', { name: 'täst', description: 'd', tags: ['a'], color: 'red' });
    assert.deepEqual(project, {
      color: 'red',
      id: project.id,
      name: 'täst',
      domain_id: 'default',
      description: 'd',
      enabled: true,
      parent_id: 'default',
      is_domain: false,
      tags: ['a'],
      options: {},
      links: { self: `${cloud.authUrl}/projects/${project.id}` },
    });
    fault(await cloud.ask(admin, 'POST', '/v3/projects', { project: { name: 'täst' } }), 409, 'Conflict');
    const found = await cloud.ask(admin, 'GET', `/v3/projects?name=${encodeURIComponent('täst')}&domain_id=default`);
    assert.deepEqual(found.body.projects, [project]);
    assert.equal(found.body.links.next, null);
    assert.equal(found.body.links.previous, null);
    assert.ok(found.body.links.self.startsWith(`${cloud.authUrl}/projects?name=`));
    const changed = await cloud.ask(admin, 'PATCH', `/v3/projects/${project.id}`, { project: { name: 'b', size: 3 } });
    assert.deepEqual(changed.body.project, { ...project, name: 'b', size: 3 });
    assert.deepEqual((await cloud.ask(admin, 'GET', `/v3/projects/${project.id}`)).body, changed.body);
    assert.equal((await cloud.ask(admin, 'DELETE', `/v3/projects/${project.id}`)).status, 204);
    for (const id of [project.id, 'some name', '%00', '..%2f']) {
      fault(await cloud.ask(admin, 'GET', `/v3/projects/${id}`), 404, 'Not Found');
    }
    for (const bad of [
      {},
      { name: '' },
      { name: ' ' },
      { name: 'x'.repeat(65) },
      { name: 'x', enabled: 'yes' },
      { name: 'x', domain_id: 'default', parent_id: 'other' },
      { name: 'x', is_domain: true },
      { name: 'x', options: { immutable: true } },
      { name: 7 },
    ])
      fault(await cloud.ask(admin, 'POST', '/v3/projects', { project: bad }), 400, 'Bad Request');
    fault(
      await cloud.ask(admin, 'POST', '/v3/projects', { project: { name: 'x', domain_id: 'no' } }),
      404,
      'Not Found',
    );
  });

  it('keeps users, and never shows a password', async () => {
    const user = await created('user', { name: 'eve', password: 'secret', email: 'e@x', project_id: 'p', options: {} });
    assert.deepEqual(user, {
      email: 'e@x',
      project_id: 'p',
      options: {},
      id: user.id,
      name: 'eve',
      domain_id: 'default',
      enabled: true,
      password_expires_at: null,
      links: { self: `${cloud.authUrl}/users/${user.id}` },
    });
    fault(await cloud.ask(admin, 'POST', '/v3/users', { user: { name: 'eve' } }), 409, 'Conflict');
    const changed = await cloud.ask(admin, 'PATCH', `/v3/users/${user.id}`, { user: { email: null, password: 'new' } });
    assert.deepEqual(changed.body.user, { ...user, email: null });
    const list = await cloud.ask(admin, 'GET', '/v3/users');
    assert.ok(!JSON.stringify(list.body).includes('scrypt'));
    const stored = await cloud.database.read('identity_users').where({ id: user.id }).first();
    assert.match(stored.password_hash, /^scrypt\$2\$1\$1\$/);
    assert.equal((await cloud.ask(admin, 'DELETE', `/v3/users/${user.id}`)).status, 204);
    fault(await cloud.login({ identity: passwordOf('eve', 'new') }), 401, 'Unauthorized');
    for (const options of [{ multi_factor_auth_enabled: true }, { lock_password: true }, { other: 1 }])
      fault(await cloud.ask(admin, 'POST', '/v3/users', { user: { name: 'm', options } }), 400, 'Bad Request');
  });

  it('keeps roles, what they imply, and who has them', async () => {
    const role = await created('role', { name: 'autoscaler' });
    assert.deepEqual(role, {
      id: role.id,
      name: 'autoscaler',
      domain_id: null,
      description: null,
      options: {},
      links: { self: `${cloud.authUrl}/roles/${role.id}` },
    });
    const reader = await roleId('reader');
    const imply = `/v3/roles/${role.id}/implies/${reader}`;
    assert.equal((await cloud.ask(admin, 'PUT', imply)).status, 201);
    assert.equal((await cloud.ask(admin, 'HEAD', imply)).status, 200);
    const implied = await cloud.ask(admin, 'GET', `/v3/roles/${role.id}/implies`);
    assert.deepEqual(
      implied.body.role_inference.implies.map((one: { name: string }) => one.name),
      ['reader'],
    );
    assert.equal((await cloud.ask(admin, 'GET', '/v3/role_inferences')).body.role_inferences.length, 4);

    const user = await created('user', { name: 'robot' });
    const { demo: projectId } = cloud.bootstrapped.projects;
    for (const place of [`projects/${projectId}`, 'domains/default', 'system']) {
      const all = `/v3/${place}/users/${user.id}/roles`;
      const path: string = `${all}/${role.id}`;
      fault(await cloud.ask(admin, 'GET', path), 404, 'Not Found');
      assert.equal((await cloud.ask(admin, 'PUT', path)).status, 204);
      assert.equal((await cloud.ask(admin, 'PUT', path)).status, 204);
      assert.equal((await cloud.ask(admin, 'HEAD', path)).status, 204);
      assert.equal((await cloud.ask(admin, 'GET', path)).status, 204);
      assert.deepEqual((await cloud.ask(admin, 'GET', all)).body.roles, [role]);
    }
    const named = await cloud.ask(admin, 'GET', `/v3/role_assignments?user.id=${user.id}&include_names=True`);
    assert.deepEqual(
      named.body.role_assignments.find((one: { scope: object }) => 'project' in one.scope),
      {
        links: { assignment: `${cloud.authUrl}/projects/${projectId}/users/${user.id}/roles/${role.id}` },
        role: { id: role.id, name: 'autoscaler' },
        scope: { project: { id: projectId, name: 'demo', domain: { id: 'default', name: 'Default' } } },
        user: { id: user.id, name: 'robot', domain: { id: 'default', name: 'Default' } },
      },
    );
    const count = async (query: string): Promise<number> =>
      (await cloud.ask(admin, 'GET', `/v3/role_assignments?${query}`)).body.role_assignments.length;
    assert.equal(await count(`user.id=${user.id}`), 3);
    assert.equal(await count(`user.id=${user.id}&scope.system=all`), 1);
    assert.equal(await count(`role.id=${role.id}&scope.domain.id=default`), 1);
    assert.equal(await count(`user.id=${user.id}&effective=0`), 3);
    assert.equal(await count(`user.id=${user.id}&effective`), 6);
    assert.equal(await count(`user.id=${user.id}&effective=true`), 6);
    assert.equal(await count(`user.id=${user.id}&role.id=${reader}&effective=1`), 3);
    assert.equal(await count('group.id=x'), 0);

    const gone = `/v3/system/users/${user.id}/roles/${role.id}`;
    assert.equal((await cloud.ask(admin, 'DELETE', gone)).status, 204);
    fault(await cloud.ask(admin, 'DELETE', gone), 404, 'Not Found');
    assert.equal((await cloud.ask(admin, 'DELETE', `/v3/roles/${role.id}`)).status, 204);
    assert.equal(await count(`user.id=${user.id}`), 0);
    fault(await cloud.ask(admin, 'PUT', `/v3/projects/${projectId}/users/nobody/roles/${reader}`), 404, 'Not Found');
    fault(await cloud.ask(admin, 'PUT', `/v3/projects/none/users/${user.id}/roles/${reader}`), 404, 'Not Found');
  });

  it('lists services, endpoints and regions as configured', async () => {
    const services = await cloud.ask(admin, 'GET', '/v3/services?type=compute');
    assert.deepEqual(services.body.services, [
      {
        id: 'compute-service',
        type: 'compute',
        name: 'nova',
        enabled: true,
        links: { self: `${cloud.authUrl}/services/compute-service` },
      },
    ]);
    const endpoints = await cloud.ask(admin, 'GET', '/v3/endpoints?interface=public');
    assert.equal(endpoints.body.endpoints.length, 2);
    assert.equal(endpoints.body.endpoints[0].service_id, 'identity-service');
    assert.equal((await cloud.ask(admin, 'GET', '/v3/endpoints/compute-public')).body.endpoint.region_id, 'RegionOne');
    const regions = await cloud.ask(demo, 'GET', '/v3/regions');
    assert.deepEqual(
      regions.body.regions.map((region: { id: string }) => region.id),
      ['RegionOne'],
    );
    fault(await cloud.ask(admin, 'GET', '/v3/services/none'), 404, 'Not Found');
    fault(await cloud.ask(admin, 'GET', '/v3/groups/x'), 404, 'Not Found');
    const catalog = await cloud.ask(demo, 'GET', '/v3/auth/catalog');
    assert.equal(catalog.body.catalog.length, 2);
  });

  it('pages through lists by id', async () => {
    for (let i = 0; i < 5; i += 1) await created('project', { name: `page-${i}` });
    const all = (await cloud.ask(admin, 'GET', '/v3/projects')).body.projects.map((one: { id: string }) => one.id);
    const listed = async (path: string): Promise<Listed> => (await cloud.ask(admin, 'GET', path)).body;
    const seen: string[] = [];
    let path: string | null = '/v3/projects?limit=2';
    while (path !== null) {
      const body: Listed = await listed(path);
      assert.ok(body.projects.length <= 2);
      seen.push(...body.projects.map((one) => one.id));
      const { next } = body.links;
      path = next === null ? null : next.slice(next.indexOf('/v3'));
      assert.equal(body.truncated ?? false, path !== null);
    }
    assert.deepEqual(seen, all);
    fault(await cloud.ask(admin, 'GET', '/v3/projects?limit=x'), 400, 'Bad Request');
  });

  it('lets a member see himself and nothing else', async () => {
    const me = (await authenticate(demo)).userId;
    const { demo: own, admin: other } = cloud.bootstrapped.projects;
    for (const path of [
      `/v3/users/${me}`,
      `/v3/users/${me}/projects`,
      `/v3/users/${me}/groups`,
      `/v3/users/${me}/application_credentials`,
      `/v3/users/${me}/access_rules`,
      `/v3/projects/${own}`,
      '/v3/domains/default',
      '/v3/auth/projects',
      '/v3/auth/domains',
      '/v3/auth/system',
      '/v3/regions',
    ])
      assert.equal((await cloud.ask(demo, 'GET', path)).status, 200, path);
    const admins = (await authenticate(admin)).userId;
    const member = await roleId('admin');
    const forbiddenCalls: [string, string, unknown?][] = [
      ['GET', '/v3/users'],
      ['GET', '/v3/projects'],
      ['GET', '/v3/domains'],
      ['GET', '/v3/roles'],
      ['GET', '/v3/role_assignments'],
      ['GET', '/v3/services'],
      ['GET', '/v3/endpoints'],
      ['GET', `/v3/users/${admins}`],
      ['GET', `/v3/users/${admins}/projects`],
      ['GET', `/v3/users/${admins}/application_credentials`],
      ['GET', `/v3/projects/${other}`],
      ['POST', '/v3/users', { user: { name: 'x' } }],
      ['PATCH', `/v3/users/${me}`, { user: { name: 'x' } }],
      ['DELETE', `/v3/users/${me}`],
      ['POST', '/v3/projects', { project: { name: 'x' } }],
      ['DELETE', `/v3/projects/${own}`],
      ['POST', '/v3/roles', { role: { name: 'x' } }],
      ['PUT', `/v3/projects/${own}/users/${me}/roles/${member}`],
      ['PUT', `/v3/system/users/${me}/roles/${member}`],
      ['POST', '/v3/domains', { domain: { name: 'x' } }],
      ['POST', `/v3/users/${admins}/application_credentials`, { application_credential: { name: 'x' } }],
    ];
    for (const [method, path, body] of forbiddenCalls) {
      fault(await cloud.ask(demo, method, path, body), 403, 'Forbidden');
      fault(await cloud.ask(null, method, path, body), 401, 'Unauthorized');
      fault(await cloud.ask(`${demo}x`, method, path, body), 401, 'Unauthorized');
    }
  });

  it('gives application credentials some of the roles of their owner', async () => {
    const me = (await authenticate(demo)).userId;
    const path = `/v3/users/${me}/application_credentials`;
    const make = (value: object, token = demo) => cloud.ask(token, 'POST', path, { application_credential: value });
    const made = await make({ name: 'ci', roles: [{ name: 'reader' }], expires_at: '2099-01-01T00:00:00' });
    assert.equal(made.status, 201);
    const { application_credential: credential } = made.body;
    const { secret, ...shown } = credential;
    assert.ok(secret.length > 80);
    assert.equal(shown.project_id, cloud.bootstrapped.projects.demo);
    assert.equal(shown.expires_at, '2099-01-01T00:00:00.000000');
    assert.equal(shown.unrestricted, false);
    assert.deepEqual(
      shown.roles.map((role: { name: string }) => role.name),
      ['reader'],
    );
    assert.deepEqual((await cloud.ask(demo, 'GET', `${path}/${credential.id}`)).body.application_credential, shown);
    assert.deepEqual((await cloud.ask(demo, 'GET', `${path}?name=ci`)).body.application_credentials, [shown]);
    fault(await make({ name: 'ci' }), 409, 'Conflict');
    for (const bad of [
      {},
      { name: 'x', roles: [{ name: 'admin' }] },
      { name: 'x', roles: [{ id: 'a', name: 'b' }] },
      { name: 'x', expires_at: '2001-01-01T00:00:00' },
      { name: 'x', expires_at: 'soon' },
      { name: 'x', access_rules: [{ path: '/x', method: 'GET' }] },
      { name: 'x', bogus: 1 },
    ])
      fault(await make(bad), 400, 'Bad Request');

    const identity = (value: object) => ({ methods: ['application_credential'], application_credential: value });
    for (const by of [
      { id: credential.id },
      { name: 'ci', user: { id: me } },
      { name: 'ci', user: { name: 'demo', domain: { id: 'default' } } },
    ]) {
      const reply = await cloud.login({ identity: identity({ ...by, secret }) });
      assert.equal(reply.status, 201, JSON.stringify(reply.body));
      assert.deepEqual(reply.body.token.application_credential, { id: credential.id, name: 'ci', restricted: true });
      assert.equal(reply.body.token.project.name, 'demo');
    }
    fault(await cloud.login({ identity: identity({ id: credential.id, secret: 'no' }) }), 401, 'Unauthorized');
    fault(await cloud.login({ identity: identity({ id: 'none', secret }) }), 401, 'Unauthorized');
    const scoped = await cloud.login({ identity: identity({ id: credential.id, secret }), scope: inProject('demo') });
    fault(scoped, 401, 'Unauthorized');

    const token =
      (await cloud.login({ identity: identity({ id: credential.id, secret }) })).headers.get('x-subject-token') ?? '';
    assert.deepEqual((await authenticate(token)).roles, ['reader']);
    // it cannot become more than it is
    fault(await make({ name: 'child' }, token), 403, 'Forbidden');
    fault(await cloud.ask(token, 'DELETE', `${path}/${credential.id}`), 403, 'Forbidden');
    const traded = await cloud.login({
      identity: { methods: ['token'], token: { id: token } },
      scope: inProject('demo'),
    });
    fault(traded, 403, 'Forbidden');

    const free = (await make({ name: 'free', unrestricted: true, secret: 'mine', roles: [{ name: 'reader' }] })).body;
    const freeToken =
      (await cloud.login({ identity: identity({ id: free.application_credential.id, secret: 'mine' }) })).headers.get(
        'x-subject-token',
      ) ?? '';
    const child = await make({ name: 'child' }, freeToken);
    assert.equal(child.status, 201);
    assert.deepEqual(
      child.body.application_credential.roles.map((role: { name: string }) => role.name),
      ['reader'],
    );

    assert.equal((await cloud.ask(demo, 'DELETE', `${path}/${credential.id}`)).status, 204);
    await refusedToken(token);
    fault(await cloud.ask(demo, 'GET', `${path}/${credential.id}`), 404, 'Not Found');
  });

  it('keeps its private key to itself', async () => {
    const privateKey = join(cloud.dir, 'identity-private', 'private.pem');
    assert.equal((await stat(privateKey)).mode & 0o777, 0o600);
    assert.equal((await stat(join(cloud.dir, 'identity-private'))).mode & 0o777, 0o700);
    const names = await readdir(cloud.identity.publicKeysDir);
    assert.equal(names.length, 1);
    const text = await readFile(join(cloud.identity.publicKeysDir, names[0] ?? ''), 'utf8');
    assert.match(text, /^-----BEGIN PUBLIC KEY-----/);
  });

  it('gives the way back in, once asked', async () => {
    const again = await cloud.identity.ensureBootstrap();
    assert.equal(again.passwords, null);
    assert.deepEqual(again.projects, cloud.bootstrapped.projects);
    const fresh = await cloud.identity.resetPassword('demo');
    await refusedToken(demo);
    fault(await cloud.login({ identity: passwordOf('demo', cloud.passwords.demo) }), 401, 'Unauthorized');
    assert.equal((await cloud.login({ identity: passwordOf('demo', fresh) })).status, 201);
    const id = (await cloud.ask(admin, 'GET', '/v3/users?name=demo')).body.users[0].id;
    await cloud.ask(admin, 'PATCH', `/v3/users/${id}`, { user: { password: cloud.passwords.demo } });
  });

  it('gives the way back in to an administrator who has shut himself out', async () => {
    const other = await startIdentity();
    try {
      const login = async (password: string) => {
        const scope = { project: { name: 'admin', domain: { id: 'default' } } };
        const reply = await other.login({ identity: passwordOf('admin', password), scope });
        assert.equal(reply.status, 201, JSON.stringify(reply.body));
        return { token: reply.headers.get('X-Subject-Token') ?? '', ...reply.body.token };
      };
      const ask = async (token: string, method: string, path: string, body?: unknown) => {
        const { status, body: said } = await other.ask(token, method, path, body);
        assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(said)}`);
      };
      const { token, user } = await login(other.passwords.admin);
      await ask(token, 'DELETE', `/v3/users/${user.id}`);
      // a start makes no users beside those that are left, and goes on
      assert.equal((await other.identity.ensureBootstrap()).passwords, null);
      const anew = await login(await other.identity.resetPassword('admin'));
      assert.ok(anew.roles.some(({ name }: { name: string }) => name === 'admin'));

      const [{ id: roleId }] = (await other.ask(anew.token, 'GET', '/v3/roles?name=admin')).body.roles;
      await ask(anew.token, 'DELETE', `/v3/system/users/${anew.user.id}/roles/${roleId}`);
      await ask(anew.token, 'PATCH', `/v3/projects/${anew.project.id}`, { project: { enabled: false } });
      const last = await login(await other.identity.resetPassword('admin'));
      await ask(last.token, 'GET', '/v3/users');
    } finally {
      await other.stop();
    }
  });

  it('never answers 5xx, whatever JSON comes', async () => {
    const ids = fc.constantFrom('default', 'x', '%00', '%F0%9F%98%80', 'a%2Fb', `${'y'.repeat(300)}`);
    const nouns = fc.constantFrom(
      ...['auth/tokens', 'users', 'projects', 'domains', 'roles', 'users/ID', 'projects/ID', 'domains/ID', 'roles/ID'],
      ...['users/ID/password', 'users/ID/application_credentials', 'users/ME/application_credentials'],
      ...['projects/ID/users/ID/roles/ID', 'roles/ID/implies/ID', 'system/users/ID/roles', 'role_assignments', 'nix'],
    );
    const me = (await authenticate(demo)).userId;
    const words = fc.constantFrom(
      ...[
        'auth',
        'identity',
        'methods',
        'password',
        'user',
        'name',
        'id',
        'domain',
        'scope',
        'project',
        'token',
        'role',
      ],
      ...['application_credential', 'secret', 'enabled', 'options', 'tags', 'description', 'expires_at', '__proto__'],
    );
    const leaf = fc.oneof(
      fc.constantFrom<unknown>('password', 'default', 'admin', 'token', true, null, 0, ''),
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.double(),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        leaf,
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(words, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    const wrapped = fc.oneof(
      tree,
      fc
        .tuple(
          fc.constantFrom('user', 'project', 'domain', 'role', 'application_credential'),
          fc.dictionary(words, tree),
        )
        .map(([noun, value]) => ({ [noun]: { name: `n${Math.random()}`, ...value } })),
      tree.map((identity) => ({ auth: { identity } })),
      fc
        .tuple(tree, tree)
        .map(([user, scope]) => ({ auth: { identity: { methods: ['password'], password: { user } }, scope } })),
    );
    const methods = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD');
    await fc.assert(
      fc.asyncProperty(
        nouns,
        ids,
        methods,
        wrapped,
        fc.boolean(),
        fc.string(),
        async (noun, id, method, body, isAdmin, q) => {
          const path = `/v3/${noun.replaceAll('ID', id).replaceAll('ME', me)}?${encodeURIComponent(q)}&name=${encodeURIComponent(q)}`;
          const isBare = method === 'GET' || method === 'HEAD';
          const token = isAdmin ? admin : demo;
          // an administrator may break what the other tests stand on
          if (isAdmin && id === 'default' && method !== 'GET') return;
          const reply = await cloud.ask(token, method, path, isBare ? undefined : JSON.stringify(body));
          assert.ok(reply.status < 500, `${method} ${path} ${JSON.stringify(body)}: ${reply.status}`);
        },
      ),
      { numRuns: 600 },
    );
  });
});

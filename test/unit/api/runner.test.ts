import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { closed, multi, noQuery, query, text, wrapped } from '../../../src/api/parameters.ts';
import { type Call, resource, route } from '../../../src/api/resource.ts';
import { conflict, Fault, overLimit } from '../../../src/base/errors.ts';
import { versioned } from '../../../src/base/history.ts';
import { type Routes, startRoutes } from '../../support/routes.ts';

const ADMIN_ONLY = 'os_compute_api:os-services:list';
const body = wrapped('thing', closed({ name: { type: 'string', maxLength: 5 } }, ['name']));

const routes = resource({
  'POST /things': route()({
    summary: 'Everything at once.',
    policy: ADMIN_ONLY,
    since: '2.10',
    until: '2.90',
    body,
    query: query({ a: multi(text) }, 'strict'),
    status: versioned(201, ['2.20', 202]),
    run: (call: Call) => call.body,
    view: (given) => given,
  }),
  'GET /things': [
    route()({ summary: 'Old.', policy: null, until: '2.9', status: 200, run: () => 'old', view: (word) => ({ word }) }),
    route()({
      summary: 'New.',
      policy: null,
      since: '2.10',
      status: 200,
      run: () => 'new',
      view: (word) => ({ word }),
    }),
  ],
  'GET /queries': route()({
    summary: 'Says what it was asked.',
    policy: null,
    query: query({ a: multi(text) }, 'lenient'),
    status: 200,
    run: (call: Call) => call.query,
    view: (asked) => asked,
  }),
  'GET /strict': route()({
    summary: 'Strict from 2.102.',
    policy: null,
    query: noQuery,
    status: 200,
    run: () => null,
    view: () => ({}),
  }),
  'DELETE /things/:id': route()({ summary: 'Says nothing.', policy: null, status: 204, run: () => {} }),
  'POST /things/:id/action#void': route()({ summary: 'Says nothing.', policy: null, status: 202, run: () => {} }),
  'POST /things/:id/action#lost': route()({
    summary: 'Gone.',
    policy: null,
    gone: true,
    until: '2.5',
    status: 410,
    run: () => {},
  }),
  'GET /gone': route()({ summary: 'Gone.', policy: null, gone: true, status: 410, run: () => {} }),
  'GET /users/:user_id': route()({
    summary: 'About a user.',
    policy: 'os_compute_api:os-keypairs:show',
    about: ({ params }) => ({ user_id: params['user_id'] }),
    status: 200,
    run: (call: Call) => call.allows('os_compute_api:os-keypairs:show'),
    view: (allowed) => ({ allowed }),
  }),
  'GET /rights': route()({
    summary: 'Asks in the handler.',
    policy: null,
    status: 200,
    run: (call: Call) => call.enforce(ADMIN_ONLY),
    view: () => ({}),
  }),
  'GET /faults/:kind': route()({
    summary: 'Fails.',
    policy: null,
    status: 200,
    run: ({ params }: Call) => {
      if (params['kind'] === 'conflict') throw conflict('busy');
      if (params['kind'] === 'limit') throw overLimit('slow down', { retryAfterSeconds: 7 });
      if (params['kind'] === 'unavailable') throw new Fault('unavailable', 'later', { retryAfterSeconds: 3 });
      throw new Error('a secret');
    },
  }),
});

let api: Routes;
before(async () => {
  api = await startRoutes(routes);
});
after(() => api.close());

describe('the order of checks', () => {
  const good = { thing: { name: 'x' } };
  const bad = { thing: { name: 'too long' } };
  const wrongProject = '/v2.1/0000000000000000000000000000071e/things';

  // each request has the fault named and all the later ones
  const cases: readonly [string, number, RegExp, string, Parameters<Routes['ask']>[2]][] = [
    ['no token', 401, /requires authentication/, wrongProject, { as: null, version: '9', body: '{' }],
    ['a bad token', 401, /requires authentication/, wrongProject, { as: 'nobody', version: '9', body: '{' }],
    ['no route', 404, /The resource could not be found/, '/v2.1/nothing', { version: '9', body: '{' }],
    [
      'a version that is none',
      400,
      /API Version String 9 is of invalid format/,
      wrongProject,
      { version: '9', body: '{', headers: { 'Content-Type': 'text/xml' } },
    ],
    [
      'a version out of range',
      406,
      /Version 2\.999 is not supported by the API. Minimum is 2\.1 and maximum is 2\.104/,
      wrongProject,
      { version: '2.999', body: '{', headers: { 'Content-Type': 'text/xml' } },
    ],
    ['a content type', 415, /text\/xml/, wrongProject, { body: '{', headers: { 'Content-Type': 'text/xml' } }],
    ['no JSON', 400, /Malformed request body/, wrongProject, { body: '{' }],
    ['another project', 400, /project_id/, wrongProject, { body: bad }],
    ['a version without the route', 404, /"The resource could not be found\."/, '/v2.1/things?b=1', { body: bad }],
    [
      'a later version without it',
      404,
      /The resource could not be found/,
      '/v2.1/things?b=1',
      { body: bad, version: '2.91' },
    ],
    ['a bad body', 400, /field\/attribute name/, '/v2.1/things?b=1', { body: bad, version: '2.10' }],
    ['a bad query', 400, /'b' was unexpected/, '/v2.1/things?b=1', { body: good, version: '2.10' }],
    [
      'policy',
      403,
      /Policy doesn't allow os_compute_api:os-services:list to be performed/,
      '/v2.1/things?a=1',
      { body: good, version: '2.10' },
    ],
  ];
  for (const [title, status, words, path, options] of cases) {
    it(`${title}: ${status}`, async () => {
      const answer = await api.ask('POST', path, {
        ...options,
        headers: { Accept: 'application/json', ...options?.headers },
      });
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.text, words);
    });
  }

  it('and nothing wrong', async () => {
    const answer = await api.ask('POST', '/v2.1/things?a=1', { as: 'admin', body: good, version: '2.19' });
    assert.equal(answer.status, 201);
    assert.deepEqual(answer.body, good);
    assert.equal((await api.ask('POST', '/v2.1/things', { as: 'admin', body: good, version: '2.20' })).status, 202);
  });
});

describe('versions', () => {
  it('a route that changed is two with disjoint spans', async () => {
    const word = async (version?: string) =>
      (await api.ask('GET', '/v2.1/things', version === undefined ? {} : { version })).body.word;
    assert.equal(await word(), 'old');
    assert.equal(await word('2.9'), 'old');
    assert.equal(await word('2.10'), 'new');
    assert.equal(await word('latest'), 'new');
  });

  it('both headers are read, the newer one first; other services do not count', async () => {
    const told = async (headers: Record<string, string>) =>
      (await api.ask('GET', '/v2.1/queries', { headers })).headers['openstack-api-version'];
    assert.equal(await told({}), 'compute 2.1');
    assert.equal(await told({ 'X-OpenStack-Nova-API-Version': '2.30' }), 'compute 2.30');
    assert.equal(
      await told({ 'X-OpenStack-Nova-API-Version': '2.30', 'OpenStack-API-Version': 'compute 2.40' }),
      'compute 2.40',
    );
    assert.equal(await told({ 'OpenStack-API-Version': 'volume 3.9, COMPUTE 2.50' }), 'compute 2.50');
    assert.equal(await told({ 'OpenStack-API-Version': 'volume 3.9' }), 'compute 2.1');
    assert.equal(
      (await api.ask('GET', '/v2.1/queries', { headers: { 'X-OpenStack-Nova-API-Version': '' } })).status,
      400,
    );
    assert.equal((await api.ask('GET', '/v2.1/queries', { version: 'LATEST' })).status, 400);
  });

  it('headers of version, Vary and request id stand on answers and on faults', async () => {
    for (const path of ['/v2.1/queries', '/v2.1/faults/conflict', '/v2.1/faults/bug', '/v2.1/rights', '/v2.1/gone']) {
      const { headers } = await api.ask('GET', path, { version: '2.33' });
      assert.equal(headers['openstack-api-version'], 'compute 2.33', path);
      assert.equal(headers['x-openstack-nova-api-version'], '2.33');
      assert.match(headers['vary'] as string, /OpenStack-API-Version/);
      assert.match(headers['vary'] as string, /X-OpenStack-Nova-API-Version/);
      assert.match(headers['x-openstack-request-id'] as string, /^req-[0-9a-f-]{36}$/);
      assert.equal(headers['x-compute-request-id'], headers['x-openstack-request-id']);
    }
  });

  it('but not where the version could not be read', async () => {
    const { headers } = await api.ask('GET', '/v2.1/queries', { version: 'x' });
    assert.equal(headers['openstack-api-version'], undefined);
  });

  it('what was removed is 410 where it existed and 404 where it did not', async () => {
    const gone = await api.ask('GET', '/v2.1/gone', { version: '2.50' });
    assert.equal(gone.status, 410);
    assert.equal(gone.body.computeFault.code, 410);
    const lost = (version: string) => api.ask('POST', '/v2.1/things/1/action', { body: { lost: null }, version });
    assert.equal((await lost('2.5')).status, 410);
    assert.equal((await lost('2.6')).status, 404);
  });
});

describe('queries', () => {
  it('keep all values of a parameter and lose what a lenient schema does not know', async () => {
    const { body: asked } = await api.ask('GET', '/v2.1/queries?a=1&b=2&a=&__proto__=x&a=%C3%A9+z');
    assert.deepEqual(asked, { a: ['1', '', 'é z'] });
  });

  it('unknown parameters are refused from the version at which a schema became strict', async () => {
    assert.equal((await api.ask('GET', '/v2.1/strict?x=1', { version: '2.101' })).status, 200);
    assert.equal((await api.ask('GET', '/v2.1/strict?x=1', { version: '2.102' })).status, 400);
  });
});

describe('the old endpoint', () => {
  it('knows no versions and drops what it does not know', async () => {
    const { status, body: given } = await api.ask('GET', '/v2/things', { version: '2.50' });
    assert.equal(status, 200);
    assert.equal(given.word, 'old');
    const { headers } = await api.ask('GET', '/v2/queries');
    assert.equal(headers['openstack-api-version'], undefined);
  });
});

describe('answers', () => {
  it('without a body have none, whatever their status', async () => {
    const removed = await api.ask('DELETE', '/v2.1/things/1');
    assert.deepEqual([removed.status, removed.text], [204, '']);
    const accepted = await api.ask('POST', '/v2.1/things/1/action', { body: { void: null } });
    assert.deepEqual([accepted.status, accepted.text], [202, '']);
    assert.equal(accepted.headers['content-type'], undefined);
  });

  it('of faults are Nova’s envelope', async () => {
    assert.deepEqual((await api.ask('GET', '/v2.1/faults/conflict')).body, {
      conflictingRequest: { code: 409, message: 'busy' },
    });
    const limited = await api.ask('GET', '/v2.1/faults/limit');
    assert.deepEqual(limited.body, { overLimit: { code: 429, message: 'slow down', retryAfter: '7' } });
    assert.equal(limited.headers['retry-after'], '7');
    const later = await api.ask('GET', '/v2.1/faults/unavailable');
    assert.deepEqual(later.body, { serviceUnavailable: { code: 503, message: 'later' } });
    assert.equal(later.headers['retry-after'], '3');
    assert.equal(later.headers['content-type'], 'application/json; charset=UTF-8');
  });

  it('to what nobody expected tell nothing of it', async () => {
    const { status, text: answer } = await api.ask('GET', '/v2.1/faults/bug');
    assert.equal(status, 500);
    assert.match(answer, /computeFault/);
    assert.doesNotMatch(answer, /secret/);
  });

  it('without a token is in Keystone’s words and says where Keystone is', async () => {
    const answer = await api.ask('GET', '/v2.1/queries', { as: null });
    assert.equal(answer.status, 401);
    assert.equal(answer.body.error.code, 401);
    assert.match(answer.headers['www-authenticate'] as string, /^Keystone uri=/);
  });

  it('a body over the limit is 413, one too deep or beyond JSON is 400', async () => {
    const post = (sent: string) => api.ask('POST', '/v2.1/things', { as: 'admin', version: '2.10', body: sent });
    assert.equal((await post(JSON.stringify({ thing: { name: 'x'.repeat(120_000) } }))).status, 413);
    assert.equal((await post('['.repeat(5_000) + ']'.repeat(5_000))).status, 400);
    assert.equal((await post('{"thing": NaN}')).status, 400);
    assert.equal((await post('')).status, 400);
  });
});

describe('rules', () => {
  it('about what a request names are compared with it', async () => {
    const ask = (user: string, as: string) => api.ask('GET', `/v2.1/users/${user}`, { as });
    assert.deepEqual((await ask('member-user', 'member')).body, { allowed: true });
    assert.equal((await ask('member-user', 'other')).status, 403);
    assert.deepEqual((await ask('member-user', 'admin')).body, { allowed: true });
  });

  it('asked in a handler give the same 403', async () => {
    assert.equal((await api.ask('GET', '/v2.1/rights')).status, 403);
    assert.equal((await api.ask('GET', '/v2.1/rights', { as: 'admin' })).status, 200);
  });
});

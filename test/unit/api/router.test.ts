import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Call, type Route, type RouteKey, resource, route } from '../../../src/api/resource.ts';
import { makeSegmentRouter } from '../../../src/api/router.ts';
import { callers } from '../../support/callers.ts';
import { type Routes, startRoutes } from '../../support/routes.ts';

/** A route that answers with its name and what it was called with. */
const named = (name: string): Route =>
  route()({
    summary: name,
    policy: null,
    status: 200,
    run: (call: Call) => call,
    view: ({ params, query, url, body }: Call) => ({ name, params, query, url, body }),
  });

const keys: readonly RouteKey[] = [
  'GET /things',
  'POST /things',
  'GET /things/detail',
  'GET /things/:thing_id',
  'DELETE /things/:thing_id',
  'GET /things/:thing_id/parts/:part_id',
  'GET /things/:thing_id/parts/all',
  'POST /things/:thing_id/action#turn',
  'POST /things/:thing_id/action#os-stop',
  'GET /os-others',
  'GET /abc/:id',
];

let api: Routes;
const project = callers.member.projectId as string;
const table = resource(Object.fromEntries(keys.map((key) => [key, named(key)])) as Record<RouteKey, Route>);

describe('the router', () => {
  before(async () => {
    api = await startRoutes(table);
  });
  after(() => api.close());

  const found: readonly [string, string, RouteKey, object][] = [
    ['GET', '/things', 'GET /things', {}],
    ['POST', '/things', 'POST /things', {}],
    ['GET', '/things/detail', 'GET /things/detail', {}],
    ['GET', '/things/1', 'GET /things/:thing_id', { thing_id: '1' }],
    ['GET', '/things/detail2', 'GET /things/:thing_id', { thing_id: 'detail2' }],
    ['GET', '/things/1.json', 'GET /things/:thing_id', { thing_id: '1.json' }],
    ['GET', '/things/a%20b', 'GET /things/:thing_id', { thing_id: 'a b' }],
    ['GET', '/things/%C3%A9', 'GET /things/:thing_id', { thing_id: 'é' }],
    ['GET', '/things/hw:cpu+x', 'GET /things/:thing_id', { thing_id: 'hw:cpu+x' }],
    ['GET', '/things/100%25', 'GET /things/:thing_id', { thing_id: '100%' }],
    ['GET', '/things/%2525', 'GET /things/:thing_id', { thing_id: '%25' }],
    ['GET', '/%74hings/1', 'GET /things/:thing_id', { thing_id: '1' }],
    ['DELETE', '/things/1', 'DELETE /things/:thing_id', { thing_id: '1' }],
    ['GET', '/things/1/parts/2', 'GET /things/:thing_id/parts/:part_id', { thing_id: '1', part_id: '2' }],
    ['GET', '/things/1%2Fparts%2F2', 'GET /things/:thing_id/parts/:part_id', { thing_id: '1', part_id: '2' }],
    ['GET', '/things/1/parts/all', 'GET /things/:thing_id/parts/all', { thing_id: '1' }],
    ['GET', '/things/a%3Fb%23c', 'GET /things/:thing_id', { thing_id: 'a?b#c' }],
    ['GET', '/abc/1', 'GET /abc/:id', { id: '1' }],
  ];
  for (const [method, path, key, params] of found) {
    for (const prefix of ['', `/${project}`]) {
      it(`${method} ${prefix === '' ? '' : '/{project}'}${path} is ${key}`, async () => {
        const { status, body } = await api.ask(method, `/v2.1${prefix}${path}`);
        assert.equal(status, 200);
        assert.equal(body.name, key);
        assert.deepEqual(body.params, params);
      });
    }
  }

  const missing: readonly [string, string][] = [
    ['GET', '/things/'],
    ['GET', '/things/1/'],
    ['GET', '/Things'],
    ['GET', '/things/1/parts'],
    ['PUT', '/things/1'],
    ['PATCH', '/things'],
    ['HEAD', '/things'],
    ['GET', '/os-nothing'],
    ['GET', '/__proto__'],
    ['GET', '/things//1'],
    ['POST', '/things/1/actions'],
  ];
  for (const [method, path] of missing) {
    it(`${method} ${path} fits no route: the framework's page, with a request id and no version`, async () => {
      const answer = await api.ask(method, `/v2.1${path}`, { headers: { Accept: 'application/json' } });
      assert.equal(answer.status, 404);
      if (method !== 'HEAD') {
        assert.equal(answer.body.code, '404 Not Found');
        assert.equal(answer.body.title, 'Not Found');
      }
      assert.match(answer.headers['x-openstack-request-id'] as string, /^req-/);
      assert.equal(answer.headers['openstack-api-version'], undefined);
      const page = await api.ask(method, `/v2.1${path}`, { headers: { Accept: '*/*' } });
      assert.match(page.headers['content-type'] as string, /text\/html/);
    });
  }

  it('a doubled slash after the version is one', async () => {
    assert.equal((await api.ask('GET', '/v2.1//things')).body.name, 'GET /things');
    assert.equal((await api.ask('GET', `/v2.1/${project}//things`)).status, 404);
  });

  it('a path that cannot be decoded is matched as it stands', async () => {
    const { status, body } = await api.ask('GET', '/v2.1/things/%FF');
    assert.equal(status, 200);
    assert.equal(body.params.thing_id, '%FF');
  });

  it('links keep the project id where the URL has one, and the mount', async () => {
    const root = api.url.replace('/compute', '');
    const others = { image: `${root}/image`, consoles: `${root}/console` };
    const plain = await api.ask('GET', '/v2.1/things/1');
    assert.deepEqual(plain.body.url, {
      ...others,
      service: api.url,
      versioned: `${api.url}/v2.1`,
      bookmark: api.url,
      path: '/things/1',
    });
    const long = await api.ask('GET', `/v2/${project}/things/1`);
    assert.deepEqual(long.body.url, {
      ...others,
      service: api.url,
      versioned: `${api.url}/v2/${project}`,
      bookmark: `${api.url}/${project}`,
      path: '/things/1',
    });
  });

  it("somebody else's project id is refused after the route was found", async () => {
    const strange = callers.other.projectId as string;
    const { status, body } = await api.ask('GET', `/v2.1/${strange}/things`);
    assert.equal(status, 400);
    assert.equal(
      body.badRequest.message,
      `Malformed request URL: URL's project_id '${strange}' doesn't match Context's project_id '${project}'`,
    );
    assert.equal((await api.ask('GET', `/v2.1/${strange}/nothing`)).status, 404);
  });

  it('actions are told apart by the only key of the body', async () => {
    const act = async (body: unknown) => {
      const answer = await api.ask('POST', '/v2.1/things/1/action', { body });
      return answer.status === 200 ? answer.body.name : [answer.status, answer.body?.badRequest?.message];
    };
    assert.equal(await act({ turn: null }), 'POST /things/:thing_id/action#turn');
    assert.equal(await act({ 'os-stop': {} }), 'POST /things/:thing_id/action#os-stop');
    assert.deepEqual(await act({ fly: 1 }), [400, 'There is no such action: fly']);
    assert.deepEqual(await act({ constructor: 1 }), [400, 'There is no such action: constructor']);
    assert.equal((await act({ turn: 1, 'os-stop': 1 }))[0], 400);
    assert.equal((await act({}))[0], 400);
    assert.equal((await act([]))[0], 400);
    assert.equal((await act('"turn"'))[0], 400);
  });

  it('OPTIONS is 200 with nothing, without a token', async () => {
    const answer = await api.ask('OPTIONS', '/v2.1/things', { as: null });
    assert.equal(answer.status, 200);
    assert.equal(answer.text, '');
  });

  it('knows its first segments and no other', () => {
    const router = makeSegmentRouter(table, async () => {});
    assert.ok(router.knows('things') && router.knows('os-others') && router.knows('abc'));
    assert.ok(!router.knows('') && !router.knows('servers') && !router.knows('constructor'));
  });
});

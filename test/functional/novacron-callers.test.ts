// Who asks at NovaCron's API: a token in either header, an application credential, and, where the operator lets them, programs of this machine.

import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Fault } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { Auth, Login } from '../../src/client/login.ts';
import { Refusal } from '../../src/client/refusal.ts';
import { makeCallers } from '../../src/faces/novacron/callers.ts';
import { isFromThisMachine } from '../../src/faces/novacron/loopback.ts';
import { type Faced, startNovacron } from '../support/novacron.ts';

const login = (token: string, project = 'p', expiresAt = Number.NaN): Login => ({
  ...{ token, expiresAt, project: { id: project, name: project } },
  urlOf: () => '',
});
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe("callers of NovaCron's API", () => {
  let face: Faced;
  const asked: Auth[] = [];
  let logins = 0;
  /** Tokens that the compute API does not take any more. */
  const dead = new Set<string>();

  const compute: RequestListener = (request, response) => {
    const token = String(request.headers['x-auth-token']);
    response.writeHead(dead.has(token) ? 401 : 200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(dead.has(token) ? { error: { message: 'out' } } : { profiles: [] }));
  };

  before(async () => {
    face = await startNovacron({
      compute,
      own: { projectId: 'p', credential: { id: 'own', secret: 's' } },
      async logIn(auth) {
        asked.push(auth);
        if (auth['application_credential_secret'] !== 's') throw new Refusal(401, 'no such credential');
        return login(`token-${(logins += 1)}`);
      },
    });
  });
  after(() => face?.close());
  beforeEach(() => {
    asked.length = 0;
    face.take();
  });

  const ask = (headers: Record<string, string>, own = false) =>
    (own ? face.own : face.server).send('GET', '/api/v1/performance/profiles', headers);
  const tokens = (): (string | undefined)[] => face.take().map(({ token }) => token);

  it('bring a token in either header', async () => {
    assert.equal((await ask({ 'X-Auth-Token': 'a' })).status, 200);
    assert.equal((await ask({ Authorization: 'Bearer b' })).status, 200);
    assert.equal((await ask({ Authorization: 'Token t' })).status, 200);
    assert.equal((await ask({ 'X-Auth-Token': 'a', Authorization: basic('id:s') })).status, 200);
    assert.deepEqual([tokens(), asked], [['a', 'b', 't', 'a'], []]);
    for (const Authorization of ['Bearer', 'Digest x', 'Basic !', basic('id'), basic('id:'), basic(':s'), '']) {
      assert.equal((await ask({ Authorization })).status, 401, Authorization);
    }
    assert.deepEqual([tokens(), asked], [[], []]);
  });

  it('or an application credential, for which a token is had once', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => ask({ Authorization: basic('id:s') })));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
    assert.deepEqual([new Set(tokens()), asked.length], [new Set(['token-1']), 1]);
    dead.add('token-1');
    assert.equal((await ask({ Authorization: basic('id:s') })).status, 401);
    assert.equal((await ask({ Authorization: basic('id:s') })).status, 200, 'one that is no good is not given again');
    assert.equal(asked.length, 2);
  });

  it('and are refused again each time with a wrong one', async () => {
    for (const count of [1, 2]) {
      const { status, body } = await ask({ Authorization: basic('id:wrong') });
      assert.deepEqual([status, body.error.message, asked.length], [401, 'no such credential', count]);
    }
    assert.deepEqual(tokens(), []);
  });

  it('of this machine do without one at the port for them alone, and no page or proxy does', async () => {
    assert.equal((await ask({})).status, 401, 'not at the port of all');
    assert.equal((await ask({}, true)).status, 200);
    assert.deepEqual(asked, [{ application_credential_id: 'own', application_credential_secret: 's' }]);
    assert.equal((await ask({ 'X-Auth-Token': 'a' }, true)).status, 200);
    assert.deepEqual(tokens().at(-1), 'a', 'who brings a token is who it says');
    assert.equal((await ask({ Authorization: 'nonsense' }, true)).status, 401, 'who brings a bad one is nobody');
    for (const [header, value] of Object.entries({
      Host: 'cloud.example.org',
      Origin: 'https://evil.example.org',
      'X-Forwarded-For': '127.0.0.1',
      Forwarded: 'for=127.0.0.1',
      Via: '1.1 proxy',
      'X-Real-IP': '127.0.0.1',
      'Sec-Fetch-Site': 'cross-site',
    })) {
      assert.equal((await ask({ [header]: value }, true)).status, 401, header);
    }
    const { host } = new URL(face.own.url);
    assert.equal(
      (await ask({ Host: host, Origin: `http://${host}`, 'Sec-Fetch-Site': 'same-origin' }, true)).status,
      200,
    );
  });
});

describe('a request of this machine', () => {
  const seen = (remoteAddress: string, localAddress: string, host: string): boolean =>
    isFromThisMachine({ headers: { host }, socket: { remoteAddress, localAddress } as never });

  it('comes from a loopback address to one, by a name that is only ours', () => {
    for (const host of ['localhost', 'LOCALHOST:8080', '127.0.0.1:8080', '[::1]:8080'])
      assert.ok(seen('127.0.0.1', '127.0.0.1', host), host);
    assert.ok(seen('::1', '::1', 'localhost') && seen('::ffff:127.0.0.1', '::ffff:127.0.0.1', 'localhost:1'));
    for (const host of ['', 'localhost.evil.org', 'evil.org', '127.0.0.1.evil.org', 'localhost:8080@evil.org'])
      assert.ok(!seen('127.0.0.1', '127.0.0.1', host), host);
    assert.ok(!seen('192.0.2.1', '127.0.0.1', 'localhost') && !seen('127.0.0.1', '192.0.2.1', 'localhost'));
    assert.ok(!seen('::ffff:192.0.2.1', '::1', 'localhost'));
  });
});

describe('a request that a proxy passed on', () => {
  it('is none of this machine, whichever header says so', () => {
    const socket = { remoteAddress: '127.0.0.1', localAddress: '127.0.0.1' } as never;
    for (const name of [
      ...['forwarded', 'via', 'x-real-ip', 'x-forwarded-for', 'x-forwarded-port', 'x-forwarded-server', 'x-client-ip'],
      ...[
        'x-forwarded-prefix',
        'x-original-forwarded-for',
        'true-client-ip',
        'cf-connecting-ip',
        'x-cluster-client-ip',
      ],
    ])
      assert.ok(!isFromThisMachine({ headers: { host: 'localhost', [name]: '1' }, socket }), name);
    assert.ok(isFromThisMachine({ headers: { host: 'localhost', 'x-auth-token': 't', accept: '*/*' }, socket }));
  });
});

describe('what is kept of credentials', () => {
  const request = (id: string) => ({ headers: { authorization: basic(`${id}:s`) } }) as never;

  it('is as much as its bound says, as long as the token is good, and nothing of another project', async () => {
    let now = 1_000_000;
    let logins = 0;
    const callers = makeCallers({
      clock: { ...systemClock, now: () => now },
      own: { projectId: 'other', credential: { id: 'own', secret: 's' } },
      wwwAuthenticateUri: 'https://keystone',
      logIn: async () => login(`t${(logins += 1)}`, 'p', now + limits.credentialTokenLeftMs + 5_000),
    });
    assert.equal(await callers.tokenOf(request('a'), '', false), 't1');
    now += 4_000;
    assert.equal(await callers.tokenOf(request('a'), '', false), 't1');
    now += 2_000;
    assert.equal(await callers.tokenOf(request('a'), '', false), 't2', 'it would not be good for much longer');
    for (let index = 0; index < limits.credentialTokens; index += 1)
      await callers.tokenOf(request(`b${index}`), '', false);
    const before = logins;
    await callers.tokenOf(request('a'), '', false);
    assert.equal(logins, before + 1, 'the oldest went');
    await assert.rejects(callers.tokenOf({ headers: {} } as never, '', true), /is not of novacron.loopback_project/);
    await assert.rejects(callers.tokenOf({ headers: {} } as never, '', false), (error: Fault) => {
      return error.headers['WWW-Authenticate'] === 'Keystone uri="https://keystone"';
    });
  });
});

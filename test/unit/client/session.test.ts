// A session is somebody who asks: by a token that runs out, by one that was brought, over the network or within the process.

import assert from 'node:assert/strict';
import type { IncomingMessage, RequestListener } from 'node:http';
import { describe, it } from 'node:test';
import type { Fault } from '../../../src/base/errors.ts';
import { cloudOfWords, wordsOfEnv } from '../../../src/client/clouds.ts';
import { fetchTransport } from '../../../src/client/fetch-transport.ts';
import { inProcessTransport } from '../../../src/client/in-process.ts';
import { logIn } from '../../../src/client/login.ts';
import type { Refusal } from '../../../src/client/refusal.ts';
import { borrowSession, openSession } from '../../../src/client/session.ts';
import { listen } from '../../support/http.ts';

interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly client: string | undefined;
  readonly body: unknown;
}

/** Identity and compute in a few lines: each token is good once after the first. */
function cloud() {
  const heard: Heard[] = [];
  let logins = 0;
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers, socket } = request;
      const text = Buffer.concat(chunks).toString();
      heard.push({ method, url, headers, client: socket.remoteAddress, body: text === '' ? null : JSON.parse(text) });
      const answer = (status: number, body: unknown, more = {}) => {
        response.writeHead(status, { 'Content-Type': 'application/json', ...more });
        response.end(JSON.stringify(body));
      };
      if (url === '/identity/v3/auth/tokens') {
        logins += 1;
        const endpoint = { interface: 'public', region_id: 'R', url: `http://${headers.host}/compute/v2.1/` };
        const catalog = [{ type: 'compute', endpoints: [endpoint] }];
        const token = { catalog, project: { id: 'p', name: 'P' }, expires_at: '2030-01-01T00:00:00Z' };
        return answer(201, { token }, { 'X-Subject-Token': `t${logins}` });
      }
      if (headers['x-auth-token'] === 't1') return answer(401, { error: { code: 401, message: 'out' } });
      if (url.endsWith('/late')) return answer(429, { overLimit: { message: 'slowly' } }, { 'Retry-After': '7' });
      if (url.endsWith('/page')) {
        response.writeHead(404, { 'Content-Type': 'text/html' });
        return response.end('<html><body><h1>404 Not Found</h1>\n  No image<br /></body></html>');
      }
      return answer(200, { asked: url });
    });
  };
  return { heard, listener };
}

const password = { username: 'u', password: 'p', project_name: 'P', user_domain_name: 'D', project_domain_name: 'D' };

describe('a session', () => {
  it('logs in again when its token has run out, over the network', async () => {
    const { heard, listener } = cloud();
    const server = await listen(listener);
    try {
      const auth = { ...password, auth_url: `${server.url}/identity` };
      const session = await openSession({ auth, region_name: 'R' }, fetchTransport);
      assert.deepEqual(await session.compute('GET', '/servers', undefined, '2.84'), { asked: '/compute/v2.1/servers' });
      assert.deepEqual(
        heard.map(({ url, headers }) => [url, headers['x-auth-token'], headers['openstack-api-version']]),
        [
          ['/identity/v3/auth/tokens', undefined, undefined],
          ['/compute/v2.1/servers', 't1', 'compute 2.84'],
          ['/identity/v3/auth/tokens', undefined, undefined],
          ['/compute/v2.1/servers', 't2', 'compute 2.84'],
        ],
      );
    } finally {
      await server.close();
    }
    const gone = { auth: { ...password, auth_url: `${server.url}/identity` } };
    await assert.rejects(openSession(gone), (error: Fault) => error.kind === 'unavailable');
  });

  it('asks within the process with the token that was brought, as its client, and keeps the words of refusals', async () => {
    const { heard, listener } = cloud();
    const urls = {
      compute: 'http://in/compute/v2.1',
      identity: '',
      image: 'http://in/image',
      network: '',
      novacron: '',
    };
    const transport = inProcessTransport(listener, '192.0.2.7');
    const session = borrowSession({ transport, token: 'mine', urls, headers: { 'X-OpenStack-Request-Id': 'req-1' } });
    const { status, body } = await session.ask('compute', { method: 'POST', path: '/servers?a=ü', body: { b: 1 } });
    assert.deepEqual([status, body], [200, { asked: '/compute/v2.1/servers?a=%C3%BC' }]);
    const [{ headers, client, body: sent, method }] = heard as [Heard];
    assert.deepEqual(
      [method, headers['x-auth-token'], headers['x-openstack-request-id'], headers.host, client, sent],
      ['POST', 'mine', 'req-1', 'in', '192.0.2.7', { b: 1 }],
    );
    await assert.rejects(session.compute('GET', '/late'), (error: Refusal) => {
      assert.deepEqual(
        [error.kind, error.status, error.words, error.retryAfterSeconds],
        ['overLimit', 429, 'slowly', 7],
      );
      return error.message === 'slowly (HTTP 429)';
    });
    await assert.rejects(session.ask('image', { method: 'GET', path: '/page' }), (error: Refusal) => {
      return error.kind === 'notFound' && error.words === 'No image';
    });
  });

  it('has its token by an application credential or by another token, too', async () => {
    const { heard, listener } = cloud();
    const transport = inProcessTransport(listener, '127.0.0.1');
    const login = await logIn(transport, 'http://in/identity/v3/', {
      application_credential_id: 'c',
      application_credential_secret: 's',
      project_name: 'not asked for',
    });
    assert.deepEqual(
      [login.token, login.project?.id, login.expiresAt, login.urlOf('compute')],
      ['t1', 'p', Date.UTC(2030, 0, 1), 'http://in/compute/v2.1'],
    );
    assert.throws(() => login.urlOf('image'), /no public image endpoint/);
    await logIn(transport, 'http://in/identity', { token: 'old', project_id: 'p' });
    const bodies = heard.map(({ body }) => (body as { auth: unknown }).auth);
    assert.deepEqual(bodies, [
      { identity: { methods: ['application_credential'], application_credential: { id: 'c', secret: 's' } } },
      { identity: { methods: ['token'], token: { id: 'old' } }, scope: { project: { id: 'p' } } },
    ]);
  });
});

describe('the words of a caller', () => {
  it('are a cloud where they name an address and a way to a token', () => {
    const env = { OS_AUTH_URL: 'http://in', OS_TOKEN: 't', OS_USERNAME: '', HOME: '/' };
    assert.deepEqual(cloudOfWords(wordsOfEnv(env), 'R'), {
      auth: { auth_url: 'http://in', token: 't' },
      region_name: 'R',
    });
    assert.equal(cloudOfWords({ auth_url: 'http://in', username: 'u' }), null);
    assert.equal(cloudOfWords({ token: 't' }), null);
  });
});

// What the relay to an operator's service passes on, whatever a caller writes into a request and whatever the service answers.

import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { novaEnvelope } from '../../../src/web/faults.ts';
import { makeRelay } from '../../../src/web/relay.ts';
import { eventually } from '../../support/serve.ts';

const listening = async (listener: (...of: Parameters<RequestListener>) => unknown): Promise<Server> => {
  const server = createServer((...of) => void listener(...of)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return server;
};
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

describe('the relay', async () => {
  let answer: RequestListener = (_request, response) => void response.end('{}');
  let seen: IncomingMessage[] = [];
  let address: string | null = null;
  const upstream = await listening((request, response) => {
    seen.push(request);
    answer(request, response);
  });
  const relay = makeRelay({
    ...{ service: 'image', envelope: novaEnvelope, clock: systemClock, log: silentLog },
    observer: { answered() {} },
    endpoint: async () => address ?? `http://127.0.0.1:${portOf(upstream)}/glance`,
    authenticate: async () => ({ userId: 'u', projectId: 'p' }) as never,
  });
  const front = await listening(relay.app.callback());
  const base = `http://127.0.0.1:${portOf(front)}`;
  beforeEach(() => {
    seen = [];
    answer = (_request, response) => void response.end('{}');
  });
  after(async () => {
    front.close();
    front.closeAllConnections();
    upstream.closeAllConnections();
    upstream.close();
    await relay.close();
  });

  /** The first line of the answer to a request as it is written. */
  const raw = (target: string, ...headers: string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const lines = [`GET ${target} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers];
      const socket = connect(portOf(front), '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n`));
      let text = '';
      socket.on('data', (piece) => (text += String(piece)));
      socket.on('end', () => resolve(text.split('\r\n', 1)[0] ?? ''));
      socket.on('error', reject);
    });

  it('passes on no path that leads out of the service', async () => {
    for (const target of [
      ...['/v2/../../admin', '/v2/images/..', '/v2/%2e%2e/x', '/v2/.%2E/x', '/./x', '/v2/..;/x'],
      ...['/v2\\..\\x', '/v2/x#/y', '/v2/%2e%2e%2fx', '/v2/..%5cx', '/v2/%2e%2e/x/%ff', '/v2/..%3b/x%c3'],
    ])
      assert.equal(await raw(target), 'HTTP/1.1 400 Bad Request', target);
    assert.deepEqual(seen, []);
  });

  it('names no other host than the service', async () => {
    await raw('http://elsewhere.example/v2/images?limit=1');
    await raw('//elsewhere.example/v2/images');
    assert.deepEqual(
      seen.map(({ url, headers }) => [url, headers.host]),
      [
        ['/glance/v2/images?limit=1', `127.0.0.1:${portOf(upstream)}`],
        ['/glance//elsewhere.example/v2/images', `127.0.0.1:${portOf(upstream)}`],
      ],
    );
  });

  it('keeps to itself what is of one connection', async () => {
    await raw('/v2/images', 'Connection: X-Of-This', 'X-Of-This: 1', 'X-Other: 2', 'TE: trailers');
    assert.equal(seen[0]?.headers['x-of-this'], undefined);
    assert.equal(seen[0]?.headers['te'], undefined);
    assert.equal(seen[0]?.headers['x-other'], '2');
  });

  it('tells the service nothing of other pages of this address, and nobody of its cookies', async () => {
    await raw('/v2/images', 'Cookie: sessionid=secret', 'Authorization: Basic c2VjcmV0', 'X-Forwarded-Host: evil');
    const { cookie, authorization, 'x-forwarded-host': host } = seen[0]?.headers ?? {};
    assert.deepEqual([cookie, authorization, host], [undefined, undefined, undefined]);
    answer = (_request, response) => void response.writeHead(200, { 'Set-Cookie': 'sessionid=mine' }).end('{}');
    assert.equal((await fetch(`${base}/v2/images`)).headers.get('set-cookie'), null);
  });

  it('breaks off where the service does', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'Content-Length': '1000' });
      response.write('half');
      setTimeout(() => response.destroy(), 50);
    };
    const got = fetch(`${base}/v2/images`, { signal: AbortSignal.timeout(5_000) }).then((given) => given.text());
    await assert.rejects(got, (error: Error) => error.name !== 'TimeoutError');
  });

  it('lets go of the service when the caller has gone', async () => {
    let isGone = false;
    answer = (request) => void request.socket.once('close', () => (isGone = true));
    const leaving = new AbortController();
    const got = fetch(`${base}/v2/images`, { signal: leaving.signal }).catch(() => null);
    await eventually('the request', 5_000, () => seen[0]);
    leaving.abort();
    await got;
    await eventually('the end', 5_000, () => isGone || null);
  });

  it('passes on what a header has beyond ASCII', async () => {
    answer = (request) =>
      void request.socket.end('HTTP/1.1 200 OK\r\nX-Name: Z\u00fcrich \u65e5\r\nContent-Length: 2\r\n\r\n{}');
    const { status } = await fetch(`${base}/v2/images`);
    assert.equal(status, 200);
  });

  it('says that the service cannot be asked, without its address, where it answers what is no HTTP', async () => {
    answer = (request) => void request.socket.end('220 smtp.internal.example ready\r\n');
    const given = await fetch(`${base}/v2/images`);
    assert.equal(given.status, 503);
    assert.doesNotMatch(await given.text(), /127\.0\.0\.1|smtp/);
  });

  it('says the same where the catalog has no address for it', async () => {
    address = 'http://[';
    const { status } = await fetch(`${base}/v2/images`);
    address = null;
    assert.equal(status, 503);
  });
});

// What an operator's service may answer: nothing of it costs more than a bounded time and memory.

import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Fault } from '../../../src/base/errors.ts';
import { systemCaller } from '../../../src/base/op.ts';
import { makeGlance } from '../../../src/cloud/glance.ts';
import { makeNeighbour } from '../../../src/cloud/neighbour.ts';
import { eventually } from '../../support/serve.ts';

describe('a neighbour that is out of its mind', () => {
  let answer: RequestListener;
  let asked = 0;
  let server: Server;
  let options: { endpoint: string; serviceToken: () => Promise<string>; timeoutMs: number };
  before(async () => {
    server = createServer((request, response) => {
      asked += 1;
      answer(request, response);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    options = { endpoint: `http://127.0.0.1:${port}`, serviceToken: async () => 'token', timeoutMs: 20_000 };
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const isUnavailable = (error: unknown): boolean => error instanceof Fault && error.kind === 'unavailable';

  it('is not listened to for ever', async () => {
    let isGone = false;
    const piece = Buffer.alloc(1024 * 1024, ' ');
    answer = (_request, response) => {
      const more = (): void => {
        if (!isGone) response.write(piece, more);
      };
      response.once('close', () => (isGone = true));
      more();
    };
    const neighbour = makeNeighbour('image', options);
    await assert.rejects(neighbour.ask(systemCaller, 'GET', '/v2/images'), isUnavailable);
    await eventually('the end of the connection', 5_000, () => isGone || null);
    await neighbour.close();
  });

  it('is given up where it breaks off, or says nothing of sense', async () => {
    const neighbour = makeNeighbour('image', { ...options, timeoutMs: 300 });
    const began = performance.now();
    for (const bad of [
      (_request, response) =>
        void response.writeHead(200, { 'Content-Length': '9' }).write('{', () => response.destroy()),
      (_request, response) => void response.writeHead(200, { 'Content-Length': '9' }).write('{'),
      () => undefined,
      (request) => void request.socket.end('220 mail\r\n'),
    ] satisfies RequestListener[]) {
      answer = bad;
      await assert.rejects(neighbour.ask(systemCaller, 'GET', '/v2/images'), isUnavailable);
    }
    assert.ok(performance.now() - began < 10_000);
    server.closeAllConnections();
    await neighbour.close();
  });

  it('is quoted at little cost, whatever page it answers with', async () => {
    const neighbour = makeNeighbour('image', options);
    for (const [page, words] of [
      [`<h1>400</h1>\n  No &quot;x&quot; here.<br /><br />`, 'No "x" here.'],
      [`<h1>400</h1>${' '.repeat(200_000)}`, ''],
      [`</h1>${' a'.repeat(100_000)}`.repeat(4), ''],
    ] as const) {
      answer = (_request, response) => void response.writeHead(400).end(page);
      const began = performance.now();
      assert.equal((await neighbour.ask(systemCaller, 'GET', '/v2/images')).message, words);
      assert.ok(performance.now() - began < 2_000);
    }
    await neighbour.close();
  });

  it('is sent a request again after a broken connection only if that is idempotent', async () => {
    const neighbour = makeNeighbour('image', options);
    answer = (request) => void request.socket.destroy();
    for (const [method, times] of [
      ['GET', 2],
      ['PUT', 2],
      ['DELETE', 2],
      ['POST', 1],
      ['PATCH', 1],
    ] as const) {
      const before = asked;
      const body = method === 'GET' || method === 'DELETE' ? undefined : {};
      await assert.rejects(neighbour.ask(systemCaller, method, '/v2/images/1', body), isUnavailable);
      assert.equal(asked - before, times, method);
    }
    await neighbour.close();
  });

  it('that the catalog has at no address is not asked', async () => {
    const neighbour = makeNeighbour('image', { ...options, endpoint: async () => 'http://[' });
    await assert.rejects(neighbour.ask(systemCaller, 'GET', '/v2/images'), isUnavailable);
    await neighbour.close();
  });

  it('is not asked for one empty page after the other', async () => {
    answer = (_request, response) => void response.end(JSON.stringify({ images: [], next: '/v2/images?marker=x' }));
    const glance = makeGlance(options);
    asked = 0;
    assert.deepEqual(await glance.list(systemCaller, { filters: {}, limit: 10, marker: null }), []);
    assert.equal(asked, 1);
    await glance.close();
  });
});

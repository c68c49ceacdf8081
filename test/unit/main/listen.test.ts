import assert from 'node:assert/strict';
import { request, type RequestListener } from 'node:http';
import { describe, it } from 'node:test';
import { limits } from '../../../src/base/limits.ts';
import { listen } from '../../../src/main/listen.ts';

/** Answers when told to. */
function slow() {
  let begun = (): void => undefined;
  const started = new Promise<void>((resolve) => (begun = resolve));
  let finish = (): void => undefined;
  const listener: RequestListener = (_request, response) => {
    finish = () => response.end('whole');
    begun();
  };
  return { listener, started, finish: () => finish() };
}

describe('the port', () => {
  it('lets requests wait until there is who answers them', async () => {
    const port = await listen('127.0.0.1', 0);
    const answer = fetch(port.url);
    await new Promise((resolve) => setTimeout(resolve, 50));
    port.answerWith((_request, response) => response.end('here'));
    assert.equal(await (await answer).text(), 'here');
    await port.close();
  });

  it('ends only when the requests under way have their answers, and takes no new ones', async () => {
    const port = await listen('127.0.0.1', 0);
    const { listener, started, finish } = slow();
    port.answerWith(listener);
    const answer = fetch(port.url);
    await started;
    let closed = false;
    const closing = port.close().then(() => (closed = true));
    await assert.rejects(fetch(port.url));
    assert.equal(closed, false);
    finish();
    assert.equal(await (await answer).text(), 'whole');
    await closing;
  });

  it('closes at once with an idle connection, and when closed twice', async () => {
    const port = await listen('127.0.0.1', 0);
    port.answerWith((_request, response) => response.end('here'));
    await (await fetch(port.url)).text();
    const before = performance.now();
    await Promise.all([port.close(), port.close()]);
    assert.ok(performance.now() - before < limits.httpGraceMs / 2);
  });

  it('cuts off requests that nobody will answer', async () => {
    const port = await listen('127.0.0.1', 0);
    const cut = new Promise((resolve) => request(port.url).once('error', resolve).end());
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = performance.now();
    await port.close();
    assert.ok(performance.now() - before < limits.httpGraceMs / 2);
    assert.match(String(await cut), /hang up|ECONNRESET/);
  });

  it('says what is wrong with an address that is taken', async () => {
    const port = await listen('127.0.0.1', 0);
    const taken = Number(new URL(port.url).port);
    await assert.rejects(listen('127.0.0.1', taken), /127\.0\.0\.1:\d+: another program listens there/);
    await port.close();
  });

  it('hands over what shall become a WebSocket, and answers any other wish to change as if it had none', async () => {
    const port = await listen('127.0.0.1', 0);
    port.answerWith((_request, response) => response.end('a page'), {
      takes: ({ url }) => url === '/here',
      take: (_request, socket) => socket.end('HTTP/1.1 418 Taken\r\nContent-Length: 0\r\n\r\n'),
    });
    const ask = (path: string, upgrade: string) =>
      new Promise<number>((resolve, reject) => {
        const headers = { Connection: 'Upgrade', Upgrade: upgrade };
        const asked = request(`${port.url}${path}`, { headers, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        asked.once('error', reject).end();
      });
    assert.equal(await ask('/here', 'WebSocket'), 418);
    assert.equal(await ask('/there', 'websocket'), 200);
    assert.equal(await ask('/here', 'h2c'), 200);
    await port.close();
  });
});

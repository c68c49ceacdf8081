// Against sockets, since what is bounded is what happens on them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { defaultBounds } from '../../../src/main/connections.ts';
import { listen, type Listening } from '../../../src/main/listen.ts';
import { limits } from '../../../src/base/limits.ts';
import { GIVES_PLACE_BACK } from '../../../src/web/place.ts';

const open: Listening[] = [];
after(() => Promise.all(open.map((port) => port.close())));

async function serve(bounds: Partial<typeof defaultBounds>, listener: RequestListener): Promise<Listening> {
  const port = await listen('127.0.0.1', 0, { ...defaultBounds, ...bounds });
  open.push(port);
  port.answerWith(listener);
  return port;
}

/** @param from an address of the loopback */
async function dial({ url }: Listening, from = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** What a connection says until it ends. */
async function lastWords(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (bytes) => (text += bytes.toString('latin1')));
  // `once` of node:events would end with the error of one that is reset
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const ONCE = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
/** After so long what was wrongly let through would have begun. */
const SETTLED_MS = 50;

describe('connections', () => {
  it('that are slow with the head of their request are cut, however busy they look', async () => {
    const port = await serve({ headMs: 200 }, (_request, response) => response.end('x'));
    const socket = await dial(port);
    socket.write('GET / HTTP/1.1\r\n');
    let lines = 0;
    const drip = setInterval(() => socket.write(`X-Line-${(lines += 1)}: 1\r\n`), 20);
    const began = performance.now();
    const words = await lastWords(socket).finally(() => clearInterval(drip));
    assert.match(words, /^HTTP\/1\.1 408 /);
    assert.ok(performance.now() - began < 5_000);
  });

  it('on which nothing moves are cut, but not while an answer is being made', async () => {
    let finish = (): void => undefined;
    const port = await serve({ idleMs: 100 }, (request, response) => {
      if (request.url === '/slow') finish = () => response.end('whole');
      else request.resume();
    });
    const upload = await dial(port);
    upload.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc');
    const slow = await dial(port);
    slow.write('GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const answer = lastWords(slow);
    await lastWords(upload);
    // twice as long as what was cut
    await new Promise((resolve) => setTimeout(resolve, 150));
    finish();
    assert.match(await answer, /whole$/);
  });

  /** Which bound two connections reach, and whether those of another address are refused then too. */
  const bounds = [
    ['of one address', { perAddress: 2, total: 10 }, false],
    ['of all', { perAddress: 10, total: 2 }, true],
  ] as const;
  for (const [whose, bound, forAll] of bounds) {
    it(`${whose} are bounded; what is refused is told so and may come again`, async () => {
      const port = await serve(bound, (_request, response) => response.end('x'));
      const ask = async (from?: string): Promise<string> => {
        const socket = await dial(port, from);
        socket.write(ONCE);
        return lastWords(socket);
      };
      const refusal = /^HTTP\/1\.1 503 [\s\S]*Retry-After: 1\r\n/;
      const [first] = [await dial(port), await dial(port)];
      assert.match(await ask(), refusal);
      assert.match(await ask('127.0.0.2'), forAll ? refusal : /^HTTP\/1\.1 200 /);
      first.destroy();
      let answer = '';
      for (let tries = 0; tries < 50 && !answer.startsWith('HTTP/1.1 200'); tries += 1) answer = await ask();
      assert.match(answer, /^HTTP\/1\.1 200 /);
    });
  }

  it("of proxies are many clients'", async () => {
    const port = await serve({ perAddress: 1, isExempt: (address) => address === '127.0.0.1' }, (_request, response) =>
      response.end('x'),
    );
    await dial(port);
    const second = await dial(port);
    second.write(ONCE);
    assert.match(await lastWords(second), /^HTTP\/1\.1 200 /);
  });

  it('of clients that ask and ask and read nothing hold one answer each; those that read have all, in order', async () => {
    const asked: string[] = [];
    const body = 'x'.repeat(8 * 1024 * 1024);
    const port = await serve({}, (request, response) => {
      asked.push(request.url ?? '');
      response.end(request.url?.startsWith('/big') === true ? body : request.url);
    });
    const deaf = await dial(port);
    deaf.pause();
    const requests = Array.from({ length: 20 }, (_, index) => `GET /big${index} HTTP/1.1\r\nHost: x\r\n\r\n`);
    deaf.write(requests.join(''));
    const polite = await dial(port);
    polite.write(
      ['/a', '/b', '/c']
        .map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n${path === '/c' ? 'Connection: close\r\n' : ''}\r\n`)
        .join(''),
    );
    assert.deepEqual(
      [...(await lastWords(polite)).matchAll(/\r\n\r\n(\/\w)/g)].map(([, path]) => path),
      ['/a', '/b', '/c'],
    );
    assert.deepEqual(
      asked.filter((path) => path.startsWith('/big')),
      ['/big0'],
    );
    deaf.destroy();
  });

  it('of one address have so many requests at work at once, and give their places on', async () => {
    const finish: (() => void)[] = [];
    const port = await serve({ requestsPerAddress: 2 }, (_request, response) =>
      finish.push(() => response.end('done')),
    );
    const answers = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const socket = await dial(port);
        socket.write(ONCE);
        return { socket, words: lastWords(socket) };
      }),
    );
    const begun = async (count: number): Promise<void> => {
      for (let look = 0; look < 200 && finish.length < count; look += 1)
        await new Promise((done) => setTimeout(done, 5));
      await new Promise((done) => setTimeout(done, SETTLED_MS));
      assert.equal(finish.length, count);
    };
    await begun(2);
    // one that waits and goes takes nobody's place
    answers.at(-1)?.socket.destroy();
    finish[0]?.();
    finish[1]?.();
    await begun(4);
    finish[2]?.();
    finish[3]?.();
    const ended = await Promise.all(answers.slice(0, 4).map(({ words }) => words));
    assert.deepEqual(
      ended.map((words) => words.endsWith('done')),
      [true, true, true, true],
    );
    assert.equal(finish.length, 4);
  });

  it('whose answers never end give their places back, once they are accepted', async () => {
    const port = await serve({ requestsPerAddress: 1, requestWaitMs: 200 }, (request, response) => {
      if (request.url !== '/stream') return response.end('done');
      response.write('hello');
      return response.emit(GIVES_PLACE_BACK);
    });
    const streams = await Promise.all([dial(port), dial(port)]);
    for (const socket of streams) {
      socket.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(socket, 'data');
    }
    const socket = await dial(port);
    socket.write(ONCE);
    assert.match(await lastWords(socket), /done$/);
    for (const stream of streams) stream.destroy();
  });

  it('that go away leave no request behind, whether it was at work, waited for its place or behind another', async () => {
    const ran: string[] = [];
    const port = await serve({ requestsPerAddress: 2 }, (request, response) => {
      ran.push(request.url ?? '');
      if (request.url === '/quick') response.end('quick');
    });
    const hold = async (path: string): Promise<Socket> => {
      const socket = await dial(port);
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\nGET /behind HTTP/1.1\r\nHost: x\r\n\r\n`);
      return socket;
    };
    const begun = async (count: number): Promise<void> => {
      const slow = () => ran.filter((path) => path === '/slow').length;
      for (let look = 0; look < 400 && slow() < count; look += 1) await new Promise((done) => setTimeout(done, 5));
      await new Promise((done) => setTimeout(done, SETTLED_MS));
      assert.equal(slow(), count);
    };
    // more than the share has places: with every one of them a place would be lost
    for (let round = 0; round < 5; round += 1) {
      const sockets = [await hold('/slow'), await hold('/slow')];
      await begun(2 * round + 2);
      // these wait for a place of the two; thousands that had gone once overflowed the stack
      const waiters = await Promise.all(Array.from({ length: 200 }, () => hold('/waits')));
      for (const socket of [...waiters, ...sockets]) socket.destroy();
    }
    const after = await dial(port);
    after.write('GET /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.match(await lastWords(after), /quick$/);
    assert.ok(!ran.includes('/behind'));
    // nothing is under way that a stop would wait for
    const began = performance.now();
    await port.close();
    assert.ok(performance.now() - began < limits.httpGraceMs / 2);
  });

  it('of a busy address have an answer in time, and whoever asks for its health has it at once', async () => {
    const port = await serve({ requestsPerAddress: 1, requestWaitMs: 200 }, (request, response) => {
      if (request.url === '/healthz') response.end('alive');
    });
    const busy = await dial(port);
    busy.write(GET);
    const waiter = await dial(port);
    waiter.write(GET);
    const probe = await dial(port);
    probe.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.match(await lastWords(probe), /alive$/);
    assert.match(await lastWords(waiter), /^HTTP\/1\.1 503 [\s\S]*Retry-After: 1\r\n/);
    busy.destroy();
  });

  it('on which too many requests wait are cut', async () => {
    const port = await serve({}, () => undefined);
    const socket = await dial(port);
    socket.write(GET.repeat(limits.httpPipelined + 2));
    assert.equal(await lastWords(socket), '');
  });
});

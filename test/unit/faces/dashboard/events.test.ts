import assert from 'node:assert/strict';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { limits } from '../../../../src/base/limits.ts';
import {
  type EventHub,
  hintFor,
  type Listener,
  makeEventHub,
  makeNews,
  type ServerChange,
} from '../../../../src/faces/dashboard/events.ts';
import { eventually } from '../../../support/serve.ts';

const WAIT_MS = 5_000;
const change = (id: string, atMs: number, projectId = 'p1'): ServerChange => ({ id, atMs, projectId });

describe('news of servers', () => {
  it('are told once, however often looks overlap, and again when there is something new', () => {
    const news = makeNews();
    assert.deepEqual(news([change('a', 10)], 0), [change('a', 10)]);
    assert.deepEqual(news([change('a', 10), change('b', 11)], 5), [change('b', 11)]);
    assert.deepEqual(news([change('a', 12), change('b', 11)], 5), [change('a', 12)]);
  });

  it('name the servers of the listener’s project alone, or of all to whoever may see all', () => {
    const all = [change('a', 1), change('b', 1, 'p2')];
    assert.deepEqual(hintFor({ projectId: 'p1' }, all), { ids: ['a'], more: false });
    assert.deepEqual(hintFor({ projectId: null }, all), { ids: ['a', 'b'], more: false });
    assert.equal(hintFor({ projectId: 'p3' }, all), null);
  });

  it('name so many and say that there are more', () => {
    const all = Array.from({ length: limits.dashboardHintIds + 1 }, (_, at) => change(`s${at}`, 1));
    const hint = hintFor({ projectId: 'p1' }, all);
    assert.equal(hint?.ids.length, limits.dashboardHintIds);
    assert.equal(hint?.more, true);
  });
});

describe('streams of news', () => {
  let hub: EventHub;
  let server: Server;
  let next: Listener;
  let refused = 0;
  let found: readonly ServerChange[] | null = [];
  let looks = 0;
  const failures: unknown[] = [];
  let may = true;
  /** Written to whoever joins: more than a client that does not read takes. */
  let flood = 0;
  let flooded = 0;
  /** A client goes while the service still looks who it is. */
  let late = false;
  let leavings = 0;

  before(async () => {
    hub = makeEventHub({
      find: async () => {
        looks += 1;
        if (found === null) throw new Error('the database is away');
        return found;
      },
      now: () => 1_000,
      failed: (error) => failures.push(error),
      tickMs: 20,
      heartbeatMs: 40,
    });
    server = createServer((request, response) => {
      if (late) {
        request.socket.once('close', () => {
          leavings += 1;
          setImmediate(() => hub.join(next, response));
        });
        return;
      }
      if (hub.join(next, response)) {
        if (flood > 0) {
          response.write(Buffer.alloc(flood));
          flooded += 1;
        }
        return;
      }
      refused += 1;
      response.writeHead(429).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => {
    hub.close();
    server.closeAllConnections();
    server.close();
  });

  async function listen(
    userId: string,
    projectId: string | null,
  ): Promise<{ text(): string; ended(): boolean; leave(): void }> {
    next = { userId, projectId, mayListen: async () => may };
    const { port } = server.address() as AddressInfo;
    const response = await new Promise<IncomingMessage>((resolve) => get({ port, host: '127.0.0.1' }, resolve));
    let [text, ended] = ['', false];
    response.setEncoding('utf8').on('data', (part: string) => (text += part));
    response.on('end', () => (ended = true)).on('error', () => (ended = true));
    return { text: () => text, ended: () => ended, leave: () => response.destroy() };
  }

  it('begin with a greeting, tell what changed by one look for all, and outlive a look that fails', async () => {
    const [one, two] = [await listen('u1', 'p1'), await listen('u2', 'p2')];
    await eventually(
      'greetings',
      WAIT_MS,
      () => (one.text().includes('hello') && two.text().includes('hello')) || null,
    );
    await eventually('a first look', WAIT_MS, () => looks > 1 || null);
    found = [change('a', 1_000)];
    await eventually('the news', WAIT_MS, () => one.text().includes('"ids":["a"]') || null);
    assert.ok(!two.text().includes('"a"'), 'of another project');
    found = null;
    await eventually('a failure', WAIT_MS, () => failures.length > 0 || null);
    found = [change('b', 1_001, 'p2')];
    await eventually('the news', WAIT_MS, () => two.text().includes('"ids":["b"]') || null);
    assert.equal(one.text().split('"a"').length, 2, 'told once');
    one.leave();
    two.leave();
    await eventually('nobody', WAIT_MS, () => hub.count() === 0 || null);
    const before = looks;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(looks, before, 'nobody listens, so nobody looks');
  });

  it('end for whoever may no longer listen', async () => {
    const one = await listen('u1', 'p1');
    may = false;
    await eventually('the end', WAIT_MS, () => one.ended() || null);
    assert.match(one.text(), /event: expired/);
    may = true;
  });

  it('are not kept for a client that went before it was known', async () => {
    next = { userId: 'u1', projectId: 'p1', mayListen: async () => may };
    late = true;
    const { port } = server.address() as AddressInfo;
    const request = get({ port, host: '127.0.0.1' }).on('error', () => {});
    setTimeout(() => request.destroy(), 50);
    await eventually('it went', WAIT_MS, () => leavings > 0 || null);
    await new Promise((resolve) => setTimeout(resolve, 20));
    late = false;
    assert.equal(hub.count(), 0);
  });

  it('are forgotten at their end, also where the client reads nothing', async () => {
    next = { userId: 'u1', projectId: 'p1', mayListen: async () => may };
    flood = 64 * 2 ** 20;
    may = false;
    const { port } = server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
    socket.pause().on('error', () => {});
    await eventually('it joins', WAIT_MS, () => flooded > 0 || null);
    flood = 0;
    await eventually('it is forgotten', WAIT_MS, () => hub.count() === 0 || null);
    // the next heartbeats, and the end of the process, have nothing to say to it
    await new Promise((resolve) => setTimeout(resolve, 150));
    may = true;
    socket.destroy();
  });

  it('are so many for one user, and end with the process', async () => {
    const all: Awaited<ReturnType<typeof listen>>[] = [];
    for (let at = 0; at < limits.dashboardStreamsPerUser; at += 1) all.push(await listen('u1', 'p1'));
    await listen('u1', 'p1');
    assert.equal(refused, 1);
    const other = await listen('u2', 'p1');
    hub.close();
    await eventually('goodbyes', WAIT_MS, () => [...all, other].every((one) => one.ended()) || null);
    assert.match(other.text(), /event: bye/);
  });
});

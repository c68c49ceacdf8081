// The addresses of consoles lead to consoles: over real WebSockets to what listens for a guest of the fake driver, within
// bounds, for those with a token and for pages of this cloud only.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import type { ConsoleProxyOptions } from '../../src/console/proxy.ts';
import { type Consoles, makeConsoles } from '../../src/main/consoles.ts';
import { listen, type Listening } from '../../src/main/listen.ts';
import { mount } from '../../src/web/mount.ts';
import { followConsoleToken } from '../../src/ops/index.ts';
import { type Viewer, view, type ViewerOptions } from '../support/consoles.ts';
import { eventually, type Service, startService } from '../support/serve.ts';
import { type Servers, startServers } from '../support/servers.ts';

const GREETING = 'RFB 003.008\n';
const PROMPT = 'web login: ';
const WIDE = { token: 100, user: 100, project: 100 };
const NO_TOKEN = /^Error: 404: Token not found$/;

interface Door {
  readonly url: string;
  close(): Promise<void>;
}

/** A proxy on a port of its own. */
async function openDoor(port: Listening, options: Omit<ConsoleProxyOptions, 'baseUrlOf'>): Promise<Door> {
  const consoles: Consoles = makeConsoles({ baseUrlOf: () => `${port.url}/console`, ...options });
  const elsewhere = mount({ '/console': consoles.pages }, (_request, response) => response.writeHead(404).end());
  port.answerWith(elsewhere, consoles.upgrades);
  return {
    url: port.url,
    async close() {
      await consoles.close();
      await port.close();
    },
  };
}

/** A guest's side that does with each connection what it is told to. */
async function guestSide(serve: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    console: {
      userId: 'u1',
      projectId: 'p1',
      serverUuid: '5c4d4c4e-1fb4-4a00-b164-a6424c4b407c',
      type: 'serial',
      endpoint: { host: '127.0.0.1', port, tlsPort: null, path: null },
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

describe('the consoles of a cloud', () => {
  const lines: string[] = [];
  const log = pino(
    { level: 'trace' },
    new Writable({
      write(line: Buffer, _encoding, done) {
        lines.push(line.toString());
        done();
      },
    }),
  );
  let servers: Servers;
  let door: Door;
  let id: string;
  const viewers: Viewer[] = [];

  before(async () => {
    const port = await listen('127.0.0.1', 0);
    servers = await startServers({
      config: { consoleBaseUrl: `${port.url}/console` },
      hosts: [{ name: 'host-1' }, { name: 'host-2' }],
    });
    door = await openDoor(port, {
      allowedHosts: ['horizon.example.org'],
      open: (token) => followConsoleToken(servers.world.deps, token),
      log,
    });
    id = await servers.create();
  });
  afterEach(async () => {
    for (const viewer of viewers.splice(0)) await viewer.close();
  });
  after(async () => {
    await door.close();
    await servers.close();
  });

  /** The address that the API gives out. */
  const ask = async (protocol: string, type: string, of = id): Promise<string> => {
    const body = { remote_console: { protocol, type } };
    const answer = await servers.request('POST', `/servers/${of}/remote-consoles`, {
      as: 'member',
      version: '2.6',
      body,
    });
    assert.equal(answer.status, 200, answer.text);
    return answer.body.remote_console.url as string;
  };
  const line = (of?: string) => ask('serial', 'serial', of);
  /** Where the page that an address leads to finds its socket. */
  const socketOf = (address: string): string => {
    const page = new URL(address);
    const path = new URLSearchParams(page.search).get('path') ?? page.search;
    const socket = new URL(`./${path}`, page);
    socket.protocol = 'ws:';
    socket.pathname = '/console/';
    return socket.href;
  };
  const see = async (address: string, options?: ViewerOptions): Promise<Viewer> => {
    const viewer = await view(socketOf(address), options);
    viewers.push(viewer);
    return viewer;
  };
  const expire = () => servers.world.database.write('console_auth_tokens').update({ expires_at: Date.now() - 1 });
  const other = async (): Promise<string> => {
    const made = await servers.create();
    await servers.world.settled();
    return made;
  };

  it('lead to the screen of a server', async () => {
    const address = await ask('vnc', 'novnc');
    const page = await fetch(address);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /vnc\.js/);
    const viewer = await see(address);
    assert.equal(viewer.socket.protocol, 'binary');
    assert.equal((await viewer.take(GREETING.length)).toString(), GREETING);
    viewer.send(GREETING);
    assert.deepEqual([...(await viewer.take(2))], [1, 1], 'one kind of security: none');
  });

  it('lead to its serial line, and every byte arrives both ways', async () => {
    const viewer = await see(await line());
    assert.equal((await viewer.take(PROMPT.length)).toString(), PROMPT);
    const sent = randomBytes(3 * limits.consoleFrameBytes);
    for (let from = 0; from < sent.length; from += limits.consoleFrameBytes) {
      viewer.send(sent.subarray(from, from + limits.consoleFrameBytes));
    }
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    assert.equal(digest(await viewer.take(sent.length)), digest(sent));
  });

  it('take the token from a cookie too, and a client without a sub-protocol', async () => {
    const token = new URL(socketOf(await line())).searchParams.get('token');
    const viewer = await view(`${door.url.replace('http', 'ws')}/console/websockify`, {
      protocols: [],
      headers: { Cookie: `theme=dark; token="${token}"` },
    });
    viewers.push(viewer);
    assert.equal(viewer.socket.protocol, '');
    assert.equal((await viewer.take(PROMPT.length)).toString(), PROMPT);
  });

  it('cut off who sends more at once than anybody pastes', async () => {
    const viewer = await see(await line());
    viewer.send(Buffer.alloc(limits.consoleFrameBytes + 1));
    assert.equal((await viewer.ended).code, 1009);
  });

  it('open several times while the token holds, and a console that is open outlives it', async () => {
    const address = await line();
    const [first, second] = [await see(address), await see(address)];
    await expire();
    await assert.rejects(see(address), NO_TOKEN);
    for (const viewer of [first, second]) {
      await viewer.take(PROMPT.length);
      viewer.send('still here');
      assert.equal((await viewer.take(10)).toString(), 'still here');
    }
  });

  it('open nothing without a token that is known', async () => {
    const base = `${door.url.replace('http', 'ws')}/console/`;
    for (const query of ['', '?token=', '?token=8f2c3ae8-0000-4000-8000-000000000000', '?path=x']) {
      await assert.rejects(view(base + query), NO_TOKEN, query);
    }
  });

  it('open nothing once the server is off, elsewhere or gone, and its new line needs a new address', async () => {
    const mine = await other();
    const address = await line(mine);
    await servers.act(mine, { 'os-stop': null });
    await servers.world.settled();
    await assert.rejects(see(address), NO_TOKEN);
    await servers.act(mine, { 'os-start': null });
    await servers.world.settled();
    const fresh = await line(mine);
    await assert.rejects(see(address), NO_TOKEN);
    await see(fresh);
    const { host } = await servers.world.server(mine);
    await servers.set(mine, { host: host === 'host-1' ? 'host-2' : 'host-1' });
    await assert.rejects(see(fresh), NO_TOKEN);
    await servers.set(mine, { host });
    servers.world.drivers.get(host as string)?.store.remove(mine);
    await assert.rejects(see(fresh), NO_TOKEN);
  });

  it('end with the guest', async () => {
    const mine = await other();
    const viewer = await see(await line(mine));
    await viewer.take(PROMPT.length);
    await servers.act(mine, { 'os-stop': null });
    assert.deepEqual(await viewer.ended, { code: 1000, reason: 'The console has ended.' });
  });

  it('open for pages of this cloud and for those that are allowed', async () => {
    const address = await line();
    const { port } = new URL(door.url);
    for (const headers of [
      { Origin: door.url },
      { Origin: 'http://127.0.0.1:9999' },
      { Origin: 'http://horizon.example.org' },
      { Origin: 'http://localhost:1', Host: `localhost:${port}` },
      // nobody but a proxy that is trusted says how the caller came
      { Origin: door.url, 'X-Forwarded-Proto': 'https' },
    ]) {
      await see(address, { headers });
    }
    for (const [headers, message] of [
      [{ Origin: 'http://evil.example.org' }, 'Origin header does not match this host.'],
      [{ Origin: 'http://example.org.evil' }, 'Origin header does not match this host.'],
      [{ Origin: 'null' }, 'Origin header not valid.'],
      [{ Origin: 'file:///x' }, 'Origin header not valid.'],
      [{ Origin: 'https://127.0.0.1' }, 'Origin header protocol does not match this host.'],
      [
        { Origin: 'https://127.0.0.1', 'X-Forwarded-Proto': 'http' },
        'Origin header protocol does not match this host.',
      ],
    ] as const) {
      await assert.rejects(see(address, { headers }), new Error(`403: ${message}`), JSON.stringify(headers));
    }
  });

  it('say who opened what in the log, and never with which token', async () => {
    const address = await line();
    const token = new URL(address).searchParams.get('token') as string;
    const viewer = await see(address);
    await viewer.close();
    await expire();
    await assert.rejects(see(address));
    await eventually('the line', 1_000, () => (lines.at(-1)?.includes('console refused') ? true : null));
    const all = lines.join('');
    assert.match(all, new RegExp(`"server":"${id}","type":"serial".*"console opened"`));
    assert.match(all, new RegExp(`"server":"${id}","type":"serial","code":1005,"seconds":0.*"console closed"`));
    assert.ok(!all.includes(token));
  });
});

describe('the proxy of consoles', () => {
  const open = async (
    serve: (socket: Socket) => void,
    bounds: ConsoleProxyOptions['bounds'],
  ): Promise<Door & { readonly counts: number[]; see(options?: ViewerOptions): Promise<Viewer> }> => {
    const guest = await guestSide(serve);
    const counts: number[] = [];
    const door = await openDoor(await listen('127.0.0.1', 0), {
      ...{ allowedHosts: [], log: silentLog, count: (now) => counts.push(now) },
      open: async () => guest.console,
      ...(bounds === undefined ? {} : { bounds }),
    });
    return {
      ...{ url: door.url, counts },
      see: (options) => view(`${door.url.replace('http', 'ws')}/console/?token=any`, options),
      async close() {
        await door.close();
        await guest.close();
      },
    };
  };

  it('has so many at once and no more', async () => {
    const door = await open((socket) => socket.pipe(socket), { atOnce: 3, shares: WIDE });
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => door.see()));
    const [first, ...rest] = asked.filter((one) => one.status === 'fulfilled').map(({ value }) => value);
    assert.equal(rest.length, 2);
    for (const one of asked) {
      if (one.status === 'rejected') assert.equal(one.reason.message, '503: Too many consoles are open.');
    }
    assert.equal(Math.max(...door.counts), 3);
    await first?.close();
    await eventually('a place', 1_000, () => (door.counts.at(-1) === 2 ? true : null));
    await door.see();
    await door.close();
    assert.equal(door.counts.at(-1), 0);
  });

  it('ends what nobody uses, and what does not answer', async () => {
    const idle = await open((socket) => socket.resume(), { idleMs: 60, keepaliveMs: 20 });
    assert.deepEqual(await (await idle.see()).ended, { code: 1001, reason: 'Nothing was going on.' });
    await idle.close();
    const dead = await open((socket) => socket.resume(), { keepaliveMs: 20 });
    const [lives, silent] = [await dead.see(), await dead.see({ autoPong: false })];
    assert.equal((await silent.ended).code, 1006);
    await sleep(60);
    assert.equal(lives.socket.readyState, lives.socket.OPEN);
    await dead.close();
  });

  it('tells its clients when the service ends', async () => {
    const door = await open((socket) => socket.resume(), {});
    const viewer = await door.see();
    await door.close();
    assert.deepEqual(await viewer.ended, { code: 1001, reason: 'The service is about to end.' });
  });

  it('reads no more of a guest than the client takes, nor of a client than the guest takes', async () => {
    const chunk = Buffer.alloc(64 * 1024);
    let [written, read] = [0, 0];
    const door = await open((socket) => {
      const more = (): void => {
        while (socket.writable) {
          written += chunk.length;
          if (!socket.write(chunk)) break;
        }
      };
      socket.on('drain', more);
      more();
    }, {});
    const viewer = await door.see();
    viewer.socket.pause();
    const rests = async (what: () => number): Promise<number> =>
      await eventually('rest', 10_000, async () => {
        const before = what();
        await sleep(200);
        return what() === before ? before : null;
      });
    const most = await rests(() => written);
    assert.ok(most < 64 * 1024 * 1024, `${most} bytes`);
    viewer.socket.resume();
    await eventually('more', 5_000, () => (written > most ? true : null));
    viewer.socket.terminate();
    await door.close();

    const deaf = await open((socket) => {
      socket.pause();
      socket.on('data', (bytes) => (read += bytes.length));
      setTimeout(() => socket.resume(), 1_500).unref();
    }, {});
    const sender = await deaf.see();
    const total = 64;
    for (let count = 0; count < total; count++) sender.send(Buffer.alloc(limits.consoleFrameBytes));
    const left = await rests(() => sender.socket.bufferedAmount);
    assert.ok(left > (total / 2) * limits.consoleFrameBytes, `${left} bytes left`);
    await eventually('all', 10_000, () => (read === total * limits.consoleFrameBytes ? true : null));
    await sender.close();
    await deaf.close();
  });

  it('says that the guest does not answer', async () => {
    const gone = await guestSide(() => undefined);
    await gone.close();
    const door = await openDoor(await listen('127.0.0.1', 0), {
      ...{ allowedHosts: [], log: silentLog, open: async () => gone.console },
    });
    const refused = view(`${door.url.replace('http', 'ws')}/console/?token=x`);
    await assert.rejects(refused, new Error("503: The server's console does not answer."));
    await door.close();
  });
});

describe('the pages of consoles', () => {
  let door: Door;
  before(async () => {
    door = await openDoor(await listen('127.0.0.1', 0), {
      ...{ allowedHosts: ['horizon.example.org'], log: silentLog, open: async () => null },
    });
  });
  after(() => door.close());

  const get = (path: string, method = 'GET') => fetch(`${door.url}/console${path}`, { method });

  it('load nothing from anywhere else, and tell nobody their address', async () => {
    for (const path of ['/vnc_lite.html', '/vnc.html?token=x', '/?token=x', '/serial.html']) {
      const { status, headers } = await get(path);
      assert.equal(status, 200, path);
      const policy = headers.get('Content-Security-Policy') ?? '';
      assert.match(policy, /^default-src 'none'; script-src 'self';/);
      assert.match(policy, /frame-ancestors 'self' horizon\.example\.org$/);
      assert.equal(headers.get('Referrer-Policy'), 'no-referrer');
      assert.equal(headers.get('Cache-Control'), 'no-store');
    }
  });

  it('have every file that they and their scripts name', async () => {
    const seen = new Set<string>();
    const follow = async (path: string): Promise<void> => {
      if (seen.has(path)) return;
      seen.add(path);
      const answer = await get(path);
      assert.equal(answer.status, 200, path);
      const text = await answer.text();
      const names = path.endsWith('.html')
        ? text.matchAll(/(?:src|href)="([^":]+)"/g)
        : text.matchAll(/^(?:import|export)\b[^'"(;]*['"](\.[^'"]+)['"]/gm);
      for (const [, name] of names) await follow(new URL(name as string, `http://x${path}`).pathname);
    };
    await follow('/vnc.html');
    await follow('/serial.html');
    for (const path of ['/novnc/core/rfb.js', '/novnc/vendor/pako/lib/zlib/inflate.js', '/xterm/xterm.js']) {
      assert.ok(seen.has(path), path);
      assert.equal((await get(path)).headers.get('Content-Type'), 'text/javascript; charset=utf-8');
    }
  });

  it('are all there is', async () => {
    for (const path of [
      ...['/package.json', '/novnc/package.json', '/novnc/core/../package.json', '/novnc/core/', '/proxy.ts'],
      ...['/..%2fproxy.ts', '/%2e%2e/proxy.ts', '/novnc/core/rfb.js/', '/constructor', '/__proto__'],
    ]) {
      assert.equal((await get(path)).status, 404, path);
    }
    assert.equal((await get('/vnc.html', 'POST')).status, 404);
    assert.equal((await get('/vnc.html', 'HEAD')).status, 200);
  });
});

describe('the service', () => {
  let service: Service;
  before(async () => {
    service = await startService({ driver: 'fake' });
  });
  after(() => service.close());

  it('gives out addresses that lead to itself, and ends with a console open', async () => {
    const compute = async (method: string, path: string, body?: unknown) =>
      (await service.request('xloud', method, `/compute/v2.1${path}`, body)).body;
    const wish = { name: 'i', disk_format: 'raw', container_format: 'bare' };
    const image = (await service.request('xloud', 'POST', '/image/v2/images', wish)).body;
    await service.request('xloud', 'PUT', `/image/v2/images/${image.id}/file`, Buffer.alloc(512));
    const { flavor } = await compute('POST', '/flavors', { flavor: { name: 'f', vcpus: 1, ram: 512, disk: 1 } });
    const server = { name: 'one', imageRef: image.id, flavorRef: flavor.id, networks: 'none' };
    const { id } = (await compute('POST', '/servers', { server })).server;
    await eventually('the server', 10_000, async () =>
      (await compute('GET', `/servers/${id}`)).server.status === 'ACTIVE' ? true : null,
    );
    const address = async (protocol: string, type: string): Promise<string> => {
      const body = { remote_console: { protocol, type } };
      return (await compute('POST', `/servers/${id}/remote-consoles`, body)).remote_console.url;
    };
    const page = await address('vnc', 'novnc');
    assert.ok(page.startsWith(`${service.url}/console/vnc_lite.html?`), page);
    assert.equal((await fetch(page)).status, 200);
    const viewer = await view(await address('serial', 'serial'));
    assert.equal((await viewer.take(4)).toString(), 'one ');
    assert.match(await (await fetch(`${service.url}/metrics`)).text(), /^xloud_consoles_open 1$/m);
    const before = performance.now();
    await service.kill('SIGTERM');
    assert.equal((await viewer.ended).code, 1001);
    assert.ok(performance.now() - before < 5_000);
  });
});

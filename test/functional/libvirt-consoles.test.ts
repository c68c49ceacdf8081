// A real guest's screen and serial line through the proxy, as a browser reaches them. Needs root and a hypervisor's packages, as
// libvirt-driver.test.ts does.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import type { ConsoleProtocol } from '../../src/domain/servers/console-endpoint.ts';
import { makeConsoles } from '../../src/main/consoles.ts';
import { listen, type Listening } from '../../src/main/listen.ts';
import { rotateConsole } from '../../src/virt/libvirt/console.ts';
import { view, type Viewer } from '../support/consoles.ts';
import { type LibvirtHost, startHost } from '../support/libvirt-host.ts';
import { eventually } from '../support/serve.ts';

/** Of the daemon's own loopback; on the machine's, this test listens there and relays. */
const SCREENS = '127.77.0.1';
const BOOT_MS = 180_000;

describe('the consoles of a guest on libvirt', { concurrency: 1 }, () => {
  let host: LibvirtHost;
  let port: Listening;
  let close: () => Promise<void>;
  let uuid: string;

  before(async () => {
    host = await startHost({ driver: { screen: SCREENS } });
    const spec = host.spec();
    uuid = spec.uuid;
    await host.driver.spawn({ spec });
    await host.ready(uuid);
    port = await listen('127.0.0.1', 0);
    const consoles = makeConsoles({
      ...{ baseUrlOf: () => `${port.url}/console`, allowedHosts: [], log: silentLog },
      open: async (token) => {
        const endpoint = await host.driver.remoteConsole?.({ uuid, protocol: token as ConsoleProtocol });
        return endpoint == null ? null : { userId: 'u1', projectId: 'p1', serverUuid: uuid, type: token, endpoint };
      },
    });
    port.answerWith(consoles.pages, consoles.upgrades);
    const { port: screen } = (await host.driver.remoteConsole?.({ uuid, protocol: 'vnc' })) ?? { port: 0 };
    const relay = createServer((socket) => {
      const guest = host.libvirtd.dial(SCREENS, screen);
      // a QEMU that ends with something unread resets the connection: its end is not told then, and the other's has to be
      pipeline(socket, guest, socket, () => undefined);
    });
    await new Promise<void>((resolve) => relay.listen(screen, SCREENS, resolve));
    close = async () => {
      await consoles.close();
      await port.close();
      relay.close();
    };
  });
  after(async () => {
    await close();
    await host.close();
  });

  const open = (protocol: ConsoleProtocol): Promise<Viewer> =>
    view(`${port.url.replace('http', 'ws')}/console/?token=${protocol}`);
  const inGuest = (script: string) =>
    host.askAgent(uuid, { execute: 'guest-exec', arguments: { path: '/bin/sh', arg: ['-c', script] } });
  const log = () => host.driver.console({ uuid, maxBytes: 100_000 });

  it('show its screen', async () => {
    const viewer = await open('vnc');
    const greeting = (await viewer.take(12)).toString();
    assert.match(greeting, /^RFB 003\.\d{3}\n$/);
    viewer.send('RFB 003.008\n');
    const [count] = await viewer.take(1);
    assert.ok([...(await viewer.take(count ?? 0))].includes(1), 'no password');
    await viewer.close();
  });

  it('let one speak with it, and keep what it says in the log', async () => {
    const viewer = await open('serial');
    await inGuest('read -r line </dev/ttyS0; printf "heard <%s>\\n" "$line" >/dev/ttyS0');
    // who reads there may come later than the words
    const again = setInterval(() => viewer.send('hello from here\r'), 500);
    let said = '';
    try {
      while (!/heard <.*>/.test(said)) said += (await viewer.take(1)).toString();
    } finally {
      clearInterval(again);
    }
    assert.match(said, /heard <hello from here>/);
    await eventually('the log', BOOT_MS, async () => (/heard <hello from here>/.test(await log()) ? true : null));
    await viewer.close();
  });

  it('keep the log when nobody listens, and let the next one speak', async () => {
    await inGuest('echo nobody-hears-this >/dev/ttyS0');
    await eventually('the log', BOOT_MS, async () => (/nobody-hears-this/.test(await log()) ? true : null));
    const viewer = await open('serial');
    assert.notEqual((await viewer.take(12)).toString().trim(), '');
    await viewer.close();
  });

  it('go on in an empty log once it is full', async () => {
    const path = join(host.instancesDir, uuid, 'console.log');
    assert.equal(await rotateConsole(path, 1), true);
    assert.match(await readFile(`${path}.0`, 'utf8'), /nobody-hears-this/);
    await inGuest('echo after-the-rotation >/dev/ttyS0');
    await eventually('the log', BOOT_MS, async () => (/after-the-rotation/.test(await log()) ? true : null));
    const now = await readFile(path, 'utf8');
    assert.match(now, /after-the-rotation/);
    // at its beginning, not behind a hole as long as what was there
    assert.doesNotMatch(now, /\0|nobody-hears-this/);
  });

  it('end with the guest', async () => {
    const [screen, line] = [await open('vnc'), await open('serial')];
    await host.driver.powerOff({ uuid, timeoutMs: 0 });
    for (const viewer of [screen, line]) assert.equal((await viewer.ended).code, 1000);
    await assert.rejects(open('serial'), new Error('404: Token not found'));
  });
});

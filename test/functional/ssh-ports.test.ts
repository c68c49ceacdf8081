// Ports of the cloud's machine that lead to the SSH of servers: who gets which, who is connected to whom, and who is cut off.

import assert from 'node:assert/strict';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { limits } from '../../src/base/limits.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import type { SshTarget } from '../../src/db/ssh-ports.ts';
import { Cleanup } from '../../src/main/cleanup.ts';
import { openSshPorts } from '../../src/main/ssh-ports.ts';
import type { Who } from '../support/callers.ts';
import { eventually, freePort } from '../support/serve.ts';
import { type Servers, startServers } from '../support/servers.ts';

const PATIENCE_MS = 20_000;
const HOST = '127.0.0.1';

describe('SSH ports of servers', { concurrency: 1 }, () => {
  let servers: Servers;
  let guest: Server;
  let first: number;
  const cleanup = new Cleanup();
  const dialled: SshTarget[] = [];
  const sockets = new Set<Socket>();

  /** What a client hears first, and whether it is still connected. */
  async function talk(port: number): Promise<{ heard: () => string; socket: Socket; ended: () => boolean }> {
    const socket = connect(port, HOST);
    sockets.add(socket);
    let [heard, isOver] = ['', false];
    socket.on('data', (piece) => (heard += piece.toString()));
    socket.on('error', () => {});
    socket.on('close', () => (isOver = true));
    await eventually('a word or an end', PATIENCE_MS, () => (heard !== '' || isOver ? true : null), 5);
    return { heard: () => heard, socket, ended: () => isOver };
  }
  const path = (id: string) => `/servers/${id}/os-xloud-ssh-port`;
  const ask = (method: string, id: string, as: Who = 'member') => servers.request(method, path(id), { as });
  async function given(id: string, as: Who = 'member'): Promise<number> {
    const { status, body, text } = await ask('PUT', id, as);
    assert.equal(status, 200, text);
    assert.equal(body.problem, null);
    return body.port;
  }

  before(async () => {
    guest = createServer((socket) => {
      socket.on('error', () => {});
      socket.write('SSH-2.0-guest\r\n');
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => guest.listen(0, HOST, resolve));
    const { port } = guest.address() as { port: number };
    first = await freePort();
    servers = await startServers({
      sshPorts: (database) =>
        openSshPorts(
          { database, clock: systemClock, log: silentLog, cleanup },
          { first, last: first + 3, perProject: 2, address: HOST },
          async (target) => {
            dialled.push(target);
            return connect(port, HOST);
          },
        ),
    });
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    await cleanup.run();
    guest.close();
    await servers.close();
  });

  it('lead to the address of their server, both ways, as long as it runs', async () => {
    const id = await servers.create({ networks: 'auto' }, { version: '2.37' });
    assert.equal((await ask('GET', id)).status, 404);
    const port = await given(id);
    assert.equal(port, first);
    assert.equal(await given(id), port, 'one that it has stays');
    const { body } = await ask('GET', id, 'reader');
    const [[{ addr }]] = Object.values((await servers.show(id)).addresses) as [[{ addr: string }]];
    assert.deepEqual([body.address, body.leads_to.ip_address, body.leads_to.port], [HOST, addr, 22]);
    const { heard, socket, ended } = await talk(port);
    assert.equal(heard(), 'SSH-2.0-guest\r\n');
    assert.equal(dialled.at(-1)?.address, addr);
    socket.write('hello');
    await eventually('the echo', PATIENCE_MS, () => (heard().endsWith('hello') ? true : null));
    assert.ok(!ended());
    await servers.act(id, { 'os-stop': null });
    await servers.world.settled();
    const off = await talk(port);
    assert.deepEqual([off.heard(), off.ended()], ['', true]);
    assert.equal((await ask('DELETE', id)).status, 204);
    assert.ok(await eventually('the cut', PATIENCE_MS, () => ended() || null));
    assert.equal((await ask('GET', id)).status, 404);
    assert.ok((await talk(port)).ended(), 'nobody listens');
  });

  it('are for members, each server its own, so many of a project, and as many as there are', async () => {
    const [one, two, three] = [await servers.create(), await servers.create(), await servers.create()];
    assert.equal((await ask('PUT', one, 'reader')).status, 403);
    assert.equal((await ask('PUT', one, 'other')).status, 404);
    const ports = [await given(one), await given(two)];
    assert.deepEqual(ports, [first, first + 1]);
    assert.equal((await ask('PUT', three)).status, 403);
    const foreign = [await servers.create({}, { as: 'other' }), await servers.create({}, { as: 'other' })];
    for (const id of foreign) ports.push(await given(id, 'other'));
    assert.equal(new Set(ports).size, 4);
    const last = await servers.create({}, { as: 'admin' });
    assert.equal((await ask('PUT', last, 'admin')).status, 409);
    // a server that is gone has none
    const { ended } = await talk(first);
    assert.equal((await servers.request('DELETE', `/servers/${one}`, { as: 'member' })).status, 204);
    await servers.world.settled();
    assert.equal(await given(last, 'admin'), first);
    await eventually('the cut', PATIENCE_MS, () => ended() || null);
    for (const [id, as] of [[two, 'member'], [last, 'admin'], ...foreign.map((id) => [id, 'other'])] as [string, Who][])
      assert.equal((await ask('DELETE', id, as)).status, 204);
  });

  it('say why nobody listens, and are taken up when that is over', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(first, HOST, resolve));
    const id = await servers.create();
    const { body } = await ask('PUT', id);
    assert.match(body.problem, /EADDRINUSE/);
    await new Promise((resolve) => squatter.close(resolve));
    assert.equal(await given(id), first);
    assert.equal((await talk(first)).heard(), 'SSH-2.0-guest\r\n');
    await ask('DELETE', id);
  });

  it('take so many connections at once, and no more', async () => {
    const id = await servers.create();
    const port = await given(id);
    const all = await Promise.all(Array.from({ length: limits.sshConnectionsPerServer + 3 }, () => talk(port)));
    assert.equal(all.filter(({ ended }) => !ended()).length, limits.sshConnectionsPerServer);
    all.find(({ ended }) => !ended())?.socket.destroy();
    await eventually('room for one', PATIENCE_MS, async () => ((await talk(port)).heard() === '' ? null : true));
    await ask('DELETE', id);
  });
});

describe('SSH ports where there are none', () => {
  it('are 501', async () => {
    const servers = await startServers();
    const id = await servers.create();
    for (const method of ['GET', 'PUT', 'DELETE'])
      assert.equal((await servers.request(method, `/servers/${id}/os-xloud-ssh-port`, { as: 'member' })).status, 501);
    await servers.close();
  });
});

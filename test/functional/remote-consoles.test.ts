// Consoles: the addresses that are given out, what their tokens stand for and for how long, and when there is no console.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Who } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

const BASE = 'https://consoles.example.org/cloud';
const TOKEN = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const TEN_MINUTES_MS = 600_000;

const tokenOf = (url: string): string => new RegExp(TOKEN).exec(url)?.[0] ?? assert.fail(`${url} has no token`);

for (const engine of engines) {
  describe(`consoles of servers on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    before(async () => {
      servers = await startServers({
        engine,
        config: { consoleBaseUrl: `${BASE}/` },
        hosts: [{ name: 'host-1' }, { name: 'host-2' }],
      });
      id = await servers.create();
    });
    after(() => servers.close());

    const open = (protocol: string, type: string, version = '2.99', as: Who = 'member') =>
      servers.request('POST', `/servers/${id}/remote-consoles`, {
        as,
        version,
        body: { remote_console: { protocol, type } },
      });
    const url = async (protocol: string, type: string): Promise<string> => {
      const answer = await open(protocol, type);
      assert.equal(answer.status, 200, answer.text);
      return answer.body.remote_console.url;
    };
    const ask = (token: string, version = '2.99', query = '', as: Who = 'admin') =>
      servers.request('GET', `/os-console-auth-tokens/${token}${query}`, { as, version });
    const refused = async (answer: ReturnType<typeof open>, status: number, message: string) => {
      const { status: got, body } = await answer;
      const [fault] = Object.values(body) as { message: string }[];
      assert.deepEqual([got, fault?.message], [status, message]);
    };

    it('each kind has an address of its own', async () => {
      for (const [protocol, type, address] of [
        ['vnc', 'novnc', `${BASE}/vnc_lite\\.html\\?path=cloud%3Ftoken%3D${TOKEN}`],
        ['spice', 'spice-html5', `${BASE}/spice_auto\\.html\\?token=${TOKEN}`],
        ['spice', 'spice-direct', `${BASE}/spice-direct\\?token=${TOKEN}`],
        ['serial', 'serial', `${BASE.replace('https', 'wss')}/\\?token=${TOKEN}`],
      ] as const) {
        const { status, body } = await open(protocol, type);
        assert.equal(status, 200);
        const { url: given, ...rest } = body.remote_console;
        assert.deepEqual(rest, { protocol, type });
        assert.match(given, new RegExp(`^${address}$`));
      }
    });

    it('each protocol was an action until 2.5', async () => {
      for (const [name, type, page] of [
        ['os-getVNCConsole', 'novnc', 'vnc_lite.html'],
        ['os-getSPICEConsole', 'spice-html5', 'spice_auto.html'],
        ['os-getSerialConsole', 'serial', 'wss://'],
      ] as const) {
        const { status, body } = await servers.act(id, { [name]: { type } }, { version: '2.5' });
        assert.equal(status, 200);
        assert.equal(body.console.type, type);
        assert.ok(body.console.url.includes(page));
        assert.equal((await ask(tokenOf(body.console.url))).status, 200);
        assert.equal((await servers.act(id, { [name]: { type } }, { version: '2.6' })).status, 404);
        for (const wrong of [{}, { type: 'rdp-html5' }, { type, more: 1 }, null]) {
          assert.equal((await servers.act(id, { [name]: wrong })).status, 400, JSON.stringify(wrong));
        }
      }
      assert.equal((await open('vnc', 'novnc', '2.5')).status, 404);
    });

    it('kinds are known from their versions on', async () => {
      const valid = async (protocol: string, type: string, version: string) =>
        !/Invalid input/.test((await open(protocol, type, version)).text);
      assert.equal(await valid('mks', 'webmks', '2.7'), false);
      assert.equal(await valid('mks', 'webmks', '2.8'), true);
      assert.equal(await valid('spice', 'spice-direct', '2.98'), false);
      assert.equal(await valid('spice', 'spice-direct', '2.99'), true);
      assert.equal(await valid('ssh', 'novnc', '2.99'), false);
    });

    it('there is none of a kind that is not of the protocol, was given up, or that the host lacks', async () => {
      for (const [protocol, type, message] of [
        ['vnc', 'xvpvnc', 'Invalid console type xvpvnc'],
        ['vnc', 'serial', 'Invalid console type serial'],
        ['spice', 'novnc', 'Invalid console type novnc'],
        ['mks', 'novnc', 'Invalid console type novnc'],
        ['mks', 'webmks', 'Unavailable console type webmks.'],
        ['rdp', 'rdp-html5', 'Unavailable console type rdp.'],
      ] as const) {
        await refused(open(protocol, type), 400, message);
      }
      await refused(servers.act(id, { 'os-getVNCConsole': { type: 'xvpvnc' } }), 400, 'Invalid console type xvpvnc');
    });

    it('a token says where the console listens', async () => {
      const token = tokenOf(await url('vnc', 'novnc'));
      for (const version of ['2.31', '2.104']) {
        const { port, ...rest } = (await ask(token, version)).body.console;
        assert.deepEqual(rest, { instance_uuid: id, host: '127.0.0.1', internal_access_path: null }, version);
        assert.ok(port > 0);
      }
      const direct = tokenOf(await url('spice', 'spice-direct'));
      const spice = { instance_uuid: id, host: 'spice.fake.invalid', port: 6969, internal_access_path: null };
      assert.deepEqual((await ask(direct, '2.98')).body, { console: spice });
      assert.deepEqual((await ask(direct, '2.99')).body, { console: { ...spice, tls_port: 6970 } });
      const html = tokenOf(await url('spice', 'spice-html5'));
      assert.deepEqual((await ask(html, '2.99')).body, { console: spice });
    });

    it('tokens are for administrators, and none are told before 2.31', async () => {
      const token = tokenOf(await url('vnc', 'novnc'));
      assert.equal((await ask(token, '2.31', '', 'member')).status, 403);
      const early = 'The server could not comply with the request since it is either malformed or otherwise incorrect.';
      await refused(ask(token, '2.30'), 400, early);
      await refused(ask('8f2c3ae8-0000-4000-8000-000000000000'), 404, 'Token not found');
      assert.equal((await ask(token, '2.98', '?x=1')).status, 200);
      assert.equal((await ask(token, '2.99', '?x=1')).status, 400);
    });

    it('only a hash of a token is kept', async () => {
      const token = tokenOf(await url('vnc', 'novnc'));
      const rows = await servers.world.database.read('console_auth_tokens').select('*');
      assert.ok(rows.length > 0);
      assert.ok(!JSON.stringify(rows).includes(token));
    });

    it('a token is void after ten minutes, with another host, and with the server', async () => {
      const { database } = servers.world;
      const token = tokenOf(await url('vnc', 'novnc'));
      const where = { server_host: 'host-1' };
      const { expires_at: latest } = await database.read('console_auth_tokens').orderBy('id', 'desc').first();
      const leftMs = Number(latest) - Date.now();
      assert.ok(leftMs > TEN_MINUTES_MS - 10_000 && leftMs <= TEN_MINUTES_MS, `${leftMs} ms`);
      const home = (await servers.world.server(id)).host as string;
      await servers.set(id, { host: home === 'host-1' ? 'host-2' : 'host-1' });
      await refused(ask(token), 404, 'Token not found');
      await servers.set(id, { host: home });
      assert.equal((await ask(token)).status, 200);
      await database
        .write('console_auth_tokens')
        .where({ ...where, server_host: home })
        .update({ expires_at: Date.now() - 1 });
      await refused(ask(token), 404, 'Token not found');
      const fresh = tokenOf(await url('vnc', 'novnc'));
      assert.equal((await database.read('console_auth_tokens').select('id')).length, 1);
      const gone = await servers.create();
      const theirs = await servers.request('POST', `/servers/${gone}/remote-consoles`, {
        as: 'member',
        version: '2.6',
        body: { remote_console: { protocol: 'serial', type: 'serial' } },
      });
      const lost = tokenOf(theirs.body.remote_console.url);
      assert.equal((await ask(lost)).status, 200);
      await servers.request('DELETE', `/servers/${gone}`, { as: 'member' });
      await servers.world.settled();
      await refused(ask(lost), 404, 'Token not found');
      assert.equal((await ask(fresh)).status, 200);
    });

    it('a server that has no host or is about to leave it has none', async () => {
      for (const [protocol, type, word] of [
        ['vnc', 'novnc', 'get_vnc_console'],
        ['spice', 'spice-html5', 'get_spice_console'],
        ['serial', 'serial', 'get_serial_console'],
        ['mks', 'webmks', 'get_mks_console'],
      ] as const) {
        for (const task of ['deleting', 'migrating']) {
          await servers.set(id, { task_state: task });
          const message = `Cannot '${word}' instance ${id} while it is in task_state ${task}`;
          await refused(open(protocol, type), 409, message);
        }
      }
      const { host } = await servers.world.server(id);
      await servers.set(id, { task_state: null, host: null });
      await refused(open('vnc', 'novnc'), 409, `Instance ${id} is not ready`);
      await servers.set(id, { task_state: 'rebooting', host });
      assert.equal((await open('vnc', 'novnc')).status, 200);
      await servers.set(id, { task_state: null, vm_state: 'building' });
      servers.world.drivers.get(host as string)?.store.remove(id);
      await refused(open('vnc', 'novnc'), 409, `Instance ${id} is not ready`);
      await servers.set(id, { vm_state: 'active' });
      assert.equal((await open('vnc', 'novnc')).status, 404);
    });

    it('a server that is off has none', async () => {
      const off = await servers.create();
      await servers.act(off, { 'os-stop': null });
      await servers.world.settled();
      const answer = servers.act(off, { 'os-getVNCConsole': { type: 'novnc' } });
      await refused(answer, 400, 'Unavailable console type novnc.');
    });

    it('need a member of the project', async () => {
      assert.equal((await open('vnc', 'novnc', '2.6', 'reader')).status, 403);
      assert.equal((await open('vnc', 'novnc', '2.6', 'other')).status, 404);
    });
  });
}

describe('a cloud without a proxy of its operator', () => {
  it('has only the consoles that its own carries', async () => {
    const servers = await startServers({ config: { consoleBaseUrl: null } });
    try {
      const id = await servers.create();
      const open = (protocol: string, type: string) =>
        servers.request('POST', `/servers/${id}/remote-consoles`, {
          version: '2.99',
          body: { remote_console: { protocol, type } },
        });
      for (const type of ['spice-html5', 'spice-direct']) {
        const { status, body } = await open('spice', type);
        assert.deepEqual([status, body.badRequest.message], [400, `Unavailable console type ${type}.`]);
      }
      const rows = await servers.world.database.read('console_auth_tokens').select('id');
      assert.deepEqual(rows, []);
      assert.equal((await open('vnc', 'novnc')).status, 200);
      assert.equal((await open('serial', 'serial')).status, 200);
    } finally {
      await servers.close();
    }
  });

  it('has none on a host whose driver has none', async () => {
    const servers = await startServers();
    try {
      const id = await servers.create();
      const { database } = servers.world;
      const { facts } = await database.read('hosts').select('facts').first();
      const changed = JSON.parse(facts);
      changed.capabilities.verbs = [];
      await database.write('hosts').update({ facts: JSON.stringify(changed) });
      const answer = await servers.act(id, { 'os-getSerialConsole': { type: 'serial' } });
      assert.deepEqual([answer.status, answer.body.badRequest.message], [400, 'Unavailable console type serial.']);
    } finally {
      await servers.close();
    }
  });
});

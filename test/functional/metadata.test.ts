// What guests ask of the metadata service and what they are answered, on the tables of both engines; who they are is told by whoever took
// the connection. The wire itself is in test/ovn.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createSocket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { makeMetadata } from '../../src/api/metadata/handler.ts';
import { systemClock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { tx } from '../../src/db/tx.ts';
import { loadConfig } from '../../src/main/config.ts';
import { metadataRates, serveMetadata } from '../../src/main/metadata.ts';
import { hasMetadata } from '../../src/main/metadata-wish.ts';
import { opsSettings } from '../../src/main/ops-settings.ts';
import { type GuestMetadataSource, guestMetadata } from '../../src/ops/index.ts';
import { type Cloud, callers, startCloud, type Who } from '../support/cloud.ts';
import { engines } from '../support/database.ts';
import { addServer } from '../support/metadata.ts';
import { startServers } from '../support/servers.ts';

const META = '/openstack/latest/meta_data.json';
const PASSWORD = '/openstack/latest/password';
const observer = { answered() {} };

interface Heard {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}
type Ask = (
  from: { readonly network: string; readonly address: string },
  path: string,
  options?: { method?: string; body?: string | Buffer; headers?: Record<string, string> },
) => Promise<Heard>;

/** The service on a port, whose requests come from wherever a test says. */
async function startAsking(
  source: GuestMetadataSource,
  count: (guest: string, writes: boolean) => Promise<void> = async () => {},
): Promise<{ ask: Ask; server: Server }> {
  const answer = makeMetadata({ source, count, clock: systemClock, log: silentLog, observer });
  let from = { network: '', address: '' };
  const server = createServer((request, response) => {
    Object.defineProperty(request.socket, 'remoteAddress', { value: from.address, configurable: true });
    void answer(from.network, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const ask: Ask = (asker, path, { method = 'GET', body, headers = {} } = {}) =>
    new Promise((resolve, reject) => {
      from = asker;
      const sent = httpRequest({ port, host: '127.0.0.1', path, method, headers, agent: false }, (response) => {
        let text = '';
        response.on('data', (piece: Buffer) => (text += piece.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  return { ask, server };
}

for (const engine of engines) {
  describe(`metadata on ${engine}`, () => {
    let cloud: Cloud;
    let server: Server;
    let ask: Ask;
    const networks = new Map<Who, string>();
    const uuids = new Map<Who, string>();
    const macs = new Map<Who, string>();
    const at = (who: Who, address = '10.0.0.11') => ({ network: networks.get(who) ?? '', address });

    before(async () => {
      cloud = await startCloud({ engine });
      ({ ask, server } = await startAsking(guestMetadata({ database: cloud.database, clock: systemClock })));
      for (const who of ['demo', 'other'] as const) {
        const make = async (noun: string, body: object) =>
          (await cloud.ask('admin', 'POST', `/network/v2.0/${noun}s`, { [noun]: body })).json[noun];
        const { projectId, userId } = callers[who];
        const project = { project_id: projectId };
        const network = await make('network', { ...project });
        // the engine here has no two of one range
        const cidr = who === 'demo' ? '10.0.0.0/24' : '10.0.1.0/24';
        const subnet = await make('subnet', { ...project, network_id: network.id, ip_version: 4, cidr });
        networks.set(who, network.id);
        const uuid = randomUUID();
        const owner = { projectId: projectId ?? '', userId };
        const fixedIp = who === 'demo' ? '10.0.0.11' : '10.0.1.11';
        const target = { uuid, ...owner, host: 'host-1', zone: 'nova', hostname: who };
        const request = { networkId: network.id, portId: null, fixedIp, tag: null };
        const nics = await cloud.networks.service.allocate(target as never, {
          requests: [request],
          securityGroups: [],
        });
        assert.equal(nics[0]?.fixedIps[0]?.subnetId, subnet.id);
        await addServer(cloud.database, nics, {
          uuid,
          ...owner,
          displayName: who,
          hostname: who,
          userData: 'aGVsbG8=',
        });
        uuids.set(who, uuid);
        macs.set(who, nics[0]?.mac ?? '');
      }
    });
    after(async () => {
      server.close();
      await cloud.close();
    });

    it('is who has the address on that network, and nobody else', async () => {
      const { status, body } = await ask(at('demo'), META);
      assert.deepEqual([status, JSON.parse(body).uuid], [200, uuids.get('demo')]);
      assert.equal(JSON.parse((await ask(at('demo', '::ffff:10.0.0.11'), META)).body).uuid, uuids.get('demo'));
      for (const nobody of [
        ...[at('other'), at('demo', '10.0.0.12'), at('demo', '10.0.1.11'), at('demo', ''), at('demo', 'x')],
        { network: randomUUID(), address: '10.0.0.11' },
      ])
        assert.equal((await ask(nobody, META)).status, 404, JSON.stringify(nobody));
    });

    it('is who has the MAC address, from a link-local one', async () => {
      const bytes = (macs.get('demo') ?? '').split(':').map((byte) => Number.parseInt(byte, 16));
      const word = (high = 0, low = 0) => ((high << 8) | low).toString(16);
      const [a = 0, b, c, d, e, f] = bytes;
      const address = `fe80::${word(a ^ 2, b)}:${word(c, 0xff)}:${word(0xfe, d)}:${word(e, f)}`;
      assert.equal(JSON.parse((await ask(at('demo', `${address}%eth0`), META)).body).uuid, uuids.get('demo'));
      assert.equal((await ask(at('other', address), META)).status, 404);
    });

    it('is nobody where a port says that it is a server’s, and the server knows nothing of it', async () => {
      const made = await cloud.ask('demo', 'POST', '/network/v2.0/ports', {
        port: {
          network_id: networks.get('demo'),
          fixed_ips: [{ ip_address: '10.0.0.66' }],
          device_id: uuids.get('other'),
          device_owner: 'compute:nova',
        },
      });
      assert.equal(made.status, 201, made.text);
      assert.equal((await ask(at('demo', '10.0.0.66'), META)).status, 404);
    });

    it('takes nothing that the request says for who asks', async () => {
      const headers = {
        'X-Forwarded-For': '10.0.1.11',
        'X-Instance-ID': uuids.get('other') ?? '',
        'X-OVN-Network-ID': networks.get('other') ?? '',
      };
      assert.equal(JSON.parse((await ask(at('demo'), META, { headers })).body).uuid, uuids.get('demo'));
    });

    it('answers as Nova does', async () => {
      const json = await ask(at('demo'), META);
      assert.equal(json.headers['content-type'], 'application/json');
      const text = await ask(at('demo'), '/latest/user-data?x=1');
      assert.deepEqual([text.headers['content-type'], text.body], ['text/plain; charset=UTF-8', 'hello']);
      const head = await ask(at('demo'), META, { method: 'HEAD' });
      assert.deepEqual([head.status, head.body], [200, '']);
      assert.equal((await ask(at('demo'), META, { method: 'POST', body: 'x' })).status, 405);
      assert.equal((await ask(at('demo'), '/latest/api/token', { method: 'PUT' })).status, 404);
      assert.equal((await ask(at('demo'), '/openstack/2000-01-01/meta_data.json')).status, 404);
      assert.equal((await ask(at('demo'), `/${'x'.repeat(2_000)}`)).status, 404);
      const seeds = await Promise.all([ask(at('demo'), META), ask(at('demo'), META)]);
      assert.notEqual(JSON.parse(seeds[0].body).random_seed, JSON.parse(seeds[1].body).random_seed);
    });

    it('keeps a password once, of as many bytes as Nova', async () => {
      const post = (body: string | Buffer) => ask(at('demo'), PASSWORD, { method: 'POST', body });
      assert.deepEqual([(await ask(at('demo'), PASSWORD)).status, (await ask(at('demo'), PASSWORD)).body], [200, '']);
      assert.equal((await post('x'.repeat(1_021))).status, 400);
      assert.equal((await post('')).status, 400);
      assert.equal((await post(Buffer.from([0xff, 0xfe]))).status, 400);
      assert.equal((await ask(at('demo'), PASSWORD, { method: 'DELETE' })).status, 400);
      const [one, two] = await Promise.all([post('x'.repeat(1_020)), post('y'.repeat(1_020))]);
      assert.equal(one.status + two.status, 200 + 409);
      assert.equal((await post('z')).status, 409);
      assert.equal((await ask(at('demo'), PASSWORD)).body.length, 1_020);
    });

    it('is nobody’s once the server is deleted', async () => {
      await tx(cloud.database, (t) =>
        t('servers')
          .where({ uuid: uuids.get('other') })
          .update({ deleted: 1 }),
      );
      assert.equal((await ask(at('other', '10.0.1.11'), META)).status, 404);
    });
  });
}

describe('a guest of the metadata service', () => {
  it('tells a password that its user is shown', async () => {
    const servers = await startServers();
    const id = await servers.create({ name: 'told' });
    const source = { ...guestMetadata(servers.world.deps), asker: async () => id };
    const { ask, server } = await startAsking(source);
    try {
      const from = { network: randomUUID(), address: '10.0.0.1' };
      assert.equal(JSON.parse((await ask(from, META)).body).name, 'told');
      assert.equal((await ask(from, PASSWORD, { method: 'POST', body: 'c2VhbGVk' })).status, 200);
      const shown = await servers.request('GET', `/servers/${id}/os-server-password`, { as: 'member' });
      assert.deepEqual(shown.body, { password: 'c2VhbGVk' });
      await servers.request('DELETE', `/servers/${id}/os-server-password`, { as: 'member' });
      assert.equal((await ask(from, PASSWORD, { method: 'POST', body: 'again' })).status, 200);
    } finally {
      server.close();
      await servers.close();
    }
  });

  it('tells what it became, again and again, and its user sees what it told last', async () => {
    const servers = await startServers();
    const id = await servers.create();
    const { ask, server } = await startAsking({ ...guestMetadata(servers.world.deps), asker: async () => id });
    const path = '/xloud/phone-home';
    const post = (body: string) => ask({ network: 'n', address: '10.0.0.1' }, path, { method: 'POST', body });
    const told = async () =>
      (await servers.request('GET', `/servers/${id}/os-xloud-cloud-init`, { as: 'member' })).body.phoned_home;
    try {
      assert.equal(await told(), null);
      // as cloud-init writes it
      const form = {
        pub_key_rsa: 'N/A',
        pub_key_ed25519: 'ssh-ed25519 AAAA+/= root@one\n',
        hostname: 'one',
        more: 'x',
      };
      assert.equal((await post(new URLSearchParams(form).toString())).status, 200);
      const { at, told: fields } = await told();
      assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000);
      assert.deepEqual(fields, { hostname: 'one', pub_key_ed25519: 'ssh-ed25519 AAAA+/= root@one' });
      assert.equal((await post('hostname=two')).status, 200);
      assert.deepEqual((await told()).told, { hostname: 'two' });
      for (const bad of ['', 'more=x', 'hostname=', '\xff'.repeat(3), `hostname=${'x'.repeat(limits.phoneHomeBytes)}`])
        assert.equal((await post(bad)).status, 400, bad.slice(0, 20));
      assert.equal((await ask({ network: 'n', address: '10.0.0.1' }, path)).status, 405);
      assert.equal((await ask({ network: 'n', address: '10.0.0.1' }, '/xloud/other')).status, 404);
      assert.deepEqual((await told()).told, { hostname: 'two' });
    } finally {
      server.close();
      await servers.close();
    }
  });

  it('is asked for who it is each time, and for what it is told once in a while', async () => {
    const servers = await startServers();
    const id = await servers.create();
    const asked = { asker: 0, facts: 0 };
    const real = guestMetadata(servers.world.deps);
    const { ask, server } = await startAsking({
      ...real,
      asker: async () => {
        asked.asker += 1;
        return id;
      },
      facts: (uuid) => {
        asked.facts += 1;
        return real.facts(uuid);
      },
    });
    try {
      for (let turn = 0; turn < 10; turn += 1)
        assert.equal((await ask({ network: 'n', address: '10.0.0.1' }, META)).status, 200);
      assert.deepEqual(asked, { asker: 10, facts: 1 });
    } finally {
      server.close();
      await servers.close();
    }
  });

  it('asks so often in a minute, and another one as often', async () => {
    const none: GuestMetadataSource = {
      asker: async () => null,
      facts: async () => null,
      password: async () => null,
      keepPassword: async () => {},
      phonedHome: async () => {},
    };
    const { ask, server } = await startAsking(none, metadataRates());
    try {
      const post = (address: string) => ask({ network: 'n', address }, PASSWORD, { method: 'POST', body: 'x' });
      for (let turn = 0; turn < limits.metadataWritesPerMinute; turn += 1)
        assert.equal((await post('10.0.0.1')).status, 404);
      const refused = await post('10.0.0.1');
      assert.equal(refused.status, 429);
      assert.ok(Number(refused.headers['retry-after']) >= 1);
      assert.equal((await post('10.0.0.2')).status, 404);
      assert.equal((await ask({ network: 'n', address: '10.0.0.1' }, META)).status, 404);
    } finally {
      server.close();
    }
  });

  it('has so many connections at once', async () => {
    const socket = createSocket();
    await new Promise<void>((resolve) => socket.listen(0, '127.0.0.1', resolve));
    const { port } = socket.address() as AddressInfo;
    const served = serveMetadata(async (_, __, response) => void response.end('ok'), 'n', socket);
    const open = () =>
      new Promise<boolean>((resolve) => {
        const one = connect(port, '127.0.0.1', () => one.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
        one
          .on('data', () => resolve(true))
          .on('close', () => resolve(false))
          .on('error', () => resolve(false));
      });
    const answered: boolean[] = [];
    for (let turn = 0; turn <= limits.metadataConnectionsPerGuest; turn += 1) answered.push(await open());
    assert.deepEqual(answered, [...Array.from({ length: limits.metadataConnectionsPerGuest }, () => true), false]);
    await served.close();
  });
});

describe('who has a config drive', () => {
  it('is every server that nothing else tells who it is, unless the operator says otherwise', () => {
    const of = (...flags: string[]) => {
      const config = loadConfig({ flags });
      return [hasMetadata(config), opsSettings(config).config.forceConfigDrive];
    };
    assert.deepEqual(of(), [false, true]);
    assert.deepEqual(of('network.engine=ovn'), [true, false]);
    assert.deepEqual(of('network.engine=ovn', 'network.metadata=no'), [false, true]);
    // an agent apart has nobody who would tell it, without a key
    assert.deepEqual(of('network.engine=ovn', 'bus.url=amqp://localhost'), [false, true]);
    const keyed = ['network.engine=ovn', 'bus.url=amqp://localhost', 'network.metadata_key_file=/etc/xloud/key'];
    assert.deepEqual(of(...keyed), [true, false]);
    assert.deepEqual(of('network.engine=ovn', 'compute.force_config_drive=yes'), [true, true]);
    assert.deepEqual(of('compute.force_config_drive=no'), [false, false]);
  });
});

// What guests of a host whose agent is a process of its own are told: the agent says in its host's name which network and address asks, an
// API believes it of its own guests alone, and nothing of a guest's request comes anywhere but there.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { makeMetadataAnswers } from '../../src/api/metadata/handler.ts';
import { answerRelayed } from '../../src/api/metadata/relayed.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { isMetadataPath } from '../../src/cloud/ovn/metadata/path.ts';
import { makeRelay, type Relay } from '../../src/cloud/ovn/metadata/relay.ts';
import { insertMigration, updateMigration } from '../../src/db/migrations.ts';
import { tx } from '../../src/db/tx.ts';
import { hostKey, relayHeaders, signatureOf } from '../../src/domain/servers/metadata-signature.ts';
import { guestMetadata } from '../../src/ops/index.ts';
import { mount } from '../../src/web/mount.ts';
import { callers, type Cloud, startCloud } from '../support/cloud.ts';
import { engines } from '../support/database.ts';
import { addServer } from '../support/metadata.ts';

const SECRET = 'a secret that nobody else has, long enough';
const META = '/openstack/latest/meta_data.json';
const PASSWORD = '/openstack/latest/password';

for (const engine of engines) {
  describe(`metadata that agents pass on, on ${engine}`, () => {
    let cloud: Cloud;
    let server: Server;
    let url = '';
    let networkId = '';
    const uuid = randomUUID();
    const relays: Relay[] = [];

    before(async () => {
      cloud = await startCloud({ engine });
      const make = async (noun: string, body: object) =>
        (await cloud.ask('admin', 'POST', `/network/v2.0/${noun}s`, { [noun]: body })).json[noun];
      networkId = (await make('network', { name: 'n' })).id;
      await make('subnet', { network_id: networkId, ip_version: 4, cidr: '10.0.0.0/24' });
      const owner = { projectId: callers.admin.projectId ?? '', userId: callers.admin.userId };
      const request = { networkId, portId: null, fixedIp: '10.0.0.11', tag: null };
      const target = { uuid, ...owner, host: 'host-1', zone: 'nova', hostname: 'h' };
      const nics = await cloud.networks.service.allocate(target, { requests: [request], securityGroups: [] });
      await addServer(cloud.database, nics, { uuid, ...owner, host: 'host-1' });
      const source = guestMetadata({ database: cloud.database, clock: systemClock });
      const answers = makeMetadataAnswers({ source, count: async () => {}, clock: systemClock, log: silentLog });
      const options = { answers, secret: SECRET, clock: systemClock, observer: { answered() {} } };
      const elsewhere = (_: unknown, response: { end: (text: string) => void }) => response.end('elsewhere');
      server = createServer(mount({ '/metadata': answerRelayed(options) }, elsewhere as never));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metadata`;
    });
    after(async () => {
      for (const relay of relays) await relay.close();
      server.close();
      await cloud.close();
    });

    const relayOf = (host: string, key = hostKey(SECRET, host), clock: Pick<Clock, 'now'> = systemClock): Relay => {
      const relay = makeRelay({ url, host, key, clock: { ...systemClock, now: () => clock.now() } });
      relays.push(relay);
      return relay;
    };
    const ask = async (relay: Relay, path = META, method = 'GET', body = '', address = '10.0.0.11') => {
      const answer = await relay.ask({ networkId, address }, { method, url: path, body });
      return { ...answer, text: Buffer.from(answer.body).toString() };
    };

    it('is told for the guests of the host that asks, and for nobody else', async () => {
      const told = await ask(relayOf('host-1'));
      assert.deepEqual([told.status, JSON.parse(told.text).uuid], [200, uuid]);
      assert.equal((await ask(relayOf('host-2'))).status, 404);
      assert.equal((await ask(relayOf('host-1'), META, 'GET', '', '10.0.0.12')).status, 404);
      assert.equal((await ask(relayOf('host-1'), '/openstack/latest/nothing')).status, 404);
    });

    it('is told on a host to which the guest is on its way', async () => {
      const id = await tx(cloud.database, (t) =>
        insertMigration(t, {
          ...{ uuid: randomUUID(), serverUuid: uuid, type: 'live-migration', sourceCompute: 'host-1', sourceNode: 'n' },
          ...{ oldFlavorId: 1, newFlavorId: 1, userId: 'u', projectId: 'p', before: null, nowMs: Date.now() },
        }),
      );
      const become = (status: 'running' | 'error') =>
        tx(cloud.database, (t) => updateMigration(t, id, { status, destCompute: 'host-2' }, Date.now()));
      await become('running');
      assert.equal((await ask(relayOf('host-2'))).status, 200);
      assert.equal((await ask(relayOf('host-3'))).status, 404);
      await become('error');
      assert.equal((await ask(relayOf('host-2'))).status, 404);
    });

    it('is not told to who has another host’s key, or none, or asks as of another time', async () => {
      assert.equal((await ask(relayOf('host-1', hostKey(SECRET, 'host-2')))).status, 403);
      assert.equal((await ask(relayOf('host-1', hostKey('another secret', 'host-1')))).status, 403);
      for (const wrong of [-1, 1]) {
        const clock = { now: () => Date.now() + wrong * (limits.metadataRelayMs + 5_000) };
        assert.equal((await ask(relayOf('host-1', undefined, clock))).status, 403);
      }
      assert.equal((await fetch(`${url}${META}`)).status, 403);
      const from = { host: 'host-1', networkId, address: '10.0.0.11', atMs: Date.now() };
      const signature = signatureOf(hostKey(SECRET, 'host-1'), from, { method: 'GET', url: META, body: '' });
      const headers = {
        ...{ [relayHeaders.host]: 'host-1', [relayHeaders.network]: networkId, [relayHeaders.address]: from.address },
        ...{ [relayHeaders.time]: String(from.atMs), [relayHeaders.signature]: signature },
      };
      assert.equal((await fetch(`${url}${META}`, { headers })).status, 200);
      // what is signed is this, and nothing beside it
      for (const [name, value] of [
        [relayHeaders.host, 'host-2'],
        [relayHeaders.address, '10.0.0.12'],
        [relayHeaders.network, randomUUID()],
        [relayHeaders.time, String(from.atMs + 1)],
        [relayHeaders.signature, ''],
        [relayHeaders.signature, 'ü'.repeat(32)],
      ] as const)
        assert.equal((await fetch(`${url}${META}`, { headers: { ...headers, [name]: encodeURI(value) } })).status, 403);
      assert.equal((await fetch(`${url}/openstack/latest/user_data`, { headers })).status, 403);
      assert.equal((await fetch(`${url}${META}`, { headers, method: 'POST', body: 'x' })).status, 403);
    });

    it('takes what a guest tells, as long as it may be', async () => {
      const relay = relayOf('host-1');
      assert.equal((await ask(relay, PASSWORD, 'POST', '')).status, 400);
      assert.equal((await ask(relay, PASSWORD, 'POST', 'x'.repeat(limits.sealedPasswordCharacters + 1))).status, 400);
      assert.equal((await ask(relay, PASSWORD, 'POST', 'x'.repeat(limits.metadataBodyBytes + 1))).status, 400);
      assert.equal((await ask(relay, PASSWORD, 'POST', 'c2VhbGVk')).status, 200);
      assert.equal((await ask(relay, PASSWORD)).text, 'c2VhbGVk');
      assert.equal((await ask(relay, PASSWORD, 'POST', 'again')).status, 409);
      assert.equal((await ask(relay, META, 'DELETE')).status, 405);
    });

    it('passes on what is a path of its own, and no other', () => {
      for (const good of ['/', META, '/latest/meta-data/public-keys/0/openssh-key', '/2009-04-04/', '/openstack/2.1'])
        assert.ok(isMetadataPath(good), good);
      for (const bad of [
        ...['', 'openstack', '/..', '/../compute', '/openstack/../../compute', '/.', '//evil', '/a//b', '@evil', '*'],
        ...['http://evil/', '/a?b', '/a#b', '/a%2e', '/a b', '/a\r\nX: y', `/${'a'.repeat(limits.metadataPathChars)}`],
      ])
        assert.ok(!isMetadataPath(bad), bad);
    });
  });
}

// Details in which clients and operators' tools would notice that this is not Nova.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { engines } from '../support/database.ts';
import { startService } from '../support/serve.ts';
import { type Servers, startServers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`details on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine });
      for (const name of ['Web-One', 'WEB-two', 'Éclair', 'other']) await servers.create({ name });
    });
    after(() => servers.close());

    const named = async (name: string): Promise<string[]> => {
      const { body } = await servers.request(
        'GET',
        `/servers?name=${encodeURIComponent(name)}&sort_key=display_name&sort_dir=asc`,
        { as: 'member' },
      );
      return body.servers.map((server: { name: string }) => server.name).toSorted();
    };

    it('filters by text ignore case, as patterns and as plain text, beyond ASCII too', async () => {
      assert.deepEqual(await named('web'), ['WEB-two', 'Web-One']);
      assert.deepEqual(await named('^WEB-t'), ['WEB-two']);
      assert.deepEqual(await named('web-o.e$'), ['Web-One']);
      assert.deepEqual(await named('éCLAIR'), ['Éclair']);
      assert.deepEqual(await named('^éclair$'), ['Éclair']);
      assert.deepEqual(await named('\\Sther'), ['other']);
    });

    it('a version that is not served is named in the headers of its refusal', async () => {
      const { status, headers } = await servers.request('GET', '/servers', { as: 'member', version: '2.999' });
      assert.equal(status, 406);
      assert.equal(headers['openstack-api-version'], 'compute 2.999');
      assert.equal(headers['x-openstack-nova-api-version'], '2.999');
      assert.match(headers['vary'] ?? '', /OpenStack-API-Version/);
    });

    it('hints that are Nova’s own are not a client’s to give', async () => {
      const hints = { _nova_check_type: 'rebuild', _nova_x: '1', other: 'kept' };
      const answer = await servers.post({}, { beside: { 'os:scheduler_hints': hints } });
      assert.equal(answer.status, 202, answer.text);
      await servers.world.settled();
      const row = await servers.world.database
        .read('servers')
        .where({ uuid: answer.body.server.id })
        .first('scheduler_hints');
      assert.deepEqual(JSON.parse(row.scheduler_hints), { other: 'kept' });
    });

    it('the address of a backup is the image service’s', async () => {
      const id = await servers.create();
      const body = { createBackup: { name: 'b', backup_type: 'daily', rotation: 1 } };
      const { status, headers } = await servers.act(id, body, { version: '2.44', as: 'admin' });
      assert.equal(status, 202);
      const plain = await servers.act(id, { createImage: { name: 'i' } }, { version: '2.44', as: 'admin' });
      const base = (location: string | undefined) => location?.replace(/[^/]+$/, '');
      await servers.world.settled();
      if (plain.status === 202) assert.equal(base(headers['location']), base(plain.headers['location']));
      assert.match(headers['location'] ?? '', /\/images\/[0-9a-f-]{36}$/);
    });
  });
}

describe('the control plane of a cloud', () => {
  it('is among its services, in a zone of its own', async () => {
    const service = await startService({ driver: 'fake' });
    try {
      const get = async (path: string) => (await service.request('xloud', 'GET', `/compute/v2.1${path}`)).body;
      const { services } = await get('/os-services');
      const shown = services.map(({ binary, zone, state }: Record<string, string>) => `${binary} ${zone} ${state}`);
      assert.deepEqual(shown.toSorted(), [
        'nova-compute nova up',
        'nova-conductor internal up',
        'nova-scheduler internal up',
      ]);
      const { availabilityZoneInfo: zones } = await get('/os-availability-zone');
      assert.deepEqual(
        zones.map(({ zoneName }: { zoneName: string }) => zoneName),
        ['nova'],
      );
      const detail = (await get('/os-availability-zone/detail')).availabilityZoneInfo;
      const internal = detail.find(({ zoneName }: { zoneName: string }) => zoneName === 'internal');
      const [binaries] = Object.values<object>(internal.hosts);
      assert.deepEqual(Object.keys(binaries ?? {}), ['nova-conductor', 'nova-scheduler']);
      const conductor = services.find(({ binary }: { binary: string }) => binary === 'nova-conductor');
      const changed = await service.request('xloud', 'PUT', `/compute/v2.1/os-services/${conductor.id}`, {
        status: 'disabled',
      });
      assert.equal(changed.status, 400, 'it is not switched as a host is');
      const network = (await service.request('xloud', 'GET', '/network/v2.0/networks')).body.networks[0];
      assert.equal(network['provider:network_type'], 'local');
      const asMember = (await service.request('xloud-demo', 'GET', '/network/v2.0/networks')).body.networks[0];
      assert.ok(!('provider:network_type' in asMember));
      const made = { network: { name: 'n', 'provider:network_type': 'vlan', 'provider:segmentation_id': 7 } };
      assert.equal((await service.request('xloud', 'POST', '/network/v2.0/networks', made)).status, 400);
      const local = { network: { name: 'n', 'provider:network_type': 'local' } };
      assert.equal((await service.request('xloud-demo', 'POST', '/network/v2.0/networks', local)).status, 403);
      assert.equal((await service.request('xloud', 'POST', '/network/v2.0/networks', local)).status, 201);
      const refused = await service.request('xloud', 'POST', '/identity/v3/policies', { policy: {} });
      assert.equal(refused.status, 501);
    } finally {
      await service.close();
    }
  });
});

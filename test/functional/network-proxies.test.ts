// Networks, pools and floating addresses as they were had from compute until 2.35, over a network service without floating
// addresses and over one that has them.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newUuid } from '../../src/base/ids.ts';
import { type CallerName, callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { type Neutron, startNeutron } from '../support/neutron.ts';
import { type Servers, startServers } from '../support/servers.ts';

const LAST = '2.35';
const GONE = '2.36';

const says = (answer: Answer, status: number, envelope: string, message: string) => {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.body[envelope].message, message);
};

for (const engine of engines) {
  describe(`network proxies on ${engine}`, () => {
    let servers: Servers;
    let neutron: Neutron;
    let own = '';
    let hidden = '';
    before(async () => {
      servers = await startServers({ engine, builtInNetworks: true });
      neutron = await startNeutron(servers.world);
      own = await neutron.network('member', 'own', '10.50.0.0/24');
      hidden = await neutron.network('other', 'hidden', '10.51.0.0/24');
    });
    after(async () => {
      await neutron.close();
      await servers.close();
    });

    const get = (path: string, as: CallerName = 'member', version = LAST) =>
      servers.request('GET', path, { as, version });

    it('networks are those that the caller sees, in a shape that says little', async () => {
      const { networks } = (await get('/os-networks')).body;
      const labels = networks.map(({ label }: { label: string }) => label).toSorted();
      assert.deepEqual(labels, ['own', 'private']);
      const mine = networks.find(({ id }: { id: string }) => id === own);
      const nothing = [
        'cidr',
        'netmask',
        'gateway',
        'broadcast',
        'dns1',
        'dns2',
        'cidr_v6',
        'gateway_v6',
        'netmask_v6',
      ];
      assert.deepEqual(mine, { id: own, label: 'own', ...Object.fromEntries(nothing.map((field) => [field, null])) });
      assert.deepEqual((await get(`/os-networks/${own}`)).body, { network: mine });
      const { network } = (await get(`/os-networks/${own}`, 'admin', '2.1')).body;
      assert.equal(Object.keys(network).length, 32);
      assert.deepEqual([network.label, network.mtu, network.project_id], ['own', null, null]);
      assert.equal((await get('/os-networks', 'admin')).body.networks.length, 3);
      says(await get(`/os-networks/${hidden}`), 404, 'itemNotFound', 'Network not found');
      says(await get(`/os-networks/${newUuid()}`), 404, 'itemNotFound', 'Network not found');
      assert.equal((await get('/os-networks', 'member', GONE)).status, 404);
      assert.equal((await get(`/os-networks/${own}`, 'member', GONE)).status, 404);
    });

    it('and once more in another shape', async () => {
      const { networks } = (await get('/os-tenant-networks')).body;
      const mine = { id: own, cidr: 'None', label: 'own' };
      assert.deepEqual(
        networks.find(({ id }: { id: string }) => id === own),
        mine,
      );
      assert.equal(networks.length, 2);
      assert.deepEqual((await get(`/os-tenant-networks/${own}?x=1`)).body, { network: mine });
      says(await get(`/os-tenant-networks/${hidden}`), 404, 'itemNotFound', 'Network not found');
      assert.equal((await get('/os-tenant-networks', 'member', GONE)).status, 404);
    });

    it('without floating addresses the lists are empty, and there is no pool', async () => {
      const id = await servers.create({ networks: [{ uuid: own }] }, { version: '2.42' });
      assert.deepEqual((await get('/os-floating-ips')).body, { floating_ips: [] });
      assert.deepEqual((await get('/os-floating-ip-pools')).body, { floating_ip_pools: [] });
      const post = (body?: unknown) =>
        servers.request('POST', '/os-floating-ips', { as: 'member', ...(body === undefined ? {} : { body }) });
      for (const body of [undefined, {}, { pool: null }, { pool: 'nova' }, { pool: newUuid() }]) {
        says(await post(body), 404, 'itemNotFound', 'Floating IP pool not found.');
      }
      assert.equal((await post({ pool: 1 })).status, 400);
      const lost = newUuid();
      says(await get(`/os-floating-ips/${lost}`), 404, 'itemNotFound', `Floating IP not found for ID ${lost}`);
      const gone = await servers.request('DELETE', `/os-floating-ips/${lost}`, { as: 'member' });
      says(gone, 404, 'itemNotFound', `Floating IP not found for ID ${lost}`);
      const address = '172.24.4.9';
      says(await servers.act(id, { addFloatingIp: { address } }), 404, 'itemNotFound', 'floating IP not found');
      const none = `Floating IP not found for address ${address}.`;
      says(await servers.act(id, { removeFloatingIp: { address } }), 404, 'itemNotFound', none);
      const external = await neutron.network('admin', 'outside', '172.24.4.0/24', { 'router:external': true });
      assert.deepEqual((await get('/os-floating-ip-pools')).body, { floating_ip_pools: [{ name: 'outside' }] });
      const none2 = 'This network service has no floating IPs: nothing on the hosts would carry them.';
      says(await post({ pool: 'outside' }), 400, 'badRequest', none2);
      await neutron.ask('admin', 'DELETE', `networks/${external}`);
      for (const path of ['/os-floating-ips', '/os-floating-ip-pools', `/os-floating-ips/${lost}`]) {
        assert.equal((await get(path, 'member', GONE)).status, 404);
      }
      assert.equal((await servers.act(id, { addFloatingIp: { address } }, { version: '2.44' })).status, 404);
    });
  });
}

for (const engine of engines) {
  describe(`floating addresses of a network service that has them, on ${engine}`, () => {
    let servers: Servers;
    let neutron: Neutron;
    before(async () => {
      servers = await startServers({ engine, builtInNetworks: true, floatingIps: true });
      neutron = await startNeutron(servers.world, true);
      await neutron.network('admin', 'public', '172.24.4.0/24', { 'router:external': true });
    });
    after(async () => {
      await neutron.close();
      await servers.close();
    });

    const ask = (method: string, path: string, body?: unknown, as: CallerName = 'member') =>
      servers.request(method, path, { as, ...(body === undefined ? {} : { body }) });
    const post = (pool: string) => ask('POST', '/os-floating-ips', { pool });
    const create = async () => (await post('public')).body.floating_ip;
    const addressesOf = async (id: string): Promise<string[][]> =>
      ((await servers.show(id)).addresses.private ?? []).map((one: Record<string, unknown>) => [
        one['OS-EXT-IPS:type'],
        one['addr'],
      ]);
    const fixedOf = async (id: string) => (await addressesOf(id))[0]?.[1] ?? '';

    it('are had, pointed to a server, which shows them, and given back', async () => {
      const id = await servers.create();
      const fixed = await fixedOf(id);
      const made = await create();
      const unused = { fixed_ip: null, id: made.id, instance_id: null, ip: made.ip, pool: 'public' };
      assert.deepEqual(made, unused);
      assert.match(made.ip, /^172\.24\.4\.\d+$/);
      assert.equal((await servers.act(id, { addFloatingIp: { address: made.ip } })).status, 202);
      assert.deepEqual(await addressesOf(id), [
        ['fixed', fixed],
        ['floating', made.ip],
      ]);
      const used = { ...unused, fixed_ip: fixed, instance_id: id };
      assert.deepEqual((await ask('GET', `/os-floating-ips/${made.id}`)).body, { floating_ip: used });
      assert.deepEqual((await ask('GET', '/os-floating-ips')).body, { floating_ips: [used] });
      assert.deepEqual((await ask('GET', '/os-floating-ips', undefined, 'other')).body, { floating_ips: [] });
      assert.equal((await ask('GET', `/os-floating-ips/${made.id}`, undefined, 'other')).status, 404);
      assert.equal((await ask('DELETE', `/os-floating-ips/${made.id}`, undefined, 'other')).status, 404);
      // to another server, by the address that is named: the first one shows it no more
      const second = await servers.create();
      const named = { addFloatingIp: { address: made.ip, fixed_address: await fixedOf(second) } };
      assert.equal((await servers.act(second, named)).status, 202);
      assert.deepEqual([(await addressesOf(id)).length, (await addressesOf(second)).length], [1, 2]);
      const wrong = `Floating IP ${made.ip} is not associated with instance ${id}.`;
      says(await servers.act(id, { removeFloatingIp: { address: made.ip } }), 409, 'conflictingRequest', wrong);
      assert.equal((await servers.act(second, { removeFloatingIp: { address: made.ip } })).status, 202);
      assert.equal((await addressesOf(second)).length, 1);
      await servers.act(second, { addFloatingIp: { address: made.ip } });
      const gone = await ask('DELETE', `/os-floating-ips/${made.id}`);
      assert.deepEqual([gone.status, gone.text], [202, '']);
      assert.equal((await addressesOf(second)).length, 1);
      assert.deepEqual((await ask('GET', '/os-floating-ips')).body, { floating_ips: [] });
    });

    it('are refused where a server has nothing to point them to, or already has one', async () => {
      const id = await servers.create();
      const { ip } = await create();
      const add = (of: string, address: string, more = {}) => servers.act(of, { addFloatingIp: { address, ...more } });
      const elsewhere = await add(id, ip, { fixed_address: '10.1.1.1' });
      says(elsewhere, 400, 'badRequest', 'Specified fixed address not assigned to instance');
      const bare = await servers.create({ networks: 'none' }, { version: '2.37' });
      says(await add(bare, ip), 400, 'badRequest', 'Instance network is not ready yet');
      assert.equal((await add(id, ip)).status, 202);
      const more = await create();
      const refused = await add(id, more.ip);
      assert.equal(refused.status, 400, refused.text);
      assert.match(refused.body.badRequest.message, /already has a floating IP/);
      // and the other one still leads there
      assert.deepEqual((await addressesOf(id))[1], ['floating', ip]);
    });

    it('outlive the server that they led to', async () => {
      const id = await servers.create();
      const made = await create();
      await servers.act(id, { addFloatingIp: { address: made.ip } });
      assert.equal((await ask('DELETE', `/servers/${id}`)).status, 204);
      await servers.world.settled();
      assert.deepEqual((await ask('GET', `/os-floating-ips/${made.id}`)).body, { floating_ip: made });
    });

    it('are followed by servers when the network service is asked to point them', async () => {
      const id = await servers.create();
      const { id: ip, ip: address } = await create();
      const [port] = (await neutron.ask('member', 'GET', `ports?device_id=${id}`)).body.ports;
      const becomes = async (wanted: number) => {
        const giveUpAt = Date.now() + 60_000;
        while ((await addressesOf(id)).length !== wanted) {
          assert.ok(Date.now() < giveUpAt, `${wanted} addresses`);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      };
      const point = (floatingip: object) => neutron.ask('member', 'PUT', `floatingips/${ip}`, { floatingip });
      await point({ port_id: port.id });
      await becomes(2);
      assert.deepEqual((await addressesOf(id))[1], ['floating', address]);
      await point({ port_id: null });
      await becomes(1);
      await point({ port_id: port.id });
      await becomes(2);
      await neutron.ask('member', 'DELETE', `floatingips/${ip}`);
      await becomes(1);
      const { id: publicId } = (await neutron.ask('member', 'GET', 'networks?name=public')).body.networks[0];
      const body = { floatingip: { floating_network_id: publicId, port_id: port.id } };
      assert.equal((await neutron.ask('member', 'POST', 'floatingips', body)).status, 201);
      await becomes(2);
    });

    it('run out, and are over quota, in Nova’s words', async () => {
      await neutron.network('admin', 'narrow', '172.24.5.0/30', { 'router:external': true });
      assert.equal((await post('narrow')).status, 200);
      says(await post('narrow'), 404, 'itemNotFound', 'No more floating IPs in pool narrow.');
      const bare = { network: { name: 'bare', 'router:external': true } };
      const { id } = (await neutron.ask('admin', 'POST', 'networks', bare)).body.network;
      const none = `Bad floatingip request: Network ${id} does not contain any IPv4 subnet.`;
      says(await post('bare'), 400, 'badRequest', none);
      const project = callers.member.projectId;
      const path = `quotas/${project}`;
      const { used } = (await neutron.ask('member', 'GET', `${path}/details`)).body.quota.floatingip;
      await neutron.ask('admin', 'PUT', path, { quota: { floatingip: used } });
      says(await post('public'), 403, 'forbidden', 'IP allocation over quota in pool public.');
      await neutron.ask('admin', 'DELETE', path);
      assert.equal((await post('public')).status, 200);
    });
  });
}

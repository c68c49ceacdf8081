// Further addresses of a server, as until 2.43 one asked for them; and what becomes of a server when its ports change without it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newUuid } from '../../src/base/ids.ts';
import { refreshNetwork } from '../../src/ops/servers/refresh-network.ts';
import { engines } from '../support/database.ts';
import { type Neutron, startNeutron } from '../support/neutron.ts';
import { type Servers, startServers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`addresses of servers on ${engine}`, () => {
    let servers: Servers;
    let neutron: Neutron;
    let own = '';
    before(async () => {
      servers = await startServers({ engine, builtInNetworks: true });
      neutron = await startNeutron(servers.world);
      own = await neutron.network('member', 'own', '10.50.0.0/24');
    });
    after(async () => {
      await neutron.close();
      await servers.close();
    });

    const create = (more: object = {}) => servers.create({ networks: [{ uuid: own }], ...more }, { version: '2.42' });
    const driver = () => servers.world.drivers.get('host-1');
    const guestAddresses = (id: string) =>
      driver()
        ?.store.get(id)
        ?.spec.nics.flatMap(({ fixedIps }) => fixedIps.map(({ address }) => address))
        .toSorted() ?? [];
    const addressesOf = async (id: string): Promise<string[]> =>
      ((await servers.show(id)).addresses.own ?? []).map(({ addr }: { addr: string }) => addr).toSorted();
    const portOf = async (id: string) =>
      (await neutron.ask('member', 'GET', `ports?device_id=${id}`)).body.ports[0] as { id: string };
    const act = (id: string, body: object, version = '2.43') => servers.act(id, body, { version });
    const refresh = (uuid: string) => refreshNetwork(servers.world.deps, { uuid });

    it('one more is given and shown, known to the guest, and taken again', async () => {
      const id = await create();
      const [first = ''] = await addressesOf(id);
      const answer = await act(id, { addFixedIp: { networkId: own } });
      assert.deepEqual([answer.status, answer.text], [202, '']);
      const two = await addressesOf(id);
      assert.equal(two.length, 2);
      assert.ok(two.includes(first));
      assert.deepEqual(guestAddresses(id), two);
      const gone = await act(id, { removeFixedIp: { address: first } }, '2.1');
      assert.deepEqual([gone.status, gone.text], [202, '']);
      assert.deepEqual(
        await addressesOf(id),
        two.filter((address) => address !== first),
      );
      assert.deepEqual(guestAddresses(id), await addressesOf(id));
    });

    it('what cannot be done changes nothing and is noted as a fault; from 2.44 on there is none of it', async () => {
      const id = await create();
      const before = await addressesOf(id);
      const lost = newUuid();
      const asked = async (server: string, body: object) => {
        const { status, text } = await act(server, body);
        assert.deepEqual([status, text], [202, '']);
        await servers.act(server, { 'os-resetState': { state: 'error' } }, { as: 'admin' });
        const { fault } = await servers.show(server);
        await servers.act(server, { 'os-resetState': { state: 'active' } }, { as: 'admin' });
        return fault.message;
      };
      assert.equal(
        await asked(id, { addFixedIp: { networkId: lost } }),
        `Network could not be found for instance ${id}.`,
      );
      assert.equal(
        await asked(id, { removeFixedIp: { address: '10.1.2.3' } }),
        `Instance ${id} does not have fixed IP '10.1.2.3'.`,
      );
      assert.deepEqual(await addressesOf(id), before);
      assert.equal((await act(id, { addFixedIp: {} })).status, 400);
      assert.equal((await act(id, { removeFixedIp: { address: 'here' } })).status, 400);
      assert.equal((await act(id, { addFixedIp: { networkId: own } }, '2.44')).status, 404);
      assert.equal((await act(id, { removeFixedIp: { address: '10.1.2.3' } }, '2.44')).status, 404);
      const full = await neutron.network('member', 'full', '10.51.0.0/30');
      const tight = await servers.create({ networks: [{ uuid: full }] }, { version: '2.42' });
      const none = await asked(tight, { addFixedIp: { networkId: full } });
      assert.equal(none, `No fixed IP addresses available for network: ${full}`);
      assert.equal((await servers.act(id, { addFixedIp: { networkId: own } }, { as: 'other' })).status, 404);
    });

    it('a refresh makes the row and the guest follow what was done to the port', async () => {
      const id = await create();
      const before = (await servers.show(id)).updated;
      await refresh(id);
      assert.equal((await servers.show(id)).updated, before, 'nothing new is no change');
      const { id: port } = await portOf(id);
      const fixed_ips = [{ ip_address: '10.50.0.44' }, { ip_address: '10.50.0.45' }];
      assert.equal((await neutron.ask('member', 'PUT', `ports/${port}`, { port: { fixed_ips } })).status, 200);
      assert.ok(!(await addressesOf(id)).includes('10.50.0.44'), 'nobody told us yet');
      await refresh(id);
      assert.deepEqual(await addressesOf(id), ['10.50.0.44', '10.50.0.45']);
      assert.deepEqual(guestAddresses(id), ['10.50.0.44', '10.50.0.45']);
      const listed = await servers.request('GET', '/servers?ip=10.50.0.45', { as: 'member' });
      assert.deepEqual(
        listed.body.servers.map((server: { id: string }) => server.id),
        [id],
      );
      await neutron.ask('member', 'DELETE', `ports/${port}`);
      await refresh(id);
      assert.deepEqual((await servers.show(id)).addresses, {});
    });

    it('a guest that cannot be told has its addresses with its next start', async () => {
      const id = await create();
      const { id: port } = await portOf(id);
      driver()?.behave(id, 'fail:attachNic');
      await neutron.ask('member', 'PUT', `ports/${port}`, { port: { fixed_ips: [{ ip_address: '10.50.0.60' }] } });
      await refresh(id);
      assert.deepEqual(await addressesOf(id), ['10.50.0.60']);
      assert.notDeepEqual(guestAddresses(id), ['10.50.0.60']);
      driver()?.behave(id, null);
      await servers.act(id, { reboot: { type: 'HARD' } });
      await servers.world.settled();
      assert.deepEqual(guestAddresses(id), ['10.50.0.60']);
    });

    it('a refresh of a server that is gone is nothing', async () => {
      await refresh(newUuid());
    });
  });

  describe(`ports that change behind a server on ${engine}`, () => {
    let servers: Servers;
    let neutron: Neutron;
    let own = '';
    before(async () => {
      servers = await startServers({ engine, builtInNetworks: true });
      neutron = await startNeutron(servers.world, true);
      own = await neutron.network('member', 'own', '10.50.0.0/24');
    });
    after(async () => {
      await neutron.close();
      await servers.close();
    });

    const change = async (path: string, body: object, as: 'member' | 'admin' = 'member') => {
      const answer = await neutron.ask(as, 'PUT', path, body);
      assert.equal(answer.status, 200, answer.text);
    };
    const create = () => servers.create({ networks: [{ uuid: own }] }, { version: '2.42' });
    const portOf = async (id: string): Promise<string> =>
      (await neutron.ask('member', 'GET', `ports?device_id=${id}`)).body.ports[0].id;
    const pluggedOf = (id: string) => servers.world.drivers.get('host-1')?.store.get(id)?.spec.nics.length;

    it('are followed: addresses, groups, the names of both, and what is deleted', async () => {
      const id = await create();
      const port = await portOf(id);
      const addr = (label: string) => (server: Awaited<ReturnType<Servers['show']>>) =>
        server.addresses[label]?.some((one: { addr: string }) => one.addr === '10.50.0.90');
      await change(`ports/${port}`, { port: { fixed_ips: [{ ip_address: '10.50.0.90' }] } });
      await servers.until(id, addr('own'));
      await change(`networks/${own}`, { network: { name: 'renamed' } });
      await servers.until(id, addr('renamed'));
      const made = await neutron.ask('member', 'POST', 'security-groups', { security_group: { name: 'web' } });
      const group: string = made.body.security_group.id;
      await change(`ports/${port}`, { port: { security_groups: [group] } });
      await servers.until(id, ({ security_groups: groups }) => groups?.[0]?.name === 'web');
      await change(`security-groups/${group}`, { security_group: { name: 'front' } });
      await servers.until(id, ({ security_groups: groups }) => groups?.[0]?.name === 'front');
      await neutron.ask('member', 'DELETE', `ports/${port}`);
      await servers.until(id, ({ addresses }) => Object.keys(addresses).length === 0);
      assert.equal(pluggedOf(id), 0);
    });

    it('a port that an administrator takes from its server is no longer the server’s', async () => {
      const id = await create();
      await change(`ports/${await portOf(id)}`, { port: { device_id: '' } }, 'admin');
      await servers.until(id, ({ addresses }) => Object.keys(addresses).length === 0);
    });

    it('a port that a client only says to be the server’s is not', async () => {
      const id = await create();
      const { id: port } = await neutron.port('member', own);
      await change(`ports/${port}`, { port: { device_id: id } });
      const refreshed = async () => refreshNetwork(servers.world.deps, { uuid: id });
      await refreshed();
      assert.equal(Object.values<unknown[]>((await servers.show(id)).addresses).flat().length, 1);
      assert.equal((await servers.act(id, { reboot: { type: 'HARD' } })).status, 202);
      await servers.world.settled();
      assert.equal((await servers.show(id)).status, 'ACTIVE');
    });

    it('what has no name or address that a server shows tells nothing', async () => {
      const id = await create();
      const before = (await servers.show(id)).updated;
      await change(`networks/${own}`, { network: { description: 'a network' } });
      assert.equal((await servers.show(id)).updated, before);
    });
  });
}

// A port's guard is what its owner, and nobody else, says: what he changes reaches the guest's host, on SQLite and MariaDB.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { refreshNetwork } from '../../../src/ops/servers/refresh-network.ts';
import { engines } from '../../support/database.ts';
import { type Neutron, startNeutron } from '../../support/neutron.ts';
import { type Servers, startServers } from '../../support/servers.ts';

for (const engine of engines) {
  describe(`what guards a port on ${engine}`, () => {
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

    const guardOf = (id: string) => servers.world.drivers.get('host-1')?.store.get(id)?.spec.nics[0]?.guard;

    it('reaches the host when it changes, and only its owner changes it', async () => {
      const id = await servers.create({ networks: [{ uuid: own }] }, { version: '2.42' });
      assert.equal(guardOf(id), undefined, 'a port speaks as itself alone');
      const [port] = (await neutron.ask('member', 'GET', `ports?device_id=${id}`)).body.ports;
      const change = (as: 'member' | 'other', body: object) =>
        neutron.ask(as, 'PUT', `ports/${port.id}`, { port: body });
      const pairs = [{ ip_address: '10.50.0.200' }, { ip_address: '10.9.0.0/16', mac_address: 'fa:16:3e:00:00:99' }];
      assert.equal((await change('other', { allowed_address_pairs: pairs })).status, 404);
      const told = await change('member', { allowed_address_pairs: pairs });
      assert.equal(told.status, 200, JSON.stringify(told.body));
      await refreshNetwork(servers.world.deps, { uuid: id });
      assert.deepEqual(guardOf(id), {
        enabled: true,
        pairs: [
          { address: '10.50.0.200', mac: null },
          { address: '10.9.0.0/16', mac: 'fa:16:3e:00:00:99' },
        ],
      });
      assert.equal((await change('member', { allowed_address_pairs: [] })).status, 200);
      await refreshNetwork(servers.world.deps, { uuid: id });
      assert.equal(guardOf(id), undefined);
      const open = { port_security_enabled: false, security_groups: [] };
      assert.equal((await change('member', open)).status, 200);
      await refreshNetwork(servers.world.deps, { uuid: id });
      assert.deepEqual(guardOf(id), { enabled: false, pairs: [] });
    });

    it('is addresses, in one notation, and nothing else', async () => {
      const { id } = await neutron.port('member', own);
      const change = (pairs: unknown) =>
        neutron.ask('member', 'PUT', `ports/${id}`, { port: { allowed_address_pairs: pairs } });
      for (const [pair, words] of [
        [{ ip_address: 'foo' }, "'foo' is not a valid IP address"],
        [{ ip_address: '' }, "'' is not a valid IP address"],
        [{ ip_address: 7 }, '7 is not a valid IP address'],
        [{ ip_address: '10.1' }, "'10.1' is not a valid IP address"],
        [{ ip_address: '010.0.0.1' }, "'010.0.0.1' is not a valid IP address"],
        [{ ip_address: 'fe80::1%eth0' }, "'fe80::1%eth0' is not a valid IP address"],
        [{ ip_address: ' 10.0.0.1' }, "' 10.0.0.1' is not a valid IP address"],
        [{ ip_address: '10.0.0.0/33' }, "'10.0.0.0/33' is not a valid IP subnet"],
        [{ ip_address: '10.0/16' }, "'10.0/16' is not a valid IP subnet"],
        [{ ip_address: 'fd00::/' }, "'fd00::/' is not a valid IP subnet"],
        [{ ip_address: '224.0.0.18' }, 'IP 224.0.0.18 is a multicast address, which is not supported.'],
        [
          { ip_address: 'ff02::/64' },
          'Subnet ff02::/64 overlaps with multicast range ff00::/8, which is not supported.',
        ],
        [{ ip_address: '10.0.0.1', mac_address: 'fa:16' }, "'fa:16' is not a valid MAC address"],
        [{ ip_address: '10.0.0.1', mac_address: null }, 'null is not a valid MAC address'],
        [{ mac_address: 'fa:16:3e:00:00:99' }, 'AllowedAddressPair must contain ip_address'],
        [{ ip_address: '10.0.0.1', more: 1 }, "Unrecognized attribute(s) 'more'"],
      ] as const) {
        const { status, body, text } = await change([{ ip_address: '10.50.0.201' }, pair]);
        assert.equal(status, 400, `${JSON.stringify(pair)}: ${text}`);
        assert.equal(body.NeutronError.message, words);
      }
      const twice = await change([{ ip_address: 'FD00::1' }, { ip_address: 'fd00:0::1' }]);
      assert.deepEqual([twice.status, twice.body.NeutronError.type], [400, 'DuplicateAddressPairInRequest']);
      const { status, body } = await change([
        { ip_address: 'FD00:0::1', mac_address: 'FA-16-3E-00-00-99' },
        { ip_address: '10.9.7.5/16' },
        { ip_address: '0.0.0.0/0' },
        { ip_address: '::/0' },
      ]);
      assert.equal(status, 200);
      assert.deepEqual(body.port.allowed_address_pairs, [
        { ip_address: 'fd00::1', mac_address: 'fa:16:3e:00:00:99' },
        { ip_address: '10.9.0.0/16' },
        { ip_address: '0.0.0.0/0' },
        { ip_address: '::/0' },
      ]);
      assert.equal((await change(null)).status, 200);
    });
  });
}

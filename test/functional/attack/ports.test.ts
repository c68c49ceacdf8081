// A port of one tenant's that names the server of another gets nowhere: not into its rows, its views, its guest; and the server does
// nothing to it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { refreshNetwork } from '../../../src/ops/servers/refresh-network.ts';
import { portNoun } from '../../../src/db/networks.ts';
import { callers } from '../../support/callers.ts';
import { engines } from '../../support/database.ts';
import { type Neutron, startNeutron } from '../../support/neutron.ts';
import { type Servers, startServers } from '../../support/servers.ts';

for (const engine of engines) {
  describe(`ports that name somebody else's server, on ${engine}`, () => {
    let servers: Servers;
    let neutron: Neutron;
    let own: string;
    let foreign: string;
    let victim: string;
    before(async () => {
      servers = await startServers({ engine, builtInNetworks: true });
      neutron = await startNeutron(servers.world, true);
      own = await neutron.network('member', 'own', '10.50.0.0/24');
      foreign = await neutron.network('other', 'foreign', '10.51.0.0/24');
      victim = await servers.create({ networks: [{ uuid: own }] }, { version: '2.42' });
    });
    after(async () => {
      await neutron.close();
      await servers.close();
    });

    const nics = () =>
      servers.world.drivers
        .get('host-1')
        ?.store.get(victim)
        ?.spec.nics.map(({ network }) => network.id);

    /** The server as it was, whatever happens to it. */
    async function untouched(): Promise<void> {
      const looks = async () => {
        const { addresses } = await servers.show(victim);
        assert.deepEqual(Object.keys(addresses), ['own']);
        const { body } = await servers.request('GET', `/servers/${victim}/os-interface`, { as: 'admin' });
        assert.deepEqual(
          body.interfaceAttachments.map(({ net_id }: { net_id: string }) => net_id),
          [own],
        );
        assert.deepEqual(nics(), [own]);
      };
      await refreshNetwork(servers.world.deps, { uuid: victim });
      await looks();
      assert.equal((await servers.act(victim, { reboot: { type: 'HARD' } })).status, 202);
      await servers.world.settled();
      await looks();
    }
    const portOf = async (as: 'other', id: string) => (await neutron.ask(as, 'GET', `ports/${id}`)).body.port;

    it('are made with its id, and are nothing to it', async () => {
      const port = await neutron.port('other', foreign, { device_id: victim, device_owner: 'compute:nova' });
      await untouched();
      assert.deepEqual(await portOf('other', port.id), port);
    });

    it('are not turned from a server of their own towards it', async () => {
      const options = { as: 'other', version: '2.42' } as const;
      const id = await servers.create({ networks: [{ uuid: foreign }] }, options);
      const [port] = (await neutron.ask('other', 'GET', `ports?device_id=${id}`)).body.ports;
      for (const change of [{ device_id: victim }, { device_id: '' }, { device_owner: 'compute:other' }]) {
        const answer = await neutron.ask('other', 'PUT', `ports/${port.id}`, { port: change });
        assert.equal(answer.status, 409, answer.text);
        assert.equal(answer.body.NeutronError.type, 'PortBound');
      }
      const same = await neutron.ask('other', 'PUT', `ports/${port.id}`, { port: { name: 'x', device_id: id } });
      assert.equal(same.status, 200, 'what stays as it was is no change');
      await untouched();
    });

    it('are nothing to it even where the row says what compute itself would write', async () => {
      const port = await neutron.port('other', foreign);
      await servers.world.database
        .write(portNoun.table)
        .where({ id: port.id })
        .update({
          device_id: victim,
          device_owner: 'compute:nova',
          binding: JSON.stringify({
            ...{ host_id: 'host-1', vnic_type: 'normal', vif_type: 'nat', vif_details: {} },
            profile: { xloud_position: 0, xloud_preexisting: false },
          }),
        });
      await untouched();
      assert.equal((await servers.request('DELETE', `/servers/${victim}`, { as: 'member' })).status, 204);
      await servers.world.settled();
      const left = await portOf('other', port.id);
      assert.equal(left.device_id, victim, 'and the end of the server is none of its own');
    });

    it('of their own are of no use on a network that is not theirs', async () => {
      const { projectId } = callers.member;
      const lent = await neutron.port('admin', foreign, { project_id: projectId });
      const answer = await servers.post({ networks: [{ port: lent.id }] }, { version: '2.42' });
      assert.deepEqual(
        [answer.status, answer.body.badRequest?.message],
        [400, `Network ${foreign} could not be found.`],
      );
    });
  });
}

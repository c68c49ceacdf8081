// What a tenant may take as a network's range: nothing that is the world's, the host's or somebody else's, and no answer tells whose
// it is.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { engines } from '../../support/database.ts';
import { type Neutron, startNeutron } from '../../support/neutron.ts';
import { makeWorld, type World } from '../../support/world.ts';

for (const engine of engines) {
  describe(`ranges of subnets on ${engine}`, () => {
    let world: World;
    let neutron: Neutron;
    const networks: Record<string, string> = {};
    before(async () => {
      world = await makeWorld({ engine });
      neutron = await startNeutron(world);
      for (const as of ['member', 'other', 'admin'] as const) {
        networks[as] = (await neutron.ask(as, 'POST', 'networks', { network: {} })).body.network.id;
      }
    });
    after(async () => {
      await neutron.close();
      await world.close();
    });

    const subnet = (as: 'member' | 'other' | 'admin', cidr: string) =>
      neutron.ask(as, 'POST', 'subnets', { subnet: { network_id: networks[as], cidr } });
    const refusal = async (as: 'member' | 'other' | 'admin', cidr: string) => {
      const { status, body, text } = await subnet(as, cidr);
      assert.equal(status, 400, `${cidr}: ${text}`);
      return (body.NeutronError.message as string).replaceAll(cidr, 'RANGE');
    };

    it('that mean something to every host are nobody’s', async () => {
      for (const as of ['member', 'admin'] as const) {
        for (const cidr of [
          '127.0.0.0/8',
          '169.254.169.0/24',
          '0.0.0.0/1',
          '224.0.0.0/8',
          '255.255.255.0/24',
          'fe80::/64',
          '::/64',
          'ff02::/64',
        ]) {
          assert.match(await refusal(as, cidr), /is reserved/, cidr);
        }
      }
    });

    it('of the world are administrators’ alone', async () => {
      for (const cidr of [
        '8.8.8.0/24',
        '128.0.0.0/16',
        '203.0.113.0/24',
        '2001:db8::/64',
        '172.32.0.0/16',
        '11.0.0.0/24',
      ]) {
        assert.match(await refusal('member', cidr), /is not to be had/, cidr);
      }
      assert.equal((await subnet('admin', '203.0.113.0/24')).status, 201);
    });

    it('are not as wide as to leave others none', async () => {
      for (const cidr of ['10.0.0.0/8', '10.0.0.0/15', 'fd00::/8', 'fd00::/47']) {
        assert.match(await refusal('member', cidr), /prefix/, cidr);
      }
    });

    it('of others and those that are not allowed are refused in the same words', async () => {
      assert.equal((await subnet('other', '10.60.0.0/24')).status, 201);
      const taken = await refusal('member', '10.60.0.0/25');
      assert.equal(taken, await refusal('member', '8.8.8.0/24'));
      assert.ok(!taken.includes('10.60.0.0'), taken);
      assert.match(await refusal('other', '10.60.0.128/25'), /overlaps/, 'of one’s own one may know');
    });

    it('of one project are bounded in addresses', async () => {
      assert.equal((await subnet('member', '10.61.0.0/17')).status, 201);
      assert.equal((await subnet('member', '10.61.128.0/17')).status, 201);
      const { status, body } = await subnet('member', '10.62.0.0/30');
      assert.deepEqual([status, body.NeutronError.type], [409, 'OverQuota']);
    });

    it('are given once, however many ask at once', async () => {
      const ids = await Promise.all(
        Array.from(
          { length: 6 },
          async () => (await neutron.ask('admin', 'POST', 'networks', { network: {} })).body.network.id,
        ),
      );
      const made = await Promise.all(
        ids.map((id: string) =>
          neutron.ask('admin', 'POST', 'subnets', { subnet: { network_id: id, cidr: '10.70.0.0/24' } }),
        ),
      );
      assert.deepEqual(
        made.map(({ status }) => status).toSorted((a, b) => a - b),
        [201, 400, 400, 400, 400, 400],
      );
    });
  });
}

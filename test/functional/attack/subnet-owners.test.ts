// Whose a subnet is, is who counts for it: its project, as in Neutron, whoever made it and on whose network.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { engines } from '../../support/database.ts';
import { startWalkedCloud, type WalkedCloud, type WalkerName } from '../../support/walkers.ts';

for (const engine of engines) {
  describe(`whose subnets are, on ${engine}`, () => {
    let cloud: WalkedCloud;
    before(async () => {
      cloud = await startWalkedCloud(engine);
    });
    after(() => cloud.close());

    const ask = (as: WalkerName, path: string, body: object) => cloud.ask(as, 'POST', `/network/v2.0/${path}`, body);
    const network = async (as: WalkerName, more: object = {}): Promise<string> =>
      (await ask(as, 'networks', { network: more })).body.network.id;
    const subnet = (as: WalkerName, networkId: string, cidr: string, more: object = {}) =>
      ask(as, 'subnets', { subnet: { network_id: networkId, cidr, ...more } });
    const isOver = async (as: WalkerName, networkId: string, cidr: string): Promise<void> => {
      const { status, body, text } = await subnet(as, networkId, cidr);
      assert.deepEqual([status, body?.NeutronError?.type], [409, 'OverQuota'], text);
    };

    it('is said by who makes them, on whosever network', async () => {
      const [own, projectId] = [await network('other'), cloud.walkers.other.projectId];
      const plain = await subnet('admin', own, '10.61.0.0/17');
      assert.equal(plain.body.subnet.project_id, cloud.walkers.admin.projectId, plain.text);
      assert.equal((await subnet('other', own, '10.62.0.0/17')).status, 201, 'an administrator’s is not the tenant’s');
      const given = await subnet('admin', own, '10.63.0.0/17', { project_id: projectId });
      assert.equal(given.body.subnet.project_id, projectId);
      await isOver('other', own, '10.64.0.0/30');
    });

    it('counts for their makers, also on the network of somebody else', async () => {
      const shared = await network('admin', { shared: true });
      cloud.override('"create_subnet": "role:member"');
      assert.equal((await subnet('member', shared, '10.71.0.0/17')).status, 201);
      assert.equal((await subnet('member', shared, '10.72.0.0/17')).status, 201);
      await isOver('member', shared, '10.73.0.0/30');
      const { status, body } = await subnet('member', shared, '10.71.0.0/16');
      assert.equal(status, 400);
      assert.match(body.NeutronError.message, /overlaps with another subnet/, 'of one’s own one may know');
    });
  });
}

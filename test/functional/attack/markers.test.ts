// A list is paged behind something: what is another's is told from what never was by no list, so that nobody finds out by asking.
// On both engines.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type CallerName, callers } from '../../support/callers.ts';
import { engines } from '../../support/database.ts';
import { type Servers, startServers } from '../../support/servers.ts';
import { startWalkedCloud, type WalkedCloud } from '../../support/walkers.ts';

/** The words of an answer without the ids that were asked for. */
const said = (text: string, id: string): string => text.replaceAll(id, 'ID').replaceAll(/req-[0-9a-f-]+/g, 'REQ');

for (const engine of engines) {
  describe(`markers of the compute API on ${engine}`, () => {
    let servers: Servers;
    let server: string;
    before(async () => {
      servers = await startServers({ engine, hosts: [{ name: 'host-1' }, { name: 'host-2' }] });
      server = await servers.create();
      const moved = await servers.act(server, { migrate: null }, { as: 'admin' });
      assert.ok(moved.status < 300, moved.text);
      await servers.world.settled();
      const flavor = { id: 'secret', name: 'secret', ram: 64, vcpus: 1, disk: 1, 'os-flavor-access:is_public': false };
      assert.equal((await servers.request('POST', '/flavors', { body: { flavor } })).status, 200);
      assert.equal(
        (await servers.request('POST', '/os-keypairs', { as: 'member', body: { keypair: { name: 'mine' } } })).status,
        200,
      );
    });
    after(() => servers.close());

    async function alike(as: CallerName, path: string, theirs: string): Promise<void> {
      const nothing = randomUUID();
      const ask = (marker: string) =>
        servers.request('GET', `${path}${path.includes('?') ? '&' : '?'}marker=${marker}`, { as, version: '2.90' });
      const [other, none] = [await ask(theirs), await ask(nothing)];
      assert.equal(other.status, none.status, `${other.text} and ${none.text}`);
      assert.equal(said(other.text, theirs), said(none.text, nothing));
      assert.equal(none.status, 400, none.text);
    }

    it('another’s server', async () => {
      for (const path of ['/servers', '/servers/detail', '/os-xloud-adjust']) await alike('other', path, server);
    });
    it('another’s server in the usage of a project', async () => {
      const own = '0000000000000000000000000000071e';
      await alike('other', `/os-simple-tenant-usage/${own}`, server);
    });
    it('a flavor that is not for everybody', async () => {
      for (const path of ['/flavors', '/flavors/detail']) await alike('other', path, 'secret');
    });
    it('another’s move between hosts, for a manager', async () => {
      const all = await servers.request('GET', '/os-migrations', { version: '2.90' });
      const [{ uuid }] = all.body.migrations as [{ uuid: string }];
      await servers.world.database.write('migrations').update({ project_id: 'another' });
      await alike('manager', `/os-migrations?project_id=${callers.manager.projectId}`, uuid);
    });
    it('another’s key', () => alike('other', '/os-keypairs', 'mine'));
  });

  describe(`markers of the built-in services on ${engine}`, () => {
    let cloud: WalkedCloud;
    const ids: Record<string, string> = {};
    before(async () => {
      cloud = await startWalkedCloud(engine);
      const made = async (as: 'member' | 'admin', path: string, body: object) => {
        const answer = await cloud.ask(as, 'POST', path, body);
        assert.equal(answer.status, 201, answer.text);
        return answer.body.id ?? (Object.values(answer.body)[0] as { id: string }).id;
      };
      const v2 = (noun: string) => `/network/v2.0/${noun}`;
      ids['/image/v2/images'] = await made('member', '/image/v2/images', { name: 'mine' });
      const network_id = await made('member', v2('networks'), { network: { name: 'mine' } });
      ids[v2('networks')] = network_id;
      const cidr = '10.77.0.0/24';
      ids[v2('subnets')] = await made('member', v2('subnets'), { subnet: { network_id, ip_version: 4, cidr } });
      ids[v2('ports')] = await made('member', v2('ports'), { port: { network_id } });
      const security_group_id = await made('member', v2('security-groups'), { security_group: { name: 'mine' } });
      ids[v2('security-groups')] = security_group_id;
      const rule = { security_group_rule: { security_group_id, direction: 'ingress' } };
      ids[v2('security-group-rules')] = await made('member', v2('security-group-rules'), rule);
      const outside = await made('admin', v2('networks'), { network: { 'router:external': true } });
      const subnet = { network_id: outside, ip_version: 4, cidr: '172.20.0.0/24' };
      await made('admin', v2('subnets'), { subnet });
      const floatingip = { floating_network_id: outside };
      ids[v2('floatingips')] = await made('member', v2('floatingips'), { floatingip });
      const { userId } = cloud.walkers.member;
      const credentials = `/identity/v3/users/${userId}/application_credentials`;
      const credential = { application_credential: { name: 'mine' } };
      const { other } = cloud.walkers;
      ids[`/identity/v3/users/${other.userId}/application_credentials`] = await made('member', credentials, credential);
    });
    after(() => cloud.close());

    it('what is another’s', async () => {
      assert.equal(Object.keys(ids).length, 8);
      for (const [path, theirs] of Object.entries(ids)) {
        const nothing = /^[0-9a-f]{32}$/.test(theirs) ? randomUUID().replaceAll('-', '') : randomUUID();
        const ask = (marker: string) => cloud.ask('other', 'GET', `${path}?limit=1&marker=${marker}`);
        const [other, none] = [await ask(theirs), await ask(nothing)];
        assert.equal(other.status, none.status, `${path}: ${other.text} and ${none.text}`);
        assert.equal(said(other.text, theirs), said(none.text, nothing));
        const own = await cloud.ask(
          'member',
          'GET',
          `${path.replace(cloud.walkers.other.userId, cloud.walkers.member.userId)}?limit=1&marker=${theirs}`,
        );
        assert.equal(own.status, 200, `${path}: ${own.text}`);
      }
    });
  });
}

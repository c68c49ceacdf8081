// Security groups: which a server is in and how that changes, and the groups and rules themselves as they were had here until 2.35.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newUuid } from '../../src/base/ids.ts';
import { type CallerName, callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { type Neutron, startNeutron } from '../support/neutron.ts';
import { type Servers, startServers } from '../support/servers.ts';

const PROJECT = callers.member.projectId as string;

for (const engine of engines) {
  describe(`security groups on ${engine}`, () => {
    let servers: Servers;
    let neutron: Neutron;
    before(async () => {
      servers = await startServers({ engine, builtInNetworks: true });
      neutron = await startNeutron(servers.world);
    });
    after(async () => {
      await neutron.close();
      await servers.close();
    });

    const ask = (method: string, path: string, body?: unknown, as: CallerName = 'member', version = '2.35') =>
      servers.request(method, path, { as, version, ...(body === undefined ? {} : { body }) });
    const says = (answer: Answer, status: number, envelope: string, message: string | RegExp) => {
      assert.equal(answer.status, status, answer.text);
      const said: string = answer.body[envelope].message;
      if (typeof message === 'string') assert.equal(said, message);
      else assert.match(said, message);
    };
    const make = async (name: string, as: CallerName = 'member') => {
      const answer = await ask('POST', '/os-security-groups', { security_group: { name, description: 'd' } }, as);
      assert.equal(answer.status, 200, answer.text);
      return answer.body.security_group.id as string;
    };
    const namesOf = async (id: string, version = '2.104') =>
      (await ask('GET', `/servers/${id}/os-security-groups`, undefined, 'member', version)).body.security_groups.map(
        ({ name }: { name: string }) => name,
      );
    const shownNames = async (id: string) =>
      ((await servers.show(id)).security_groups ?? []).map(({ name }: { name: string }) => name);
    const act = (id: string, body: object, as: CallerName = 'member') =>
      servers.act(id, body, { as, version: '2.104' });

    it('of a server are those of its interfaces, and change by name or id', async () => {
      const id = await servers.create();
      assert.deepEqual(await namesOf(id), ['default']);
      const { security_groups: whole } = (await ask('GET', `/servers/${id}/os-security-groups`)).body;
      assert.deepEqual(Object.keys(whole[0]).toSorted(), ['description', 'id', 'name', 'rules', 'tenant_id']);
      assert.equal(whole[0].tenant_id, PROJECT);
      // the default group lets in its own members alone
      for (const rule of whole[0].rules)
        assert.deepEqual([rule.group, rule.ip_range], [{ name: 'default', tenant_id: PROJECT }, {}]);
      const [web, db] = [await make('web'), await make('db')];
      const added = await act(id, { addSecurityGroup: { name: 'web' } });
      assert.deepEqual([added.status, added.text], [202, '']);
      assert.equal((await act(id, { addSecurityGroup: { name: db } })).status, 202);
      assert.deepEqual(await namesOf(id), ['db', 'default', 'web']);
      assert.deepEqual((await shownNames(id)).toSorted(), ['db', 'default', 'web']);
      assert.equal((await act(id, { addSecurityGroup: { name: web } })).status, 202, 'twice is once');
      const removed = await act(id, { removeSecurityGroup: { name: web } });
      assert.deepEqual([removed.status, removed.text], [202, '']);
      assert.deepEqual(await namesOf(id), ['db', 'default']);
      assert.deepEqual((await shownNames(id)).toSorted(), ['db', 'default']);
      const gone = `Security group web not associated with the instance ${id}`;
      says(await act(id, { removeSecurityGroup: { name: 'web' } }), 404, 'itemNotFound', gone);
      says(await ask('DELETE', `/os-security-groups/${db}`), 400, 'badRequest', `Security Group ${db} in use.`);
    });

    it('of a server: what cannot be is refused', async () => {
      const id = await servers.create();
      const lost = `Security group nowhere is not found for project ${PROJECT}`;
      says(await act(id, { addSecurityGroup: { name: 'nowhere' } }), 404, 'itemNotFound', lost);
      says(await act(id, { removeSecurityGroup: { name: 'nowhere' } }), 404, 'itemNotFound', lost);
      await make('same');
      await make('same');
      const twice = /^Multiple security_group matches found for name 'same', use an ID to be more specific\.$/;
      says(await act(id, { addSecurityGroup: { name: 'same' } }), 409, 'conflictingRequest', twice);
      says(
        await act(id, { addSecurityGroup: { name: ' ' } }),
        400,
        'badRequest',
        'Security group name cannot be empty',
      );
      for (const body of [{ name: '' }, {}, null, { name: 'web', more: 1 }]) {
        assert.equal((await act(id, { addSecurityGroup: body })).status, 400);
      }
      assert.equal((await act(id, { addSecurityGroup: { name: 'default' } }, 'other')).status, 404);
      const bare = await servers.create({ networks: 'none' }, { version: '2.37' });
      const none = `instance_id ${bare} could not be found as device id on any ports`;
      says(await act(bare, { addSecurityGroup: { name: 'default' } }), 404, 'itemNotFound', none);
      assert.deepEqual(await namesOf(bare), []);
      const open = await neutron.network('member', 'open', '10.71.0.0/24', { port_security_enabled: false });
      const naked = await servers.create({ networks: [{ uuid: open }] }, { version: '2.42' });
      const refused = 'Network requires port_security_enabled and subnet associated in order to apply security groups.';
      says(await act(naked, { addSecurityGroup: { name: 'default' } }), 400, 'badRequest', refused);
      assert.equal(
        (await ask('GET', `/servers/${id}/os-security-groups?x=1`, undefined, 'member', '2.102')).status,
        400,
      );
    });

    it('are made, listed, shown, changed and deleted until 2.35', async () => {
      const id = await make('mine');
      const expected = { id, name: 'mine', description: 'd', tenant_id: PROJECT, rules: [] };
      assert.deepEqual((await ask('GET', `/os-security-groups/${id}`)).body, { security_group: expected });
      const listed = (await ask('GET', '/os-security-groups')).body.security_groups;
      assert.deepEqual(
        listed.find((group: { id: string }) => group.id === id),
        expected,
      );
      const names = listed.map(({ name }: { name: string }) => name);
      assert.deepEqual(names, names.toSorted());
      const body = { security_group: { name: 'ours', description: 'e' } };
      const changed = await ask('PUT', `/os-security-groups/${id}`, body);
      assert.deepEqual(changed.body, { security_group: { ...expected, name: 'ours', description: 'e' } });
      const first = (await ask('GET', '/os-security-groups?limit=1')).body.security_groups;
      const second = (await ask('GET', '/os-security-groups?limit=1&offset=1&x=y')).body.security_groups;
      assert.equal(first.length, 1);
      assert.notEqual(first[0].id, second[0].id);
      assert.equal((await ask('GET', '/os-security-groups?limit=0')).body.security_groups.length, names.length);
      assert.equal((await ask('GET', '/os-security-groups?limit=x')).status, 400);
      const gone = await ask('DELETE', `/os-security-groups/${id}`);
      assert.deepEqual([gone.status, gone.text], [202, '']);
      const missing = `Security group ${id} does not exist`;
      says(await ask('GET', `/os-security-groups/${id}`), 404, 'itemNotFound', missing);
      says(await ask('PUT', `/os-security-groups/${id}`, body), 404, 'itemNotFound', missing);
      says(await ask('DELETE', `/os-security-groups/${id}`), 404, 'itemNotFound', missing);
      for (const method of ['GET', 'DELETE']) {
        says(await ask(method, '/os-security-groups/7'), 400, 'badRequest', 'Security group id should be uuid');
      }
      says(await ask('PUT', '/os-security-groups/7', body), 400, 'badRequest', 'Security group id should be uuid');
      assert.equal((await ask('GET', '/os-security-groups', undefined, 'member', '2.36')).status, 404);
    });

    it('are the project’s alone, but for administrators who ask for all', async () => {
      const foreign = await make('foreign', 'other');
      const idsFor = async (as: CallerName, more = '') =>
        (await ask('GET', `/os-security-groups${more}`, undefined, as)).body.security_groups.map(
          ({ id }: { id: string }) => id,
        );
      assert.ok(!(await idsFor('member')).includes(foreign));
      assert.ok(!(await idsFor('member', '?all_tenants=1')).includes(foreign));
      assert.ok(!(await idsFor('admin')).includes(foreign));
      assert.ok((await idsFor('admin', '?all_tenants=1')).includes(foreign));
      assert.equal((await ask('GET', `/os-security-groups/${foreign}`)).status, 404);
      assert.equal((await ask('GET', `/os-security-groups/${foreign}`, undefined, 'admin')).status, 200);
      assert.equal((await ask('DELETE', `/os-security-groups/${foreign}`)).status, 404);
    });

    it('are refused by the network service in its own words', async () => {
      const named = (name: string) => ({ security_group: { name, description: '' } });
      says(await ask('POST', '/os-security-groups', named('default')), 403, 'forbidden', /already exists/);
      assert.equal((await ask('POST', '/os-security-groups', { security_group: { name: 'x' } })).status, 400);
      await neutron.ask('admin', 'PUT', `quotas/${PROJECT}`, { quota: { security_group: 0 } });
      says(await ask('POST', '/os-security-groups', named('more')), 403, 'forbidden', /Quota exceeded/);
      await neutron.ask('admin', 'DELETE', `quotas/${PROJECT}`);
      const [group] = (await ask('GET', '/os-security-groups')).body.security_groups.filter(
        ({ name }: { name: string }) => name === 'default',
      );
      says(await ask('PUT', `/os-security-groups/${group.id}`, named('other')), 400, 'badRequest', /default/);
      says(await ask('DELETE', `/os-security-groups/${group.id}`), 400, 'badRequest', /default/);
    });

    it('have rules that let something in, from networks and from groups', async () => {
      const id = await make('ruled');
      const source = await make('source');
      const post = (rule: object, as: CallerName = 'member') =>
        ask('POST', '/os-security-group-rules', { security_group_rule: { parent_group_id: id, ...rule } }, as);
      const ssh = { ip_protocol: 'tcp', from_port: 22, to_port: '22', cidr: '10.0.0.0/24' };
      const first = await post(ssh);
      assert.equal(first.status, 200, first.text);
      const { security_group_rule: rule } = first.body;
      assert.deepEqual(rule, {
        id: rule.id,
        parent_group_id: id,
        ip_protocol: 'tcp',
        from_port: 22,
        to_port: 22,
        group: {},
        ip_range: { cidr: '10.0.0.0/24' },
      });
      const second = (await post({ group_id: source, ip_protocol: 'udp' })).body.security_group_rule;
      assert.deepEqual([second.group, second.ip_range], [{ name: 'source', tenant_id: PROJECT }, {}]);
      assert.deepEqual([second.from_port, second.to_port], [1, 65_535]);
      const ping = (await post({ ip_protocol: 'icmp', from_port: -1, to_port: -1 })).body.security_group_rule;
      assert.deepEqual([ping.from_port, ping.to_port, ping.ip_range], [-1, -1, { cidr: '0.0.0.0/0' }]);
      const { rules } = (await ask('GET', `/os-security-groups/${id}`)).body.security_group;
      const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
      assert.deepEqual(rules.toSorted(byId), [rule, second, ping].toSorted(byId));

      const kept = (await post({ ...ssh, cidr: '10.2.3.124/24' })).body.security_group_rule;
      assert.deepEqual(kept.ip_range, { cidr: '10.2.3.124/24' }, 'as it was written');

      says(await post(ssh), 400, 'badRequest', `This rule already exists in group ${id}`);
      says(await post({ group_id: source, ip_protocol: 'udp' }), 403, 'forbidden', /already exists/);
      says(await post({}), 400, 'badRequest', 'Not enough parameters to build a valid rule.');
      says(await post({ ...ssh, cidr: 'here' }), 400, 'badRequest', 'here is not a valid IP network.');
      const lost = newUuid();
      says(await post({ ...ssh, parent_group_id: lost }), 404, 'itemNotFound', `Security group ${lost} does not exist`);
      says(await post({ group_id: lost }), 404, 'itemNotFound', `Security group ${lost} does not exist`);
      says(await post(ssh, 'other'), 404, 'itemNotFound', `Security group ${id} does not exist`);
      assert.equal((await post({ parent_group_id: 7 })).status, 400);

      assert.equal((await ask('DELETE', `/os-security-group-rules/${rule.id}`, undefined, 'other')).status, 404);
      const gone = await ask('DELETE', `/os-security-group-rules/${rule.id}`);
      assert.deepEqual([gone.status, gone.text], [202, '']);
      const missing = `Security group rule ${rule.id} does not exist`;
      says(await ask('DELETE', `/os-security-group-rules/${rule.id}`), 404, 'itemNotFound', missing);
      says(await ask('DELETE', '/os-security-group-rules/x'), 400, 'badRequest', 'Security group id should be uuid');
      assert.equal((await ask('POST', '/os-security-group-rules', {}, 'member', '2.36')).status, 404);
    });
  });
}

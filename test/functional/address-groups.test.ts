// Named lists of addresses as Neutron's API has them, on both database engines, and the rules that speak of them.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import { basicEngine } from '../../src/standalone/network/engine.ts';
import { makeUnitSource } from '../../src/standalone/network/units.ts';
import { type Answer, type Cloud, startCloud, type Who } from '../support/cloud.ts';
import { engines } from '../support/database.ts';

for (const engine of engines) {
  describe(`address groups on ${engine}`, () => {
    let cloud: Cloud;
    before(async () => {
      const network = { engine: { ...basicEngine, kind: 'ovn' as const, gateways: ['host-1'] } };
      cloud = await startCloud({ engine, network });
    });
    after(() => cloud.close());

    const ask = (who: Who, method: string, path: string, body?: unknown): Promise<Answer> =>
      cloud.ask(who, method, `/network/v2.0/${path}`, body);
    const make = async (noun: string, body: object, who: Who = 'demo') => {
      const answer = await ask(who, 'POST', `${noun.replaceAll('_', '-')}s`, { [noun]: body });
      assert.equal(answer.status, 201, answer.text);
      return answer.json[noun];
    };
    const refuses = async (answer: Promise<Answer>, status: number, type: string, words: RegExp) => {
      const { status: found, json, text } = await answer;
      assert.deepEqual([found, json?.NeutronError?.type], [status, type], text);
      assert.match(json.NeutronError.message, words);
    };
    const alter = (id: string, verb: string, addresses: unknown, who: Who = 'demo') =>
      ask(who, 'PUT', `address-groups/${id}/${verb}_addresses`, { addresses });
    /** The matches of a group's rules that speak of lists, and whether OVN has to be told. */
    async function told(groupId: string) {
      const source = makeUnitSource(cloud.database, systemClock, { wire: '', gateways: [], metadata: false });
      const [unit] = await source.read([`group/${groupId}`]);
      const matches = (unit?.rows ?? [])
        .map(({ columns }) => columns['match'] as string | undefined)
        .filter((match) => match?.includes('{') === true);
      return { matches: matches.map((match) => match?.replace(/.* && (ip\d\.)/, '$1')), dirty: unit?.dirty };
    }
    const settle = () => cloud.database.write('network_units').update({ dirty: 0 });

    it('are made, shown, changed and deleted', async () => {
      const made = await make('address_group', {
        name: 'offices',
        addresses: ['192.0.2.9/24', '198.51.100.7', 'fd00::1'],
      });
      const { id } = made;
      assert.deepEqual(made.addresses, ['192.0.2.0/24', '198.51.100.7/32', 'fd00::1/128']);
      const more = await alter(id, 'add', ['203.0.113.0/24']);
      assert.equal(more.json.address_group.addresses.length, 4);
      await refuses(alter(id, 'add', ['203.0.113.5/24']), 400, 'AddressesAlreadyExist', /already exist/);
      assert.equal((await alter(id, 'remove', ['198.51.100.7', 'fd00::1'])).json.address_group.addresses.length, 2);
      await refuses(alter(id, 'remove', ['9.9.9.9']), 404, 'AddressesNotFound', /9.9.9.9\/32 not found/);
      for (const wrong of ['x', ['x'], ['10.0.0.0/8 || 1'], [1], null])
        assert.equal((await alter(id, 'add', wrong)).status, 400, JSON.stringify(wrong));
      const put = await ask('demo', 'PUT', `address-groups/${id}`, { address_group: { name: 'homes' } });
      assert.equal(put.json.address_group.name, 'homes');
      const whole = ask('demo', 'PUT', `address-groups/${id}`, { address_group: { addresses: [] } });
      await refuses(whole, 400, 'HTTPBadRequest', /read-only attribute addresses/);
      assert.equal((await ask('demo', 'GET', 'address-groups?name=homes')).json.address_groups.length, 1);
      await refuses(ask('other', 'GET', `address-groups/${id}`), 404, 'AddressGroupNotFound', /could not be found/);
      await refuses(alter(id, 'add', ['8.8.8.8'], 'other'), 404, 'AddressGroupNotFound', /could not be found/);
      const many = Array.from({ length: limits.addressGroupRanges }, (_, at) => `10.0.${at}.0/24`);
      await refuses(alter(id, 'add', many), 409, 'OverQuota', /at most 256/);
      assert.equal((await alter(id, 'add', [...many, '10.1.0.0/24'])).status, 400);
      assert.equal((await ask('demo', 'DELETE', `address-groups/${id}`)).status, 204);
    });

    it('are what rules speak of, which follow each change', async () => {
      const { id } = await make('address_group', { name: 'offices', addresses: ['192.0.2.0/24', 'fd00::/64'] });
      const group = (await make('security_group', { name: 'web' })).id as string;
      const rule = (more: object = {}) => ({
        ...{ security_group_id: group, direction: 'ingress', protocol: 'tcp', remote_address_group_id: id },
        ...more,
      });
      const made = await make('security_group_rule', rule());
      assert.equal(made.remote_address_group_id, id);
      await make('security_group_rule', rule({ ethertype: 'IPv6', direction: 'egress' }));
      assert.deepEqual((await told(group)).matches, ['ip4.src == {192.0.2.0/24}', 'ip6.dst == {fd00::/64}']);
      await settle();
      assert.equal((await alter(id, 'add', ['198.51.100.0/24'])).status, 200);
      const wider = await told(group);
      assert.deepEqual([wider.matches[0], wider.dirty], ['ip4.src == {192.0.2.0/24, 198.51.100.0/24}', true]);
      // without an address of the family it lets nobody in, and not everybody
      assert.equal((await alter(id, 'remove', ['192.0.2.0/24', '198.51.100.0/24'])).status, 200);
      assert.deepEqual((await told(group)).matches, ['ip6.dst == {fd00::/64}']);
      const again = ask('demo', 'POST', 'security-group-rules', { security_group_rule: rule() });
      await refuses(again, 409, 'SecurityGroupRuleExists', /already exists/);
      for (const more of [{ remote_ip_prefix: '10.0.0.0/8' }, { remote_group_id: group }]) {
        const both = ask('demo', 'POST', 'security-group-rules', { security_group_rule: rule(more) });
        await refuses(both, 400, 'SecurityGroupMultipleRemoteEntites', /Only one of/);
      }
      const foreign = (await make('address_group', { name: 'theirs' }, 'other')).id;
      const theirs = { security_group_rule: rule({ remote_address_group_id: foreign }) };
      const named = ask('demo', 'POST', 'security-group-rules', theirs);
      await refuses(named, 404, 'AddressGroupNotFound', /could not be found/);
      await refuses(ask('demo', 'DELETE', `address-groups/${id}`), 409, 'AddressGroupInUse', /in use on one or more/);
      assert.equal((await ask('demo', 'DELETE', `security-groups/${group}`)).status, 204);
      assert.equal((await ask('demo', 'DELETE', `address-groups/${id}`)).status, 204);
    });
  });
}

describe('address groups without OVN', () => {
  it('are none, and the reason is told', async () => {
    const cloud = await startCloud();
    const path = '/network/v2.0/address-groups';
    const refused = await cloud.ask('demo', 'POST', path, { address_group: { name: 'a' } });
    assert.deepEqual([refused.status, refused.json.NeutronError.type], [400, 'NotOffered']);
    await cloud.close();
  });
});

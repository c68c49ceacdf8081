// Policies of bandwidth as Neutron's API has them, on both database engines, and what OVN is to be told of them.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { newUuid } from '../../src/base/ids.ts';
import { basicEngine } from '../../src/standalone/network/engine.ts';
import { makeUnitSource } from '../../src/standalone/network/units.ts';
import { type Answer, type Cloud, callers, startCloud, type Who } from '../support/cloud.ts';
import { engines } from '../support/database.ts';

const ALL = 'qos/policies';

for (const engine of engines) {
  describe(`policies of bandwidth on ${engine}`, () => {
    let cloud: Cloud;
    before(async () => {
      const network = { engine: { ...basicEngine, kind: 'ovn' as const, gateways: ['host-1'] } };
      cloud = await startCloud({ engine, floatingIps: true, network });
    });
    after(() => cloud.close());

    const ask = (who: Who, method: string, path: string, body?: unknown): Promise<Answer> =>
      cloud.ask(who, method, `/network/v2.0/${path}`, body);
    const make = async (who: Who, path: string, noun: string, body: object = {}) => {
      const answer = await ask(who, 'POST', path, { [noun]: body });
      assert.equal(answer.status, 201, answer.text);
      return answer.json[noun];
    };
    const policy = (body: object = {}) => make('admin', ALL, 'policy', { name: 'gold', ...body });
    const limit = (id: string, body: object) =>
      make('admin', `${ALL}/${id}/bandwidth_limit_rules`, 'bandwidth_limit_rule', body);
    const plug = async (who: Who, more: object = {}, onNetwork: object = {}) => {
      const { id } = await make(who, 'networks', 'network', { name: 'n', ...onNetwork });
      return make(who, 'ports', 'port', { network_id: id, ...more });
    };
    const put = (who: Who, path: string, noun: string, body: object) => ask(who, 'PUT', path, { [noun]: body });
    const refuses = async (answer: Promise<Answer>, status: number, type: string, words: RegExp) => {
      const { status: found, json, text } = await answer;
      assert.deepEqual([found, json?.NeutronError?.type], [status, type], text);
      assert.match(json.NeutronError.message, words);
    };
    /** What OVN is to limit a port to, and whether it has to be told. */
    async function told(portId: string) {
      const source = makeUnitSource(cloud.database, systemClock, { wire: '', gateways: [], metadata: false });
      const [unit] = await source.read([`port/${portId}`]);
      const rows = (unit?.rows ?? []).filter(({ table }) => table === 'QoS');
      return {
        limits: rows.map(({ columns }) => [columns['direction'], columns['match'], columns['bandwidth']]),
        dirty: unit?.dirty,
      };
    }
    const settle = () => cloud.database.write('network_units').update({ dirty: 0 });

    it('are made, shown, listed, changed and deleted by administrators', async () => {
      const made = await policy({ description: 'much' });
      const { id } = made;
      assert.deepEqual([made.shared, made.rules, made.is_default], [false, [], false]);
      const up = await limit(id, { max_kbps: 3000 });
      assert.deepEqual(up, { id: up.id, max_kbps: 3000, max_burst_kbps: 0, direction: 'egress' });
      const down = await limit(id, { max_kbps: '4000', max_burst_kbps: 400, direction: 'ingress' });
      const rules = `${ALL}/${id}/bandwidth_limit_rules`;
      assert.deepEqual((await ask('admin', 'GET', rules)).json.bandwidth_limit_rules.length, 2);
      const onlyDown = (await ask('admin', 'GET', `${rules}?direction=ingress`)).json.bandwidth_limit_rules;
      assert.deepEqual(onlyDown, [down]);
      assert.deepEqual((await ask('admin', 'GET', `${rules}/${up.id}`)).json.bandwidth_limit_rule, up);
      const shown = (await ask('admin', 'GET', `${ALL}/${id}`)).json.policy.rules;
      assert.deepEqual(
        shown.find((one: { id: string }) => one.id === up.id),
        { ...up, type: 'bandwidth_limit', qos_policy_id: id },
      );
      const twice = ask('admin', 'POST', rules, { bandwidth_limit_rule: { max_kbps: 1 } });
      await refuses(twice, 409, 'QoSRulesConflict', /conflicts with a rule of egress/);
      const turned = put('admin', `${rules}/${down.id}`, 'bandwidth_limit_rule', { direction: 'egress' });
      await refuses(turned, 409, 'QoSRulesConflict', /egress/);
      const slower = await put('admin', `${rules}/${up.id}`, 'bandwidth_limit_rule', { max_kbps: 5 });
      assert.equal(slower.json.bandwidth_limit_rule.max_kbps, 5);
      assert.equal((await put('admin', `${ALL}/${id}`, 'policy', { name: 'silver' })).json.policy.name, 'silver');
      const other = await policy();
      await refuses(
        ask('admin', 'GET', `${ALL}/${other.id}/bandwidth_limit_rules/${up.id}`),
        404,
        'QosRuleNotFound',
        /./,
      );
      assert.equal((await ask('admin', 'DELETE', `${rules}/${up.id}`)).status, 204);
      assert.equal((await ask('admin', 'DELETE', `${ALL}/${id}`)).status, 204);
      await refuses(ask('admin', 'GET', `${ALL}/${id}`), 404, 'QosPolicyNotFound', /could not be found/);
      for (const body of [{ max_kbps: 0 }, { max_kbps: 1, direction: 'up' }, { max_kbps: 'x' }, {}]) {
        const { status } = await ask('admin', 'POST', `${ALL}/${other.id}/bandwidth_limit_rules`, {
          bandwidth_limit_rule: body,
        });
        assert.equal(status, 400, JSON.stringify(body));
      }
      const mine = ask('demo', 'POST', ALL, { policy: { name: 'mine' } });
      await refuses(mine, 403, 'PolicyNotAuthorized', /create_policy/);
    });

    it('limit the ports that name them, or whose networks do', async () => {
      const { id } = await policy({ shared: true });
      const up = await limit(id, { max_kbps: 3000, max_burst_kbps: 300 });
      const port = await plug('demo', { qos_policy_id: id });
      assert.equal(port.qos_policy_id, id);
      const egress = ['from-lport', `inport == "${port.id}"`, { rate: 3000, burst: 300 }];
      assert.deepEqual((await told(port.id)).limits, [egress]);
      const below = await plug('demo', {}, { qos_policy_id: id });
      assert.deepEqual([below.qos_policy_id, below.qos_network_policy_id], [null, id]);
      assert.equal((await told(below.id)).limits.length, 1);
      // whoever the policy is for is told of what changes in it
      await settle();
      await limit(id, { max_kbps: 9, direction: 'ingress' });
      for (const one of [port, below]) {
        const { limits, dirty } = await told(one.id);
        assert.deepEqual([limits.length, dirty], [2, true]);
      }
      await settle();
      assert.equal((await ask('admin', 'DELETE', `${ALL}/${id}/bandwidth_limit_rules/${up.id}`)).status, 204);
      const ingress = ['to-lport', `outport == "${port.id}"`, { rate: 9 }];
      assert.deepEqual(await told(port.id), { limits: [ingress], dirty: true });
      // a port's own policy is before its network's
      const own = await policy({ shared: true });
      await settle();
      assert.equal((await put('demo', `ports/${below.id}`, 'port', { qos_policy_id: own.id })).status, 200);
      assert.deepEqual(await told(below.id), { limits: [], dirty: true });
      assert.equal((await put('demo', `ports/${below.id}`, 'port', { qos_policy_id: null })).status, 200);
      assert.equal((await told(below.id)).limits.length, 1);
      await refuses(ask('admin', 'DELETE', `${ALL}/${id}`), 409, 'QosPolicyInUse', /is used by network/);
      await settle();
      assert.equal((await put('demo', `networks/${below.network_id}`, 'network', { qos_policy_id: null })).status, 200);
      assert.deepEqual(await told(below.id), { limits: [], dirty: true });
      await refuses(ask('admin', 'DELETE', `${ALL}/${id}`), 409, 'QosPolicyInUse', /is used by port/);
      assert.equal((await put('demo', `ports/${port.id}`, 'port', { qos_policy_id: null })).status, 200);
      assert.equal((await ask('admin', 'DELETE', `${ALL}/${id}`)).status, 204);
    });

    it('are for whom they are made, and are not shaken off', async () => {
      const [own, hidden] = [await policy({ project_id: callers.demo.projectId }), await policy()];
      assert.equal((await ask('demo', 'GET', `${ALL}/${own.id}`)).status, 200);
      for (const [who, id] of [
        ['demo', hidden.id],
        ['other', own.id],
      ] as const) {
        await refuses(ask(who, 'GET', `${ALL}/${id}`), 404, 'QosPolicyNotFound', /could not be found/);
        await refuses(ask(who, 'GET', `${ALL}/${id}/bandwidth_limit_rules`), 404, 'QosPolicyNotFound', /not be found/);
      }
      const lists = async (who: Who) =>
        (await ask(who, 'GET', ALL)).json.policies.map(({ id }: { id: string }) => id) as string[];
      assert.ok((await lists('demo')).includes(own.id) && !(await lists('other')).includes(own.id));
      const port = await plug('demo', { qos_policy_id: own.id });
      const named = (id: string | null) => put('demo', `ports/${port.id}`, 'port', { qos_policy_id: id });
      await refuses(named(hidden.id), 404, 'QosPolicyNotFound', /could not be found/);
      await refuses(named(newUuid()), 404, 'QosPolicyNotFound', /could not be found/);
      // what an administrator hung on a port stays there
      const hung = await put('admin', `ports/${port.id}`, 'port', { qos_policy_id: hidden.id });
      assert.equal(hung.status, 200, hung.text);
      for (const id of [null, own.id])
        await refuses(named(id), 403, 'PolicyRemoveAuthorizationError', /authority to remove QoS policy/);
      assert.equal((await named(hidden.id)).status, 200);
    });
  });
}

describe('policies of bandwidth without OVN', () => {
  it('are none, and the reason is told', async () => {
    const cloud = await startCloud({ floatingIps: true });
    const ask = (method: string, path: string, body?: unknown) =>
      cloud.ask('admin', method, `/network/v2.0/${path}`, body);
    assert.deepEqual((await ask('GET', ALL)).json, { policies: [] });
    assert.deepEqual((await ask('GET', 'qos/rule-types')).json, { rule_types: [] });
    const network = { qos_policy_id: newUuid() };
    for (const [path, body] of [
      [ALL, { policy: { name: 'gold' } }],
      ['networks', { network }],
    ] as const) {
      const refused = await ask('POST', path, body);
      assert.deepEqual([refused.status, refused.json.NeutronError.type], [400, 'NotOffered']);
    }
    await cloud.close();
  });
});

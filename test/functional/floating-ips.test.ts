// Floating addresses of the built-in network service as Neutron's API has them, on both engines.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newUuid } from '../../src/base/ids.ts';
import { type Answer, type Cloud, callers, startCloud, type Who } from '../support/cloud.ts';
import { engines } from '../support/database.ts';

for (const engine of engines) {
  describe(`floating addresses of the network service on ${engine}`, () => {
    let cloud: Cloud;
    let external = '';
    let externalSubnet = '';
    let inner = '';
    let innerSubnet = '';
    before(async () => {
      cloud = await startCloud({ engine, floatingIps: true });
      external = (await make('admin', 'network', { name: 'public', 'router:external': true })).id;
      // addresses below .128 are nobody's until they are named
      const pools = { allocation_pools: [{ start: '198.51.100.128', end: '198.51.100.254' }] };
      externalSubnet = (await subnetOf('admin', external, '198.51.100.0/24', pools)).id;
      inner = (await make('demo', 'network', { name: 'inner' })).id;
      innerSubnet = (await subnetOf('demo', inner, '10.60.0.0/24')).id;
    });
    after(() => cloud.close());

    const ask = (who: Who, method: string, path: string, body?: unknown): Promise<Answer> =>
      cloud.ask(who, method, `/network/v2.0/${path}`, body);
    const make = async (who: Who, noun: string, body: object) => {
      const answer = await ask(who, 'POST', `${noun}s`, { [noun]: body });
      assert.equal(answer.status, 201, answer.text);
      return answer.json[noun];
    };
    const subnetOf = (who: Who, network_id: string, cidr: string, more: object = {}) =>
      make(who, 'subnet', { network_id, cidr, ip_version: cidr.includes(':') ? 6 : 4, ...more });
    const float = (body: object = {}, who: Who = 'demo') =>
      make(who, 'floatingip', { floating_network_id: external, ...body });
    const show = async (id: string) => (await ask('demo', 'GET', `floatingips/${id}`)).json.floatingip;
    const put = (id: string, floatingip: object, who: Who = 'demo') =>
      ask(who, 'PUT', `floatingips/${id}`, { floatingip });
    const listed = async (query: string, who: Who = 'demo'): Promise<string[]> =>
      (await ask(who, 'GET', `floatingips?${query}`)).json.floatingips.map(({ id }: { id: string }) => id);
    const refuses = async (answer: Promise<Answer>, status: number, type: string, words: RegExp) => {
      const { status: found, json, text } = await answer;
      assert.deepEqual([found, json?.NeutronError?.type], [status, type], text);
      assert.match(json.NeutronError.message, words);
    };

    it('are made, shown, listed, changed and deleted', async () => {
      const made = await float({ description: 'mine' });
      const { id, floating_ip_address: address, created_at, updated_at, ...rest } = made;
      assert.match(address, /^198\.51\.100\.\d+$/);
      assert.ok(created_at === updated_at && created_at !== undefined);
      const { projectId } = callers.demo;
      assert.deepEqual(rest, {
        project_id: projectId,
        tenant_id: projectId,
        description: 'mine',
        floating_network_id: external,
        port_id: null,
        fixed_ip_address: null,
        router_id: null,
        port_forwardings: [],
        status: 'DOWN',
        tags: [],
        revision_number: 1,
      });
      assert.deepEqual(await show(id), made);
      const second = await float();
      assert.notEqual(second.floating_ip_address, address);
      assert.deepEqual(new Set(await listed('')), new Set([id, second.id]));
      for (const query of [
        `floating_ip_address=${address}`,
        'description=mine',
        `id=${id}`,
        'status=DOWN&sort_key=floating_ip_address&description=mine&router_id=',
      ]) {
        assert.deepEqual(await listed(query), [id], query);
      }
      for (const query of ['status=ACTIVE', `router_id=${newUuid()}`, `port_id=${newUuid()}`]) {
        assert.deepEqual(await listed(query), [], query);
      }
      assert.equal((await listed(`floating_network_id=${external}&limit=1`)).length, 1);
      const changed = (await put(id, { description: 'other' })).json.floatingip;
      assert.deepEqual([changed.description, changed.revision_number], ['other', 2]);
      assert.equal((await ask('demo', 'PUT', `floatingips/${id}/tags`, { tags: ['a'] })).status, 200);
      assert.deepEqual(await listed('tags=a'), [id]);
      for (const one of [id, second.id]) assert.equal((await ask('demo', 'DELETE', `floatingips/${one}`)).status, 204);
      await refuses(ask('demo', 'GET', `floatingips/${id}`), 404, 'FloatingIPNotFound', new RegExp(id));
      assert.deepEqual((await ask('admin', 'GET', `ports?network_id=${external}`)).json.ports, []);
    });

    it('are their project’s alone, while all see the networks that they come from', async () => {
      const { id } = await float();
      assert.deepEqual([await listed('', 'other'), await listed('', 'admin')], [[], [id]]);
      for (const method of ['GET', 'DELETE']) {
        await refuses(ask('other', method, `floatingips/${id}`), 404, 'FloatingIPNotFound', /could not be found/);
      }
      await refuses(put(id, { description: 'x' }, 'other'), 404, 'FloatingIPNotFound', /could not be found/);
      const seen = (await ask('other', 'GET', 'networks?router%3Aexternal=True')).json.networks;
      assert.deepEqual([seen.length, seen[0].id], [1, external]);
      // the port that holds the address is nobody's
      assert.deepEqual((await ask('demo', 'GET', `ports?network_id=${external}`)).json.ports, []);
      await ask('demo', 'DELETE', `floatingips/${id}`);
    });

    it('lead to an address of a port, until it goes', async () => {
      const port = await make('demo', 'port', { network_id: inner, device_id: newUuid() });
      const [{ ip_address: fixed }] = port.fixed_ips;
      const { id } = await float({ port_id: port.id });
      const leads = async () => {
        const { port_id, fixed_ip_address, status } = await show(id);
        return [port_id, fixed_ip_address, status];
      };
      const there = [port.id, fixed, 'ACTIVE'];
      const nowhere = [null, null, 'DOWN'];
      assert.deepEqual(await leads(), there);
      assert.deepEqual(await listed(`port_id=${port.id}&fixed_ip_address=${fixed}&status=ACTIVE`), [id]);
      await put(id, { description: 'kept' });
      assert.deepEqual(await leads(), there);
      await put(id, { port_id: null });
      assert.deepEqual(await leads(), nowhere);
      assert.equal((await put(id, { port_id: port.id, fixed_ip_address: fixed })).status, 200);
      assert.deepEqual(await leads(), there);
      // its address goes, another stays
      const more = { subnet_id: innerSubnet };
      const wider = await ask('demo', 'PUT', `ports/${port.id}`, {
        port: { fixed_ips: [{ ...more, ip_address: fixed }, more] },
      });
      assert.deepEqual([wider.json.port.fixed_ips.length, await leads()], [2, there]);
      await refuses(put(id, { port_id: port.id }), 400, 'BadRequest', /multiple fixed IPv4 addresses/);
      const rest = wider.json.port.fixed_ips.filter((one: { ip_address: string }) => one.ip_address !== fixed);
      await ask('demo', 'PUT', `ports/${port.id}`, { port: { fixed_ips: rest } });
      assert.deepEqual(await leads(), nowhere);
      // the port goes
      await put(id, { port_id: port.id });
      assert.equal((await leads())[1], rest[0].ip_address);
      assert.equal((await ask('demo', 'DELETE', `ports/${port.id}`)).status, 204);
      assert.deepEqual(await leads(), nowhere);
      await ask('demo', 'DELETE', `floatingips/${id}`);
    });

    it('lead nowhere wrong', async () => {
      const { id } = await float();
      const port = await make('demo', 'port', { network_id: inner });
      const bare = await make('demo', 'port', { network_id: inner, fixed_ips: [] });
      const foreignNet = await make('other', 'network', { name: 'theirs' });
      const foreign = await make('other', 'port', { network_id: foreignNet.id });
      await refuses(put(id, { port_id: newUuid() }), 404, 'PortNotFound', /could not be found/);
      await refuses(put(id, { port_id: foreign.id }), 404, 'PortNotFound', /could not be found/);
      await refuses(put(id, { port_id: bare.id }), 400, 'BadRequest', /no fixed IPv4 addresses/);
      await refuses(put(id, { fixed_ip_address: '10.60.0.9' }), 400, 'BadRequest', /without a port_id/);
      const wrong = { port_id: port.id, fixed_ip_address: '10.60.9.9' };
      await refuses(put(id, wrong), 400, 'BadRequest', /does not have fixed ip 10\.60\.9\.9/);
      await refuses(put(id, { floating_network_id: external }), 400, 'HTTPBadRequest', /read-only/);
      assert.equal((await put(id, { port_id: port.id })).status, 200);
      assert.equal((await put(id, { port_id: port.id })).status, 200, 'again to where it leads');
      const second = { floatingip: { floating_network_id: external, port_id: port.id } };
      const taken = ask('demo', 'POST', 'floatingips', second);
      await refuses(taken, 409, 'FloatingIPPortAlreadyAssociated', /already has a floating IP/);
      assert.deepEqual(await listed(''), [id], 'what was refused left nothing');
      await ask('demo', 'DELETE', `floatingips/${id}`);
    });

    it('come from external networks alone, any address to administrators', async () => {
      const post = (floatingip: object, who: Who = 'demo') => ask(who, 'POST', 'floatingips', { floatingip });
      for (const one of [inner, newUuid()]) {
        await refuses(post({ floating_network_id: one }), 400, 'BadRequest', /not a valid external network/);
      }
      await refuses(post({}), 400, 'HTTPBadRequest', /floating_network_id/);
      const six = await make('admin', 'network', { name: 'six', 'router:external': true });
      await refuses(post({ floating_network_id: six.id }), 400, 'BadRequest', /any IPv4 subnet/);
      await subnetOf('admin', six.id, '2001:db8:1::/64');
      await refuses(post({ floating_network_id: six.id }), 400, 'BadRequest', /any IPv4 subnet/);
      assert.equal((await ask('admin', 'DELETE', `networks/${six.id}`)).status, 204);
      const named = { floating_network_id: external, floating_ip_address: '198.51.100.7' };
      await refuses(post(named), 403, 'PolicyNotAuthorized', /floating_ip_address/);
      const { id } = await float({ ...named, project_id: callers.demo.projectId }, 'admin');
      assert.equal((await show(id)).floating_ip_address, '198.51.100.7');
      await refuses(post(named, 'admin'), 409, 'IpAddressAlreadyAllocated', /already allocated/);
      const chosen = await float({ subnet_id: externalSubnet });
      for (const one of [id, chosen.id]) await ask('demo', 'DELETE', `floatingips/${one}`);
    });

    it('are held by a port that nobody takes away, on a network that stays', async () => {
      const { id } = await float();
      const [port] = (await ask('admin', 'GET', `ports?network_id=${external}`)).json.ports;
      assert.deepEqual([port.device_owner, port.device_id, port.project_id], ['network:floatingip', id, '']);
      await refuses(ask('admin', 'DELETE', `ports/${port.id}`), 409, 'ServicePortInUse', /network:floatingip/);
      const moved = { port: { fixed_ips: [{ ip_address: '198.51.100.9' }] } };
      await refuses(ask('admin', 'PUT', `ports/${port.id}`, moved), 409, 'ServicePortInUse', /be updated directly/);
      const inside = { network: { 'router:external': false } };
      await refuses(ask('admin', 'PUT', `networks/${external}`, inside), 409, 'ExternalNetworkInUse', /non-external/);
      await refuses(ask('admin', 'DELETE', `subnets/${externalSubnet}`), 409, 'SubnetInUse', /IP allocation/);
      await ask('demo', 'DELETE', `floatingips/${id}`);
    });

    it('keep their network only while they lead somewhere', async () => {
      const { id: network } = await make('admin', 'network', { name: 'brief', 'router:external': true });
      await subnetOf('admin', network, '203.0.113.0/29');
      const port = await make('demo', 'port', { network_id: inner });
      const { id } = await float({ floating_network_id: network, port_id: port.id });
      await refuses(ask('admin', 'DELETE', `networks/${network}`), 409, 'NetworkInUse', /still in use/);
      assert.deepEqual(await listed(''), [id]);
      await put(id, { port_id: null });
      assert.equal((await ask('admin', 'DELETE', `networks/${network}`)).status, 204);
      assert.deepEqual(await listed(''), []);
      await ask('demo', 'DELETE', `ports/${port.id}`);
    });

    it('count against a quota', async () => {
      const quotas = `quotas/${callers.demo.projectId}`;
      const { id } = await float();
      const { floatingip } = (await ask('demo', 'GET', `${quotas}/details`)).json.quota;
      assert.deepEqual(floatingip, { limit: 50, used: 1, reserved: 0 });
      assert.equal((await ask('admin', 'PUT', quotas, { quota: { floatingip: 1 } })).json.quota.floatingip, 1);
      const over = ask('demo', 'POST', 'floatingips', { floatingip: { floating_network_id: external } });
      await refuses(over, 409, 'OverQuota', /floatingip/);
      await ask('admin', 'DELETE', quotas);
      await ask('demo', 'DELETE', `floatingips/${id}`);
    });

    it('are given out once each, however many ask at the same time', async () => {
      const narrow = await make('admin', 'network', { name: 'narrow', 'router:external': true });
      await subnetOf('admin', narrow.id, '203.0.113.0/29');
      const answers = await Promise.all(
        Array.from({ length: 8 }, () =>
          ask('demo', 'POST', 'floatingips', { floatingip: { floating_network_id: narrow.id } }),
        ),
      );
      const made = answers.filter(({ status }) => status === 201).map(({ json }) => json.floatingip);
      assert.equal(new Set(made.map((one) => one.floating_ip_address)).size, 5);
      const refused = answers.filter(({ status }) => status !== 201);
      assert.deepEqual(
        refused.map(({ json }) => json.NeutronError.type),
        Array.from({ length: 3 }, () => 'IpAddressGenerationFailure'),
      );
      for (const { id } of made) await ask('demo', 'DELETE', `floatingips/${id}`);
      assert.equal((await ask('admin', 'DELETE', `networks/${narrow.id}`)).status, 204);
    });
  });
}

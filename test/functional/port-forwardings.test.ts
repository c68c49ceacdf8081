// Ports of floating addresses that lead to ports of servers, as Neutron's API has them, on both database engines.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { limits } from '../../src/base/limits.ts';
import { newUuid } from '../../src/base/ids.ts';
import { basicEngine } from '../../src/standalone/network/engine.ts';
import { makeUnitSource } from '../../src/standalone/network/units.ts';
import { systemClock } from '../../src/base/clock.ts';
import { type Answer, type Cloud, startCloud, type Who } from '../support/cloud.ts';
import { engines } from '../support/database.ts';

for (const engine of engines) {
  describe(`port forwardings of the network service on ${engine}`, () => {
    let cloud: Cloud;
    let external = '';
    let [subnet, router, network] = ['', '', ''];
    const ask = (who: Who, method: string, path: string, body?: unknown): Promise<Answer> =>
      cloud.ask(who, method, `/network/v2.0/${path}`, body);
    const make = async (who: Who, noun: string, body: object) => {
      const answer = await ask(who, 'POST', `${noun.replaceAll('_', '-')}s`, { [noun]: body });
      assert.equal(answer.status, 201, answer.text);
      return answer.json[noun];
    };
    /** A network with a way out, and the ids of its parts; addresses below .128 are nobody's until they are named. */
    async function inner(who: Who, cidr: string) {
      const { id } = await make(who, 'network', { name: 'inner' });
      const allocation_pools = [{ start: cidr.replace('0/24', '128'), end: cidr.replace('0/24', '249') }];
      const made = await make(who, 'subnet', { network_id: id, cidr, allocation_pools, ip_version: 4 });
      const way = await make(who, 'router', { external_gateway_info: { network_id: external } });
      const joined = await ask(who, 'PUT', `routers/${way.id}/add_router_interface`, { subnet_id: made.id });
      assert.equal(joined.status, 200, joined.text);
      return { network: id as string, subnet: made.id as string, router: way.id as string };
    }
    before(async () => {
      cloud = await startCloud({
        ...{ engine, floatingIps: true },
        network: { engine: { ...basicEngine, kind: 'ovn', gateways: ['host-1'] } },
      });
      external = (await make('admin', 'network', { name: 'public', 'router:external': true })).id;
      await make('admin', 'subnet', { network_id: external, cidr: '203.0.113.0/24', ip_version: 4 });
      ({ network, subnet, router } = await inner('demo', '10.0.0.0/24'));
    });
    after(() => cloud.close());

    const float = async (body: object = {}, who: Who = 'demo') =>
      (await make(who, 'floatingip', { floating_network_id: external, ...body })).id as string;
    const plug = async (who: Who = 'demo', of = network) =>
      (await make(who, 'port', { network_id: of })) as { id: string; fixed_ips: { ip_address: string }[] };
    const addressOf = ({ fixed_ips: [first] }: Awaited<ReturnType<typeof plug>>) => first?.ip_address;
    const forward = (ip: string, body: object, who: Who = 'demo') =>
      ask(who, 'POST', `floatingips/${ip}/port_forwardings`, {
        port_forwarding: { protocol: 'tcp', external_port: 2201, internal_port: 22, ...body },
      });
    const forwarded = async (ip: string, body: object) => {
      const answer = await forward(ip, body);
      assert.equal(answer.status, 201, answer.text);
      return answer.json.port_forwarding;
    };
    const shownIp = async (id: string) => (await ask('demo', 'GET', `floatingips/${id}`)).json.floatingip;
    const refuses = async (answer: Promise<Answer>, status: number, type: string, words: RegExp) => {
      const { status: found, json, text } = await answer;
      assert.deepEqual([found, json?.NeutronError?.type], [status, type], text);
      assert.match(json.NeutronError.message, words);
    };
    /** What OVN is to have of balancers, as the tables are now. */
    async function balancers(of = router) {
      const source = makeUnitSource(cloud.database, systemClock, { wire: '', gateways: ['host-1'], metadata: false });
      const [unit] = await source.read([`router/${of}`]);
      return (unit?.rows ?? [])
        .filter(({ table }) => table === 'Load_Balancer')
        .map(({ columns }) => [columns['protocol'], columns['vips']]);
    }
    const isDirty = async (of = router) => {
      const row = await cloud.database
        .read('network_units')
        .where({ unit: `router/${of}` })
        .first('dirty');
      return Number(row?.dirty ?? 0) === 1;
    };
    const settle = () => cloud.database.write('network_units').update({ dirty: 0 });

    it('are made, shown, listed, changed and deleted', async () => {
      const [ip, port] = [await float(), await plug()];
      const made = await forwarded(ip, { internal_port_id: port.id, description: 'in' });
      const { id, ...rest } = made;
      assert.deepEqual(rest, {
        ...{ protocol: 'tcp', external_port: 2201, internal_port: 22, description: 'in' },
        ...{ internal_port_id: port.id, internal_ip_address: addressOf(port) },
        ...{ external_port_range: '2201:2201', internal_port_range: '22:22' },
      });
      const all = `floatingips/${ip}/port_forwardings`;
      assert.deepEqual((await ask('demo', 'GET', `${all}/${id}`)).json.port_forwarding, made);
      assert.deepEqual((await ask('demo', 'GET', all)).json.port_forwardings, [made]);
      assert.deepEqual((await ask('demo', 'GET', `${all}?external_port=1`)).json.port_forwardings, []);
      assert.deepEqual((await ask('demo', 'GET', `${all}?fields=id`)).json.port_forwardings, [{ id }]);
      const address = await shownIp(ip);
      assert.deepEqual([address.status, address.router_id, address.port_id], ['ACTIVE', router, null]);
      assert.deepEqual(
        address.port_forwardings.map((one: { external_port: number }) => one.external_port),
        [2201],
      );
      const udp = await forwarded(ip, { internal_port_id: port.id, protocol: 'udp', external_port_range: '2201' });
      assert.deepEqual(await balancers(), [
        [['tcp'], { [`${address.floating_ip_address}:2201`]: `${addressOf(port)}:22` }],
        [['udp'], { [`${address.floating_ip_address}:2201`]: `${addressOf(port)}:22` }],
      ]);
      const body = { port_forwarding: { external_port: 2299, internal_port_range: '23:23' } };
      const changed = (await ask('demo', 'PUT', `${all}/${id}`, body)).json.port_forwarding;
      assert.deepEqual([changed.external_port, changed.internal_port, changed.protocol], [2299, 23, 'tcp']);
      assert.equal((await ask('demo', 'DELETE', `${all}/${id}`)).status, 204);
      await refuses(ask('demo', 'GET', `${all}/${id}`), 404, 'PortForwardingNotFound', /could not be found/);
      assert.equal((await shownIp(ip)).status, 'ACTIVE');
      assert.equal((await ask('demo', 'DELETE', `${all}/${udp.id}`)).status, 204);
      const after = await shownIp(ip);
      assert.deepEqual([after.status, after.router_id, after.port_forwardings], ['DOWN', null, []]);
      assert.deepEqual(await balancers(), []);
    });

    it('and whole addresses exclude each other', async () => {
      const [ip, port, second] = [await float(), await plug(), await float()];
      await forwarded(ip, { internal_port_id: port.id });
      const put = (id: string, floatingip: object) => ask('demo', 'PUT', `floatingips/${id}`, { floatingip });
      await refuses(put(ip, { port_id: (await plug()).id }), 409, 'FipInUseByPortForwarding', /in use by Port/);
      await refuses(put(second, { port_id: port.id }), 409, 'PortHasPortForwarding', /already has a Port Forwarding/);
      const atOnce = { floatingip: { floating_network_id: external, port_id: port.id } };
      await refuses(ask('demo', 'POST', 'floatingips', atOnce), 409, 'PortHasPortForwarding', /already has/);
      // to let it lead nowhere as a whole changes nothing
      assert.equal((await put(ip, { port_id: null })).json.floatingip.status, 'ACTIVE');
      const other = await plug();
      assert.equal((await put(second, { port_id: other.id })).status, 200);
      await refuses(
        forward(second, { internal_port_id: (await plug()).id }),
        409,
        'FloatingIPPortAlreadyAssociated',
        /as a whole/,
      );
      const third = forward(ip, { internal_port_id: other.id, external_port: 99 });
      await refuses(third, 409, 'PortHasBindingFloatingIP', /already has a binding floating IP/);
    });

    it('have ends that are nobody else’s', async () => {
      const [ip, port, other] = [await float(), await plug(), await plug()];
      await forwarded(ip, { internal_port_id: port.id });
      await refuses(forward(ip, { internal_port_id: other.id }), 400, 'BadRequest', /conflicting values.*2201/);
      const again = { internal_port_id: port.id, external_port: 2202 };
      await refuses(forward(ip, again), 400, 'BadRequest', /conflicting values.*internal port 22/);
      await refuses(forward(await float(), again), 400, 'BadRequest', /conflicting values/);
      const { id } = await forwarded(ip, { ...again, internal_port: 80 });
      const onto = ask('demo', 'PUT', `floatingips/${ip}/port_forwardings/${id}`, {
        port_forwarding: { external_port: 2201 },
      });
      await refuses(onto, 400, 'BadRequest', /conflicting values/);
    });

    it('are refused where they lead nowhere', async () => {
      const [ip, port] = [await float(), await plug()];
      await refuses(forward(ip, { internal_port_id: newUuid() }), 404, 'PortNotFound', /could not be found/);
      const elsewhere = { internal_port_id: port.id, internal_ip_address: '10.0.0.250' };
      await refuses(forward(ip, elsewhere), 400, 'BadRequest', /does not have fixed ip 10.0.0.250/);
      const alone = await make('demo', 'network', { name: 'alone' });
      await make('demo', 'subnet', { network_id: alone.id, cidr: '10.7.0.0/24', ip_version: 4 });
      const unreached = forward(ip, { internal_port_id: (await plug('demo', alone.id)).id });
      await refuses(unreached, 404, 'ExternalGatewayForFloatingIPNotFound', /not reachable/);
      for (const [body, words] of [
        [{ protocol: 'icmp' }, /not in \['tcp', 'udp', 'sctp'\]/],
        [{ external_port: 0 }, /too small/],
        [{ internal_port: 65_536 }, /too large/],
        [{ external_port_range: '1:2', external_port: undefined }, /Ranges of ports are not forwarded/],
        [{ internal_port_range: '5; drop' }, /not a range of ports/],
        [{ internal_port_range: '5' }, /it is not internal_port/],
        [{ external_port: undefined }, /external_port or external_port_range is required/],
      ] as const) {
        const { status, text } = await forward(ip, { internal_port_id: port.id, ...body });
        assert.equal(status, 400, text);
        assert.match(text, words);
      }
    });

    it('lead by one router for each address', async () => {
      const second = await inner('demo', '10.5.0.0/24');
      const ip = await float();
      const { id } = await forwarded(ip, { internal_port_id: (await plug()).id });
      const there = await plug('demo', second.network);
      const both = forward(ip, { internal_port_id: there.id, external_port: 2202 });
      await refuses(both, 400, 'BadRequest', /is reached by router/);
      // the only one may go to another router, of which both are told
      await settle();
      const path = `floatingips/${ip}/port_forwardings/${id}`;
      const moved = await ask('demo', 'PUT', path, { port_forwarding: { internal_port_id: there.id } });
      assert.equal(moved.status, 200, moved.text);
      assert.deepEqual([await isDirty(router), await isDirty(second.router)], [true, true]);
      assert.equal((await balancers(second.router)).length, 1);
      const body = { subnet_id: second.subnet };
      const leaves = ask('demo', 'PUT', `routers/${second.router}/remove_router_interface`, body);
      await refuses(leaves, 409, 'RouterInterfaceInUseByFloatingIP', /required by/);
      const closes = ask('demo', 'PUT', `routers/${second.router}`, { router: { external_gateway_info: null } });
      await refuses(closes, 409, 'RouterExternalGatewayInUseByFloatingIp', /required by/);
    });

    it('go with their port, with its address, and with their floating address', async () => {
      const [ip, port, kept] = [await float(), await plug(), await plug()];
      await forwarded(ip, { internal_port_id: port.id });
      await forwarded(ip, { internal_port_id: kept.id, external_port: 2202 });
      await settle();
      assert.equal((await ask('demo', 'DELETE', `ports/${port.id}`)).status, 204);
      assert.ok(await isDirty());
      assert.deepEqual(
        (await shownIp(ip)).port_forwardings.map((one: { external_port: number }) => one.external_port),
        [2202],
      );
      await settle();
      const fixed_ips = [{ subnet_id: subnet, ip_address: '10.0.0.77' }];
      assert.equal((await ask('demo', 'PUT', `ports/${kept.id}`, { port: { fixed_ips } })).status, 200);
      assert.ok(await isDirty());
      const bare = await shownIp(ip);
      assert.deepEqual([bare.status, bare.router_id, bare.port_forwardings], ['DOWN', null, []]);
      await forwarded(ip, { internal_port_id: kept.id });
      await settle();
      assert.equal((await ask('demo', 'DELETE', `floatingips/${ip}`)).status, 204);
      assert.ok(await isDirty());
      assert.equal(
        (await balancers()).some(([, vips]) => JSON.stringify(vips).includes('10.0.0.77')),
        false,
      );
    });

    it('are the project’s own', async () => {
      const [ip, port] = [await float(), await plug()];
      const made = await forwarded(ip, { internal_port_id: port.id });
      const all = `floatingips/${ip}/port_forwardings`;
      for (const [method, path] of [
        ['GET', all],
        ['GET', `${all}/${made.id}`],
        ['DELETE', `${all}/${made.id}`],
      ] as const)
        await refuses(ask('other', method, path), 404, 'FloatingIPNotFound', /could not be found/);
      await refuses(forward(ip, { internal_port_id: port.id }, 'other'), 404, 'FloatingIPNotFound', /not be found/);
      // by its own address another project reaches neither the port nor what leads to it
      const foreign = await float({}, 'other');
      await refuses(forward(foreign, { internal_port_id: port.id }, 'other'), 404, 'PortNotFound', /not be found/);
      const through = ask('other', 'GET', `floatingips/${foreign}/port_forwardings/${made.id}`);
      await refuses(through, 404, 'PortForwardingNotFound', /could not be found/);
    });

    it('are bounded in number', async () => {
      const [ip, port] = [await float(), await plug()];
      const row = await forwarded(ip, { internal_port_id: port.id });
      const stored = await cloud.database.read('port_forwardings').where({ id: row.id }).first();
      for (let at = 1; at < limits.portForwardings; at += 1) {
        const more = { id: newUuid(), external_port: 10_000 + at, internal_port: 10_000 + at };
        await cloud.database.write('port_forwardings').insert({ ...stored, ...more });
      }
      await refuses(forward(ip, { internal_port_id: port.id, external_port: 5 }), 409, 'OverQuota', /at most 500/);
    });
  });
}

describe('port forwardings without OVN', () => {
  it('are none, and the reason is told', async () => {
    const cloud = await startCloud({ floatingIps: true });
    const ask = (who: Who, method: string, path: string, body?: unknown) =>
      cloud.ask(who, method, `/network/v2.0/${path}`, body);
    const network = { network: { name: 'public', 'router:external': true } };
    const { id } = (await ask('admin', 'POST', 'networks', network)).json.network;
    const subnet = { network_id: id, cidr: '203.0.113.0/24', ip_version: 4 };
    await ask('admin', 'POST', 'subnets', { subnet });
    const ip = (await ask('demo', 'POST', 'floatingips', { floatingip: { floating_network_id: id } })).json.floatingip;
    const all = `floatingips/${ip.id}/port_forwardings`;
    assert.deepEqual((await ask('demo', 'GET', all)).json.port_forwardings, []);
    const port_forwarding = { protocol: 'tcp', external_port: 1, internal_port: 1, internal_port_id: newUuid() };
    const refused = await ask('demo', 'POST', all, { port_forwarding });
    assert.deepEqual([refused.status, refused.json.NeutronError.type], [400, 'NotOffered']);
    const { extensions } = (await ask('demo', 'GET', 'extensions')).json;
    assert.ok(!extensions.some(({ alias }: { alias: string }) => alias.includes('port-forwarding')));
    await cloud.close();
  });
});

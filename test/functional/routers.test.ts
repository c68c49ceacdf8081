// Routers of the built-in network service as Neutron's API has them, where OVN carries networks; and ranges that several have.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { basicEngine } from '../../src/standalone/network/engine.ts';
import { type Answer, type Cloud, callers, startCloud, type Who } from '../support/cloud.ts';
import { engines } from '../support/database.ts';

for (const engine of engines) {
  describe(`routers of the network service on ${engine}`, () => {
    let cloud: Cloud;
    let external = '';
    before(async () => {
      const network = { engine: { ...basicEngine, kind: 'ovn' as const, gateways: ['host-1'] } };
      cloud = await startCloud({ engine, floatingIps: true, network });
      external = (await make('admin', 'network', { name: 'public', 'router:external': true })).id;
      await subnetOf('admin', external, '203.0.113.0/24');
    });
    after(() => cloud.close());

    const ask = (who: Who, method: string, path: string, body?: unknown): Promise<Answer> =>
      cloud.ask(who, method, `/network/v2.0/${path}`, body);
    const make = async (who: Who, noun: string, body: object) => {
      const answer = await ask(who, 'POST', `${noun.replaceAll('_', '-')}s`, { [noun]: body });
      assert.equal(answer.status, 201, answer.text);
      return answer.json[noun];
    };
    const subnetOf = (who: Who, network_id: string, cidr: string, more: object = {}) =>
      make(who, 'subnet', { network_id, cidr, ip_version: cidr.includes(':') ? 6 : 4, ...more });
    const inner = async (cidr: string, who: Who = 'demo', more: object = {}) => {
      const network = await make(who, 'network', { name: 'inner' });
      return { network: network.id as string, subnet: (await subnetOf(who, network.id, cidr, more)).id as string };
    };
    const router = (body: object = {}, who: Who = 'demo') => make(who, 'router', { name: 'r', ...body });
    const out = () => ({ external_gateway_info: { network_id: external } });
    const join = (id: string, body: object, who: Who = 'demo') =>
      ask(who, 'PUT', `routers/${id}/add_router_interface`, body);
    const leave = (id: string, body: object) => ask('demo', 'PUT', `routers/${id}/remove_router_interface`, body);
    const put = (id: string, body: object, who: Who = 'demo') => ask(who, 'PUT', `routers/${id}`, { router: body });
    const refuses = async (answer: Promise<Answer>, status: number, type: string, words: RegExp) => {
      const { status: found, json, text } = await answer;
      assert.deepEqual([found, json?.NeutronError?.type], [status, type], text);
      assert.match(json.NeutronError.message, words);
    };

    it('are made, shown, listed, changed and deleted', async () => {
      const { id, created_at, updated_at, ...rest } = await router({ description: 'mine' });
      assert.ok(created_at === updated_at && created_at !== undefined);
      const { projectId } = callers.demo;
      assert.deepEqual(rest, {
        ...{
          tenant_id: projectId,
          project_id: projectId,
          name: 'r',
          description: 'mine',
          tags: [],
          revision_number: 1,
        },
        ...{ admin_state_up: true, status: 'ACTIVE', external_gateway_info: null, routes: [], distributed: false },
        ...{ ha: false, flavor_id: null, availability_zone_hints: [], availability_zones: [] },
      });
      assert.deepEqual((await ask('demo', 'GET', 'routers?name=r')).json.routers.length, 1);
      assert.deepEqual((await ask('other', 'GET', 'routers')).json.routers, []);
      await refuses(ask('other', 'GET', `routers/${id}`), 404, 'RouterNotFound', /could not be found/);
      assert.equal((await put(id, { admin_state_up: false })).json.router.admin_state_up, false);
      assert.equal((await ask('demo', 'DELETE', `routers/${id}`)).status, 204);
    });

    it('come to networks by the gateway address, and leave them', async () => {
      const { id } = await router();
      const { network, subnet } = await inner('10.1.0.0/24');
      const joined = (await join(id, { subnet_id: subnet })).json;
      assert.deepEqual([joined.id, joined.subnet_id, joined.network_id], [id, subnet, network]);
      const port = (await ask('demo', 'GET', `ports/${joined.port_id}`)).json.port;
      assert.deepEqual(port.fixed_ips, [{ subnet_id: subnet, ip_address: '10.1.0.1' }]);
      assert.deepEqual([port.device_id, port.device_owner], [id, 'network:router_interface']);
      await refuses(join(id, { subnet_id: subnet }), 400, 'BadRequest', /already has a port on subnet/);
      await refuses(ask('demo', 'DELETE', `routers/${id}`), 409, 'RouterInUse', /still has ports/);
      await refuses(ask('demo', 'DELETE', `ports/${port.id}`), 409, 'ServicePortInUse', /directly via the port API/);
      for (const change of [{ device_id: '' }, { fixed_ips: [] }, { device_owner: '' }])
        await refuses(ask('demo', 'PUT', `ports/${port.id}`, { port: change }), 409, 'ServicePortInUse', /updated/);
      await refuses(ask('demo', 'DELETE', `networks/${network}`), 409, 'NetworkInUse', /in use/);
      const twin = await inner('10.1.0.0/25');
      await refuses(join(id, { subnet_id: twin.subnet }), 400, 'BadRequest', /overlaps with cidr 10.1.0.0\/24/);
      const none = await inner('10.2.0.0/24', 'demo', { gateway_ip: null });
      await refuses(join(id, { subnet_id: none.subnet }), 400, 'BadRequest', /must have a gateway IP/);
      assert.equal((await leave(id, { subnet_id: subnet })).status, 200);
      await refuses(
        leave(id, { subnet_id: subnet }),
        404,
        'RouterInterfaceNotFoundForSubnet',
        /does not have an interface/,
      );
      await refuses(ask('demo', 'GET', `ports/${port.id}`), 404, 'PortNotFound', /could not be found/);
      const own = await make('demo', 'port', { network_id: network });
      assert.equal((await join(id, { port_id: own.id })).json.port_id, own.id);
      assert.equal((await leave(id, { port_id: own.id })).status, 200);
    });

    it('lead outside, take a route, and keep what is in use', async () => {
      const made = await router(out());
      const [address] = made.external_gateway_info.external_fixed_ips;
      assert.match(address.ip_address, /^203\.0\.113\./);
      const { subnet, network } = await inner('10.3.0.0/24');
      await join(made.id, { subnet_id: subnet });
      const port = await make('demo', 'port', { network_id: network });
      const far = await inner('10.4.0.0/24');
      const alone = await make('demo', 'port', { network_id: far.network });
      const ip = await make('demo', 'floatingip', { floating_network_id: external });
      await refuses(
        ask('demo', 'PUT', `floatingips/${ip.id}`, { floatingip: { port_id: alone.id } }),
        ...([404, 'ExternalGatewayForFloatingIPNotFound', /not reachable from subnet/] as const),
      );
      const floating = (await ask('demo', 'PUT', `floatingips/${ip.id}`, { floatingip: { port_id: port.id } })).json
        .floatingip;
      assert.equal(floating.router_id, made.id);
      await refuses(
        put(made.id, { external_gateway_info: null }),
        409,
        'RouterExternalGatewayInUseByFloatingIp',
        /required/,
      );
      await refuses(leave(made.id, { subnet_id: subnet }), 409, 'RouterInterfaceInUseByFloatingIP', /required/);
      const routes = [{ destination: '10.9.0.0/16', nexthop: '10.3.0.7' }];
      assert.deepEqual((await put(made.id, { routes })).json.router.routes, routes);
      const strange = [{ destination: '10.9.0.0/16', nexthop: '10.77.0.7' }];
      await refuses(put(made.id, { routes: strange }), 400, 'InvalidRoutes', /not connected/);
      assert.equal((await ask('demo', 'DELETE', `ports/${port.id}`)).status, 204);
      assert.equal((await ask('demo', 'GET', `floatingips/${ip.id}`)).json.floatingip.router_id, null);
      assert.equal((await put(made.id, { external_gateway_info: {} })).json.router.external_gateway_info, null);
      await refuses(
        put(made.id, { external_gateway_info: { network_id: network } }),
        400,
        'BadRequest',
        /not an external/,
      );
      await refuses(
        put(made.id, { external_gateway_info: { ...out().external_gateway_info, enable_snat: false } }),
        403,
        'PolicyNotAuthorized',
        /enable_snat/,
      );
      const quiet = { external_gateway_info: { network_id: external, enable_snat: false } };
      assert.equal((await put(made.id, quiet, 'admin')).json.router.external_gateway_info.enable_snat, false);
    });

    it('are joined to no network of others, whatever a port says of itself', async () => {
      const mine = await router();
      const theirs = await inner('10.5.0.0/24', 'other');
      await refuses(join(mine.id, { subnet_id: theirs.subnet }), 404, 'SubnetNotFound', /could not be found/);
      const shared = await make('admin', 'network', { name: 'shared', shared: true });
      const common = await subnetOf('admin', shared.id, '10.6.0.0/24');
      await refuses(join(mine.id, { subnet_id: common.id }), 400, 'BadRequest', /another project's/);
      const outside = (await ask('admin', 'GET', `subnets?network_id=${external}`)).json.subnets[0].id;
      await refuses(join(mine.id, { subnet_id: outside }, 'admin'), 400, 'BadRequest', /external/);
      // a port that calls itself the router's is none
      const owner = { device_owner: 'network:router_interface', device_id: mine.id };
      const posing = await make('other', 'port', { network_id: theirs.network, ...owner });
      assert.equal((await ask('other', 'DELETE', `ports/${posing.id}`)).status, 204);
      assert.equal((await ask('demo', 'DELETE', `routers/${mine.id}`)).status, 204);
    });

    it('count against a quota', async () => {
      const path = `quotas/${callers.demo.projectId}`;
      assert.equal((await ask('demo', 'GET', `${path}/default`)).json.quota.router, 10);
      const { used } = (await ask('demo', 'GET', `${path}/details`)).json.quota.router;
      await ask('admin', 'PUT', path, { quota: { router: used } });
      await refuses(ask('demo', 'POST', 'routers', { router: {} }), 409, 'OverQuota', /router/);
      await ask('admin', 'DELETE', path);
    });

    it('let any network have any range, and one network each only once', async () => {
      const first = await inner('10.7.0.0/24');
      await inner('10.7.0.0/24', 'other');
      await inner('10.7.0.0/20');
      const again = { network_id: first.network, cidr: '10.7.0.0/25', ip_version: 4 };
      await refuses(
        ask('demo', 'POST', 'subnets', { subnet: again }),
        400,
        'InvalidInput',
        /overlaps with another subnet/,
      );
    });

    it('find no address twice on the wire of external networks', async () => {
      const two = await make('admin', 'network', { name: 'two', 'router:external': true });
      const twice = { network_id: two.id, cidr: '203.0.113.0/25', ip_version: 4 };
      await refuses(
        ask('admin', 'POST', 'subnets', { subnet: twice }),
        400,
        'InvalidInput',
        /overlaps with another subnet/,
      );
      const inside = await make('admin', 'network', { name: 'inside' });
      await make('admin', 'subnet', { ...twice, network_id: inside.id });
      const open = { network: { 'router:external': true } };
      await refuses(
        ask('admin', 'PUT', `networks/${inside.id}`, open),
        400,
        'InvalidInput',
        /overlaps with another subnet/,
      );
    });

    it('stand on no network of several projects with IPv6, where a guest could pose as one', async () => {
      const shared = await make('admin', 'network', { name: 'shared', shared: true });
      const six = { network_id: shared.id, cidr: 'fd00:1::/64', ip_version: 6 };
      const words = /take it for their router/;
      await refuses(ask('admin', 'POST', 'subnets', { subnet: six }), 400, 'NotOffered', words);
      const own = await make('admin', 'network', { name: 'own' });
      await make('admin', 'subnet', { ...six, network_id: own.id });
      await refuses(ask('admin', 'PUT', `networks/${own.id}`, { network: { shared: true } }), 400, 'NotOffered', words);
    });

    it('stand beside groups of which no rule asks for what OVN cannot tell', async () => {
      const group = await make('demo', 'security_group', { name: 'g' });
      const rule = { security_group_id: group.id, direction: 'ingress', protocol: 'udplite' };
      await refuses(
        ask('demo', 'POST', 'security-group-rules', {
          security_group_rule: { ...rule, port_range_min: 1, port_range_max: 2 },
        }),
        ...([400, 'NotOffered', /cannot tell ports of protocol udplite/] as const),
      );
      await make('demo', 'security_group', { name: 'h' });
      assert.equal((await ask('demo', 'POST', 'security-group-rules', { security_group_rule: rule })).status, 201);
    });
  });
}

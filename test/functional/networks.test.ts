// Why: the built-in network service must be Neutron to whoever speaks Neutron: over HTTP, and with the stock client.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { limits } from '../../src/base/limits.ts';
import { type Answer, type Cloud, callers, startCloud, type Who } from '../support/cloud.ts';

describe('network service', () => {
  let cloud: Cloud;
  let ranges = 0;
  before(async () => {
    cloud = await startCloud();
  });
  after(() => cloud.close());

  const ask = (who: Who | null, method: string, path: string, body?: unknown): Promise<Answer> =>
    cloud.ask(who, method, `/network/v2.0/${path}`, body);
  /** A range that no other test uses. */
  const range = (): string => `10.200.${(ranges += 1)}.0/24`;
  const make = async (who: Who, noun: string, body: object) => {
    const collection = `${noun}s`.replaceAll('_', '-');
    const answer = await ask(who, 'POST', collection, { [noun]: body });
    assert.equal(answer.status, 201, answer.text);
    return answer.json[noun];
  };
  const makeNetwork = async (who: Who, body: object = {}, cidr: string = range()) => {
    const network = await make(who, 'network', { name: 'net', ...body });
    const subnet = await make(who, 'subnet', { network_id: network.id, cidr, ip_version: 4 });
    return { network, subnet, prefix: cidr.replace('0/24', '') };
  };
  const ids = (answer: Answer, collection: string): string[] =>
    answer.json[collection].map(({ id }: { id: string }) => id);
  const refuses = async (answer: Promise<Answer>, status: number, type: string) => {
    const { status: found, json, text } = await answer;
    assert.deepEqual([found, json?.NeutronError?.type], [status, type], text);
    assert.equal(typeof json.NeutronError.message, 'string');
  };

  it('answers versions to anybody and nothing else without a token', async () => {
    const root = await cloud.ask(null, 'GET', '/network/');
    assert.equal(root.status, 200);
    assert.deepEqual(root.json.versions[0].links, [{ rel: 'self', href: `${cloud.url}/network/v2.0/` }]);
    assert.equal((await cloud.ask(null, 'GET', '/network/v2.0')).status, 200);
    assert.equal((await cloud.ask(null, 'GET', '/network/v2.0/')).status, 200);
    const refused = await ask(null, 'GET', 'networks');
    assert.equal(refused.status, 401);
    assert.equal(refused.json.error.code, 401);
    await refuses(ask('demo', 'GET', 'nothing'), 404, 'HTTPNotFound');
  });

  it('has one shared network from the first start, and no second one after another start', async () => {
    await cloud.networks.ensureBootstrap();
    for (const who of ['admin', 'demo', 'other'] as const) {
      const shared = await ask(who, 'GET', 'networks?shared=True');
      assert.equal(shared.json.networks.length, 1);
      assert.deepEqual([shared.json.networks[0].name, shared.json.networks[0].is_default], ['private', true]);
    }
    const [subnet] = (await ask('demo', 'GET', 'subnets')).json.subnets;
    assert.deepEqual([subnet.cidr, subnet.gateway_ip, subnet.enable_dhcp], ['10.123.0.0/24', '10.123.0.1', true]);
    assert.deepEqual(subnet.allocation_pools, [{ start: '10.123.0.2', end: '10.123.0.254' }]);
  });

  it('keeps a project its networks, subnets and ports', async () => {
    const { network, subnet } = await makeNetwork('demo');
    const port = await make('demo', 'port', { network_id: network.id });
    for (const [path, type] of [
      [`networks/${network.id}`, 'NetworkNotFound'],
      [`subnets/${subnet.id}`, 'SubnetNotFound'],
      [`ports/${port.id}`, 'PortNotFound'],
    ] as const) {
      assert.equal((await ask('demo', 'GET', path)).status, 200);
      assert.equal((await ask('demo', 'GET', `${path}.json`)).status, 200);
      assert.equal((await ask('admin', 'GET', path)).status, 200);
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const noun = path.slice(0, path.indexOf('/') - 1);
        await refuses(
          ask('other', method, path, method === 'PUT' ? { [noun]: { name: 'mine' } } : undefined),
          404,
          type,
        );
      }
    }
    assert.ok(!ids(await ask('other', 'GET', 'networks.json'), 'networks').includes(network.id));
    assert.ok(!ids(await ask('other', 'GET', 'subnets'), 'subnets').includes(subnet.id));
    assert.ok(!ids(await ask('other', 'GET', 'ports'), 'ports').includes(port.id));
    await refuses(ask('other', 'POST', 'ports', { port: { network_id: network.id } }), 404, 'NetworkNotFound');
    await refuses(ask('demo', 'GET', 'networks/not-an-id'), 404, 'NetworkNotFound');
  });

  it('lets administrators alone share networks and bind ports', async () => {
    const { network } = await makeNetwork('demo');
    for (const name of ['shared', 'router:external', 'is_default']) {
      await refuses(ask('demo', 'POST', 'networks', { network: { [name]: true } }), 403, 'PolicyNotAuthorized');
      await refuses(
        ask('demo', 'PUT', `networks/${network.id}`, { network: { [name]: true } }),
        403,
        'PolicyNotAuthorized',
      );
    }
    await refuses(
      ask('demo', 'POST', 'ports', { port: { network_id: network.id, 'binding:host_id': 'h' } }),
      403,
      'PolicyNotAuthorized',
    );
    const port = await make('admin', 'port', {
      network_id: network.id,
      project_id: callers.demo.projectId,
      device_id: 'a-server',
      device_owner: 'compute:nova',
      'binding:host_id': 'host-1',
    });
    assert.deepEqual([port.status, port['binding:vif_type']], ['ACTIVE', 'nat']);
    const shown = (await ask('demo', 'GET', `ports/${port.id}`)).json.port;
    assert.equal(shown['binding:host_id'], undefined);
    const unplugged = await ask('admin', 'PUT', `ports/${port.id}`, { port: { device_id: '', 'binding:host_id': '' } });
    assert.deepEqual([unplugged.json.port.status, unplugged.json.port['binding:vif_type']], ['DOWN', 'unbound']);
    await refuses(ask('demo', 'POST', 'networks', { network: { project_id: 'x' } }), 400, 'HTTPBadRequest');
    for (const [name, code] of [
      ['provider:segmentation_id', 'InvalidInput'],
      ['provider:physical_network', 'HTTPBadRequest'],
    ] as const) {
      await refuses(ask('admin', 'POST', 'networks', { network: { [name]: 5 } }), 400, code);
    }

    const shared = ids(await ask('demo', 'GET', 'networks?shared=true'), 'networks')[0];
    await refuses(ask('demo', 'PUT', `networks/${shared}`, { network: { name: 'x' } }), 403, 'PolicyNotAuthorized');
    await refuses(ask('demo', 'DELETE', `networks/${shared}`), 403, 'PolicyNotAuthorized');
    await refuses(
      ask('demo', 'POST', 'subnets', { subnet: { network_id: shared, cidr: range(), ip_version: 4 } }),
      403,
      'PolicyNotAuthorized',
    );
    await refuses(
      ask('demo', 'POST', 'ports', { port: { network_id: shared, fixed_ips: [{ ip_address: '10.123.0.77' }] } }),
      403,
      'PolicyNotAuthorized',
    );
  });

  it('gives addresses: any free one of the pools, the one asked for, never one twice', async () => {
    const network = await make('demo', 'network', {});
    const cidr = range();
    const prefix = cidr.replace('0/24', '');
    const allocation_pools = [{ start: `${prefix}100`, end: `${prefix}199` }];
    const subnet = await make('demo', 'subnet', { network_id: network.id, cidr, allocation_pools });
    const port = (fixed_ips?: unknown) =>
      ask('demo', 'POST', 'ports', {
        port: { network_id: network.id, ...(fixed_ips === undefined ? {} : { fixed_ips }) },
      });
    const addresses = (answer: Answer): string[] =>
      answer.json.port.fixed_ips.map((ip: { ip_address: string }) => ip.ip_address);
    const seen = new Set<string>();
    /** What remains beside the named ones: each out of the pool, and new. */
    const given = (answer: Answer, ...named: string[]): number => {
      const others = addresses(answer).filter((address) => !named.includes(address));
      assert.equal(others.length + named.length, addresses(answer).length, addresses(answer).join());
      for (const address of others) {
        assert.ok(address.startsWith(`${prefix}1`) && address.length === prefix.length + 3, address);
        assert.ok(!seen.has(address), `${address} twice`);
        seen.add(address);
      }
      return others.length;
    };
    const first = await port();
    assert.equal(given(first), 1);
    assert.match(first.json.port.mac_address, /^fa:16:3e(:[0-9a-f]{2}){3}$/);
    assert.deepEqual(addresses(await port([{ ip_address: `${prefix}50` }])), [`${prefix}50`]);
    assert.equal(given(await port([{ subnet_id: subnet.id }])), 1);
    const two = [{ subnet_id: subnet.id, ip_address: `${prefix}60` }, { subnet_id: subnet.id }];
    assert.equal(given(await port(two), `${prefix}60`), 1);
    assert.deepEqual(addresses(await port([])), []);
    await refuses(port([{ ip_address: `${prefix}50` }]), 409, 'IpAddressAlreadyAllocated');
    await refuses(port([{ ip_address: `${prefix}1` }]), 409, 'IpAddressAlreadyAllocated');
    await refuses(port([{ ip_address: '192.0.2.1' }]), 400, 'InvalidIpForNetwork');
    await refuses(port([{ ip_address: `${prefix}255` }]), 400, 'InvalidIpForNetwork');
    await refuses(port([{ subnet_id: subnet.id, ip_address: '192.0.2.1' }]), 400, 'InvalidIpForSubnet');
    await refuses(port([{ subnet_id: network.id }]), 400, 'InvalidInput');
    await refuses(port([{ ip_address: '10.0.0' }]), 400, 'HTTPBadRequest');
    await refuses(port([{}]), 400, 'HTTPBadRequest');
    await refuses(port('x'), 400, 'HTTPBadRequest');

    const { id } = first.json.port;
    seen.delete(addresses(first)[0] ?? '');
    const moved = await ask('demo', 'PUT', `ports/${id}`, {
      port: { fixed_ips: [{ subnet_id: subnet.id }, { ip_address: `${prefix}99` }] },
    });
    assert.equal(given(moved, `${prefix}99`), 1);
    await refuses(
      ask('demo', 'PUT', `ports/${id}`, { port: { fixed_ips: [{ ip_address: `${prefix}50` }] } }),
      409,
      'IpAddressAlreadyAllocated',
    );
    assert.deepEqual(addresses(await ask('demo', 'GET', `ports/${id}`)), addresses(moved));

    await refuses(ask('demo', 'DELETE', `subnets/${subnet.id}`), 409, 'SubnetInUse');
    await refuses(ask('demo', 'DELETE', `networks/${network.id}`), 409, 'NetworkInUse');
    for (const portId of ids(await ask('demo', 'GET', `ports?network_id=${network.id}`), 'ports')) {
      assert.equal((await ask('demo', 'DELETE', `ports/${portId}`)).status, 204);
    }
    assert.equal((await ask('demo', 'DELETE', `networks/${network.id}`)).status, 204);
    await refuses(ask('demo', 'GET', `subnets/${subnet.id}`), 404, 'SubnetNotFound');
  });

  it('fills a subnet under 50 creations at once, no address twice, and then says that it is full', async () => {
    const network = await make('demo', 'network', {});
    const cidr = range();
    const pool = { start: cidr.replace('0/24', '101'), end: cidr.replace('0/24', '140') };
    await make('demo', 'subnet', { network_id: network.id, cidr, allocation_pools: [pool] });
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => ask('demo', 'POST', 'ports', { port: { network_id: network.id } })),
    );
    const made = answers.filter(({ status }) => status === 201);
    const given = made.map(({ json }) => json.port.fixed_ips[0].ip_address);
    assert.equal(made.length, 40);
    assert.equal(new Set(given).size, 40);
    assert.equal(new Set(made.map(({ json }) => json.port.mac_address)).size, 40);
    for (const { json, status } of answers) {
      if (status !== 201) assert.equal(json.NeutronError.type, 'IpAddressGenerationFailure');
    }
    await ask('demo', 'DELETE', `ports/${made[7]?.json.port.id}`);
    const again = await make('demo', 'port', { network_id: network.id });
    assert.equal(again.fixed_ips[0].ip_address, given[7]);
    for (const id of ids(await ask('demo', 'GET', `ports?network_id=${network.id}`), 'ports'))
      await ask('demo', 'DELETE', `ports/${id}`);
  });

  it('gives both families, and checks a subnet whole', async () => {
    const { network, prefix } = await makeNetwork('demo');
    await make('demo', 'subnet', { network_id: network.id, cidr: 'fd00:db8:5::/64', ip_version: 6 });
    const port = await make('demo', 'port', { network_id: network.id });
    const addresses: string[] = port.fixed_ips.map((ip: { ip_address: string }) => ip.ip_address);
    assert.equal(addresses.length, 2);
    for (const start of [prefix, 'fd00:db8:5:'])
      assert.ok(
        addresses.some((one) => one.startsWith(start)),
        start,
      );
    const subnet = (body: object) =>
      ask('demo', 'POST', 'subnets', { subnet: { network_id: network.id, ip_version: 4, ...body } });
    const free = range();
    const at = (last: string) => free.replace('0/24', last);
    await refuses(subnet({ cidr: `${prefix}0/25` }), 400, 'InvalidInput');
    await refuses(subnet({ cidr: '10.123.0.128/25' }), 400, 'InvalidInput');
    await refuses(subnet({ cidr: free, ip_version: 6 }), 400, 'InvalidInput');
    // an address of it names a range too
    const { subnet: named } = (await subnet({ cidr: at('7/24') })).json;
    assert.equal(named.cidr, free);
    assert.equal((await ask('demo', 'DELETE', `subnets/${named.id}`)).status, 204);
    await refuses(subnet({ cidr: free, gateway_ip: '192.0.2.1' }), 400, 'InvalidInput');
    await refuses(
      subnet({ cidr: free, allocation_pools: [{ start: at('9'), end: at('5') }] }),
      400,
      'InvalidAllocationPool',
    );
    await refuses(
      subnet({ cidr: free, allocation_pools: [{ start: at('9'), end: '10.250.9.9' }] }),
      400,
      'OutOfBoundsAllocationPool',
    );
    await refuses(
      subnet({ cidr: free, allocation_pools: [{ start: at('1'), end: at('9') }] }),
      409,
      'GatewayConflictWithAllocationPools',
    );
    await refuses(
      subnet({
        cidr: free,
        allocation_pools: [
          { start: at('5'), end: at('9') },
          { start: at('9'), end: at('20') },
        ],
      }),
      409,
      'OverlappingAllocationPools',
    );
    await refuses(subnet({}), 400, 'BadRequest');
    await refuses(subnet({ cidr: free, network_id: port.id }), 404, 'NetworkNotFound');
    await refuses(subnet({ cidr: free, enable_dhcp: 'perhaps' }), 400, 'HTTPBadRequest');
    const made = await make('demo', 'subnet', {
      network_id: network.id,
      cidr: free,
      ip_version: 4,
      gateway_ip: null,
      enable_dhcp: false,
      dns_nameservers: ['192.0.2.53'],
      host_routes: [{ destination: '192.0.2.0/24', nexthop: at('9') }],
    });
    assert.deepEqual([made.gateway_ip, made.enable_dhcp, made.dns_nameservers], [null, false, ['192.0.2.53']]);
    assert.deepEqual(made.allocation_pools, [{ start: at('1'), end: at('254') }]);
    const updated = await ask('demo', 'PUT', `subnets/${made.id}`, { subnet: { name: 'n', dns_nameservers: [] } });
    assert.deepEqual(
      [updated.json.subnet.name, updated.json.subnet.dns_nameservers, updated.json.subnet.revision_number],
      ['n', [], 2],
    );
    await refuses(ask('demo', 'PUT', `subnets/${made.id}`, { subnet: { cidr: range() } }), 400, 'HTTPBadRequest');
    const routes = (destination: string) =>
      ask('demo', 'PUT', `subnets/${made.id}`, { subnet: { host_routes: [{ destination, nexthop: at('9') }] } });
    for (const destination of ['192.0.2.1/24', '192.0.2.0', '10.1/16', 'foo']) {
      await refuses(routes(destination), 400, 'HTTPBadRequest');
    }
    const { json } = await routes('192.0.2.0/024');
    assert.equal(json.subnet.host_routes[0].destination, '192.0.2.0/24');
  });

  it('lists by filter, field, order and page', async () => {
    const { network, prefix, subnet } = await makeNetwork('demo', { name: 'listed' });
    const made = [];
    for (const [name, device_id, last] of [
      ['b', 'd1', 2],
      ['a', 'd2', 3],
      ['c', 'd1', 4],
    ]) {
      const fixed_ips = [{ ip_address: `${prefix}${last}` }];
      made.push(await make('demo', 'port', { network_id: network.id, name, device_id, fixed_ips }));
    }
    const [b, a, c] = made.map(({ id }) => id);
    const find = async (query: string) =>
      ids(await ask('demo', 'GET', `ports?network_id=${network.id}&${query}`), 'ports');
    assert.deepEqual(await find('sort_key=name&sort_dir=asc'), [a, b, c]);
    assert.deepEqual(await find('sort_key=name&sort_dir=desc&limit=2'), [c, b]);
    assert.deepEqual(await find('device_id=d1&sort_key=name&sort_dir=asc'), [b, c]);
    assert.deepEqual(new Set(await find('name=a&name=b')), new Set([a, b]));
    assert.deepEqual(await find(`fixed_ips=ip_address%3D${prefix}3`), [a]);
    assert.deepEqual((await find(`fixed_ips=subnet_id%3D${subnet.id}`)).length, 3);
    assert.deepEqual(await find(`fixed_ips=ip_address%3D${prefix}3&fixed_ips=subnet_id%3D${network.id}`), []);
    assert.deepEqual(await find(`fixed_ips=ip_address_substr%3D${prefix}4`), [c]);
    assert.deepEqual(await find(`mac_address=${made[0].mac_address}`), [b]);
    assert.deepEqual(await find('status=ACTIVE'), []);
    assert.equal((await find('admin_state_up=True&what=ever')).length, 3);
    const page = await ask('demo', 'GET', `ports?network_id=${network.id}&limit=1&sort_key=name&sort_dir=asc`);
    const [link] = page.json.ports_links;
    const rest = await fetch(link.href, { headers: { 'X-Auth-Token': 'demo' } });
    assert.deepEqual(
      ((await rest.json()) as { ports: { id: string }[] }).ports.map(({ id }) => id),
      [b],
    );
    const narrow = await ask('demo', 'GET', `ports/${b}?fields=id&fields=name`);
    assert.deepEqual(narrow.json.port, { id: b, name: 'b' });
    assert.deepEqual(
      ids(
        await ask(
          'demo',
          'GET',
          `networks?name=listed&status=ACTIVE&router:external=False&tenant_id=${callers.demo.projectId}`,
        ),
        'networks',
      ),
      [network.id],
    );
    assert.deepEqual(ids(await ask('demo', 'GET', `networks?id=${network.id}&status=DOWN`), 'networks'), []);
    for (const query of ['limit=x', 'sort_key=shoe', 'sort_key=name&sort_dir=up', 'admin_state_up=x']) {
      assert.equal((await ask('demo', 'GET', `ports?${query}`)).status, 400, query);
    }
    assert.equal((await ask('demo', 'GET', 'ports?limit=1&marker=nothing')).status, 404);
  });

  it('makes several at once, all or none', async () => {
    const { network } = await makeNetwork('demo');
    const several = await ask('demo', 'POST', 'ports', {
      ports: [
        { network_id: network.id, name: 'x' },
        { network_id: network.id, name: 'y' },
      ],
    });
    assert.deepEqual(
      several.json.ports.map(({ name }: { name: string }) => name),
      ['x', 'y'],
    );
    await refuses(
      ask('demo', 'POST', 'ports', {
        ports: [{ network_id: network.id }, { network_id: network.id, fixed_ips: [{ ip_address: '192.0.2.9' }] }],
      }),
      400,
      'InvalidIpForNetwork',
    );
    assert.equal(ids(await ask('demo', 'GET', `ports?network_id=${network.id}`), 'ports').length, 2);
    await refuses(ask('demo', 'POST', 'ports', { ports: [] }), 400, 'HTTPBadRequest');
  });

  it('gives each project a default group, and checks rules', async () => {
    const [group, ...more] = (await ask('other', 'GET', 'security-groups')).json.security_groups;
    assert.equal(more.length, 0);
    assert.equal(group.name, 'default');
    const brief = group.security_group_rules.map((rule: Record<string, unknown>) => [
      rule['direction'],
      rule['ethertype'],
      rule['remote_group_id'],
    ]);
    assert.deepEqual(brief.toSorted(), [
      ['egress', 'IPv4', null],
      ['egress', 'IPv6', null],
      ['ingress', 'IPv4', group.id],
      ['ingress', 'IPv6', group.id],
    ]);
    await refuses(ask('other', 'DELETE', `security-groups/${group.id}`), 409, 'SecurityGroupCannotRemoveDefault');
    await refuses(
      ask('other', 'POST', 'security-groups', { security_group: { name: 'default' } }),
      409,
      'SecurityGroupDefaultAlreadyExists',
    );
    await refuses(ask('demo', 'GET', `security-groups/${group.id}`), 404, 'SecurityGroupNotFound');

    const web = await make('other', 'security_group', { name: 'web' });
    assert.equal(web.security_group_rules.length, 2);
    const rule = (body: object) =>
      ask('other', 'POST', 'security-group-rules', {
        security_group_rule: { security_group_id: web.id, direction: 'ingress', ...body },
      });
    const made = await rule({
      protocol: 'TCP',
      port_range_min: 80,
      port_range_max: '80',
      remote_ip_prefix: '192.0.2.1',
    });
    assert.equal(made.status, 201, made.text);
    assert.deepEqual(
      [made.json.security_group_rule.protocol, made.json.security_group_rule.remote_ip_prefix],
      ['tcp', '192.0.2.1/32'],
    );
    await refuses(
      rule({ protocol: 'tcp', port_range_min: 80, port_range_max: 80, remote_ip_prefix: '192.0.2.1/32' }),
      409,
      'SecurityGroupRuleExists',
    );
    const inside = { protocol: 'udp', port_range_min: 53, port_range_max: 53, remote_ip_prefix: '10.2.3.124/24' };
    const kept = (await rule(inside)).json.security_group_rule;
    assert.deepEqual([kept.remote_ip_prefix, kept.normalized_cidr], ['10.2.3.124/24', '10.2.3.0/24']);
    await refuses(rule({ ...inside, remote_ip_prefix: '10.2.3.0/24' }), 409, 'SecurityGroupRuleExists');
    await refuses(
      rule({ protocol: 'tcp', port_range_min: 90, port_range_max: 80 }),
      400,
      'SecurityGroupInvalidPortRange',
    );
    await refuses(rule({ port_range_min: 1, port_range_max: 2 }), 400, 'SecurityGroupProtocolRequiredWithPorts');
    await refuses(
      rule({ protocol: 'gre', port_range_min: 1, port_range_max: 2 }),
      400,
      'SecurityGroupInvalidProtocolForPort',
    );
    await refuses(rule({ protocol: 'shoe' }), 400, 'SecurityGroupRuleInvalidProtocol');
    await refuses(rule({ protocol: 'icmp', port_range_min: 256 }), 400, 'SecurityGroupInvalidIcmpValue');
    await refuses(rule({ protocol: 'icmp', port_range_max: 1 }), 400, 'SecurityGroupMissingIcmpType');
    await refuses(rule({ protocol: 'icmpv6' }), 400, 'SecurityGroupEthertypeConflictWithProtocol');
    await refuses(
      rule({ ethertype: 'IPv6', remote_ip_prefix: '10.0.0.0/8' }),
      400,
      'SecurityGroupRuleParameterConflict',
    );
    await refuses(rule({ ethertype: 'IPX' }), 400, 'SecurityGroupRuleInvalidEtherType');
    await refuses(
      rule({ remote_group_id: web.id, remote_ip_prefix: '10.0.0.0/8' }),
      400,
      'SecurityGroupMultipleRemoteEntites',
    );
    await refuses(rule({ direction: 'up' }), 400, 'HTTPBadRequest');
    assert.equal((await rule({ protocol: 'icmp', port_range_min: 8, port_range_max: 0 })).status, 201);
    assert.equal(
      ids(await ask('other', 'GET', `security-group-rules?security_group_id=${web.id}`), 'security_group_rules').length,
      5,
    );

    const { network } = await makeNetwork('other');
    const port = await make('other', 'port', { network_id: network.id });
    assert.deepEqual(port.security_groups, [group.id]);
    await ask('other', 'PUT', `ports/${port.id}`, { port: { security_groups: [web.id] } });
    await refuses(ask('other', 'DELETE', `security-groups/${web.id}`), 409, 'SecurityGroupInUse');
    await refuses(ask('demo', 'PUT', `ports/${port.id}`, { port: { security_groups: [] } }), 404, 'PortNotFound');
    await refuses(
      ask('other', 'PUT', `ports/${port.id}`, { port: { port_security_enabled: false } }),
      400,
      'PortSecurityAndIPRequiredForSecurityGroups',
    );
    assert.equal(
      (await ask('other', 'PUT', `ports/${port.id}`, { port: { port_security_enabled: false, security_groups: [] } }))
        .status,
      200,
    );
    assert.equal((await ask('other', 'DELETE', `security-groups/${web.id}`)).status, 204);
  });

  it('counts against quotas', async () => {
    const project = callers.other.projectId;
    const before = await ask('other', 'GET', `quotas/${project}/details`);
    assert.equal(before.json.quota.network.limit, 100);
    await refuses(ask('other', 'PUT', `quotas/${project}`, { quota: { network: 5 } }), 403, 'PolicyNotAuthorized');
    await refuses(ask('other', 'GET', `quotas/${callers.demo.projectId}`), 403, 'PolicyNotAuthorized');
    await refuses(ask('admin', 'PUT', `quotas/${project}`, { quota: { shoes: 5 } }), 400, 'HTTPBadRequest');
    const set = await ask('admin', 'PUT', `quotas/${project}`, { quota: { network: before.json.quota.network.used } });
    assert.equal(set.status, 200, set.text);
    await refuses(ask('other', 'POST', 'networks', { network: {} }), 409, 'OverQuota');
    assert.equal((await ask('admin', 'GET', 'quotas')).json.quotas[0].project_id, project);
    const { used } = before.json.quota.network;
    const checked = (network: number, check_limit = true) =>
      ask('admin', 'PUT', `quotas/${project}`, { quota: { network, check_limit } });
    await refuses(checked(used - 1), 409, 'OverQuota');
    assert.equal((await ask('other', 'GET', `quotas/${project}`)).json.quota.network, used);
    assert.equal((await checked(used)).status, 200);
    assert.equal((await checked(used - 1, false)).status, 200);
    assert.equal((await ask('admin', 'DELETE', `quotas/${project}`)).status, 204);
    assert.equal((await ask('other', 'GET', `quotas/${project}.json`)).json.quota.network, 100);
    assert.equal((await ask('other', 'GET', `quotas/${project}/default`)).json.quota.router, 0);
  });

  it('says truly what it has not', async () => {
    for (const path of ['routers', 'floatingips', 'agents', 'availability_zones', 'subnetpools']) {
      assert.deepEqual((await ask('demo', 'GET', path)).json, { [path]: [] });
    }
    await refuses(ask('demo', 'POST', 'routers', { router: {} }), 501, 'NotOffered');
    const scope = await ask('demo', 'POST', 'address-scopes', { address_scope: {} });
    assert.equal(scope.json.NeutronError.message, 'This network service has no address scopes and makes none.');
    await refuses(ask('demo', 'POST', 'floatingips', { floatingip: {} }), 400, 'NotOffered');
    await refuses(ask('demo', 'GET', 'routers/x'), 404, 'RouterNotFound');
    const aliases = (await ask('demo', 'GET', 'extensions')).json.extensions.map(
      ({ alias }: { alias: string }) => alias,
    );
    for (const alias of [
      'quotas',
      'router',
      'external-net',
      'security-group',
      'port-security',
      'binding',
      'quota_details',
    ]) {
      assert.ok(aliases.includes(alias), alias);
      assert.equal((await ask('demo', 'GET', `extensions/${alias}`)).json.extension.alias, alias);
    }
    await refuses(ask('demo', 'GET', 'extensions/Availability%20Zone'), 404, 'ExtensionNotFound');
  });

  it('gives a port that nothing holds another MAC address, as an administrator says, and no two the same', async () => {
    const { network } = await makeNetwork('demo');
    const port = await make('demo', 'port', { network_id: network.id });
    const other = await make('demo', 'port', { network_id: network.id });
    const change = (who: Who, mac_address: string) => ask(who, 'PUT', `ports/${port.id}`, { port: { mac_address } });
    await refuses(change('demo', 'aa:bb:cc:dd:ee:fe'), 403, 'PolicyNotAuthorized');
    await refuses(change('admin', other.mac_address), 409, 'MacAddressInUse');
    await refuses(change('admin', 'aa:bb:cc'), 400, 'HTTPBadRequest');
    assert.equal((await change('admin', 'AA:BB:CC:DD:EE:FE')).json.port.mac_address, 'aa:bb:cc:dd:ee:fe');
    await ask('admin', 'PUT', `ports/${port.id}`, { port: { device_id: 'guest', 'binding:host_id': 'host' } });
    await refuses(change('admin', 'aa:bb:cc:dd:ee:fd'), 409, 'PortBound');
    assert.equal((await change('admin', 'aa:bb:cc:dd:ee:fe')).status, 200, 'it has this one');
  });

  it('tags, counts revisions and refuses unknown attributes', async () => {
    const { network } = await makeNetwork('demo');
    const path = `networks/${network.id}`;
    assert.deepEqual((await ask('demo', 'PUT', `${path}/tags`, { tags: ['b', 'a'] })).json, { tags: ['b', 'a'] });
    assert.equal((await ask('demo', 'PUT', `${path}/tags/c`)).status, 201);
    assert.ok(ids(await ask('demo', 'GET', 'networks?tags=a,c'), 'networks').includes(network.id));
    assert.ok(!ids(await ask('demo', 'GET', 'networks?tags=a,d'), 'networks').includes(network.id));
    assert.equal((await ask('demo', 'GET', `${path}/tags/c`)).status, 204);
    assert.equal((await ask('demo', 'DELETE', `${path}/tags/x`)).status, 404);
    assert.equal((await ask('demo', 'DELETE', `${path}/tags`)).status, 204);
    const [longest, longer] = ['x'.repeat(limits.tagCharacters), 'x'.repeat(limits.tagCharacters + 1)];
    assert.equal((await ask('demo', 'PUT', `${path}/tags`, { tags: [longest] })).status, 200);
    assert.equal((await ask('demo', 'PUT', `${path}/tags/${longest}`)).status, 201);
    for (const refused of [
      await ask('demo', 'PUT', `${path}/tags`, { tags: [longer] }),
      await ask('demo', 'PUT', `${path}/tags/${longer}`),
    ]) {
      assert.equal(refused.status, 400);
      assert.match(refused.text, /at most 60 characters/);
    }
    const renamed = await ask('demo', 'PUT', path, { network: { name: 'renamed', mtu: 1400 } });
    assert.deepEqual(
      [renamed.json.network.name, renamed.json.network.mtu, renamed.json.network.revision_number],
      ['renamed', 1400, 7],
    );
    await refuses(ask('demo', 'PUT', path, { network: { colour: 'red' } }), 400, 'HTTPBadRequest');
    await refuses(ask('demo', 'PUT', path, { network: { id: 'x' } }), 400, 'HTTPBadRequest');
    await refuses(ask('demo', 'PUT', path, {}), 400, 'HTTPBadRequest');
    await refuses(ask('demo', 'POST', 'ports', { port: {} }), 400, 'HTTPBadRequest');
  });

  it('never answers 5xx to any JSON on any route', async () => {
    const { network, subnet } = await makeNetwork('admin', { name: 'fuzz' });
    const port = await make('admin', 'port', { network_id: network.id });
    const group = await make('admin', 'security_group', { name: 'fuzz' });
    const nouns: [string, string, string][] = [
      ['network', 'networks', network.id],
      ['subnet', 'subnets', subnet.id],
      ['port', 'ports', port.id],
      ['security_group', 'security-groups', group.id],
      ['security_group_rule', 'security-group-rules', group.id],
      ['quota', 'quotas', 'p'],
      ['router', 'routers', 'x'],
    ];
    const names = [
      'name',
      'description',
      'network_id',
      'cidr',
      'ip_version',
      'gateway_ip',
      'allocation_pools',
      'host_routes',
      'dns_nameservers',
      'fixed_ips',
      'mac_address',
      'security_groups',
      'allowed_address_pairs',
      'binding:profile',
      'binding:host_id',
      'device_id',
      'security_group_id',
      'direction',
      'protocol',
      'port_range_min',
      'remote_ip_prefix',
      'mtu',
      'shared',
      'tags',
      'project_id',
      'port',
      '__proto__',
      'constructor',
    ];
    const real = fc.constantFrom(
      network.id,
      subnet.id,
      group.id,
      '10.9.8.0/24',
      '10.9.8.7',
      'fe80::/10',
      'ingress',
      'tcp',
      4,
      6,
      true,
      null,
    );
    const value = fc.oneof(
      fc.jsonValue(),
      real,
      fc.array(
        fc.dictionary(fc.constantFrom('subnet_id', 'ip_address', 'start', 'end', 'destination', 'nexthop'), real, {
          noNullPrototype: true,
        }),
        { maxLength: 3 },
      ),
    );
    const body = fc.dictionary(fc.constantFrom(...names), value, { noNullPrototype: true });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('POST', 'PUT'),
        fc.constantFrom(...nouns),
        fc.oneof(body, fc.jsonValue()),
        fc.boolean(),
        async (method, [noun, path, id], inner, wrapped) => {
          const whole = wrapped ? { [noun]: inner } : inner;
          const answer = await ask('admin', method, method === 'POST' ? path : `${path}/${id}`, JSON.stringify(whole));
          // what there is none of says so
          const isOffered = answer.status !== 501 || answer.json.NeutronError.type !== 'NotOffered';
          assert.ok(
            answer.status < 500 || !isOffered,
            `${method} ${path} ${JSON.stringify(whole)}: ${answer.status} ${answer.text}`,
          );
        },
      ),
      { numRuns: 600 },
    );
    const parameters = fc.constantFrom(
      'id',
      'name',
      'status',
      'limit',
      'marker',
      'sort_key',
      'sort_dir',
      'fields',
      'fixed_ips',
      'tags',
      'shared',
      'ip_version',
      'admin_state_up',
      'x',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...nouns),
        parameters,
        fc.string({ unit: 'grapheme' }),
        async ([, path], name, text) => {
          const answer = await ask('admin', 'GET', `${path}?${name}=${encodeURIComponent(text)}`);
          assert.ok(answer.status < 500, `${path}?${name}=${text}: ${answer.text}`);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('works with the stock client', async () => {
    const cidr = range();
    await cloud.openstack('demo', 'network', 'create', 'stock', '--mtu', '1450');
    await cloud.openstack(
      'demo',
      'subnet',
      'create',
      'stock-sub',
      '--network',
      'stock',
      '--subnet-range',
      cidr,
      '--dns-nameserver',
      '192.0.2.53',
    );
    // biome-ignore lint/suspicious/noExplicitAny: the client's own shape
    // oxlint-disable-next-line typescript/no-explicit-any
    const port: any = await cloud.openstack(
      'demo',
      'port',
      'create',
      'stock-port',
      '--network',
      'stock',
      '--fixed-ip',
      `ip-address=${cidr.replace('0/24', '20')}`,
      '-f',
      'json',
    );
    assert.equal(port.fixed_ips[0].ip_address, cidr.replace('0/24', '20'));
    assert.match(JSON.stringify(await cloud.openstack('demo', 'network', 'list', '-f', 'json')), /stock/);
    assert.match(String(await cloud.openstack('demo', 'network', 'show', 'stock')), /1450/);
    await cloud.openstack('demo', 'security', 'group', 'create', 'stock-group');
    await cloud.openstack(
      'demo',
      'security',
      'group',
      'rule',
      'create',
      'stock-group',
      '--protocol',
      'tcp',
      '--dst-port',
      '22',
    );
    assert.match(
      JSON.stringify(await cloud.openstack('demo', 'security', 'group', 'rule', 'list', 'stock-group', '-f', 'json')),
      /22:22/,
    );
    assert.match(
      JSON.stringify(await cloud.openstack('demo', 'security', 'group', 'list', '-f', 'json')),
      /stock-group/,
    );
    await cloud.openstack('demo', 'port', 'delete', 'stock-port');
    await cloud.openstack('demo', 'network', 'delete', 'stock');
    await cloud.openstack('demo', 'security', 'group', 'delete', 'stock-group');
    await assert.rejects(cloud.openstack('demo', 'router', 'create', 'r'), /no routers/);
  });
});

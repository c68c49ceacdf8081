import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dhcpOptions } from '../../../../src/cloud/ovn/dhcp.ts';
import { isExtraOption } from '../../../../src/cloud/ovn/extra-dhcp.ts';
import type { PortFacts, RuleFacts, SubnetFacts } from '../../../../src/cloud/ovn/facts.ts';
import { groupRows, matchOf, ruleProblem } from '../../../../src/cloud/ovn/group-rows.ts';
import { guardRows } from '../../../../src/cloud/ovn/guard-rows.ts';
import { networkRows } from '../../../../src/cloud/ovn/network-rows.ts';
import { carriersOf } from '../../../../src/cloud/ovn/router-rows.ts';
import { limits } from '../../../../src/base/limits.ts';
import { portRows, portSecurity } from '../../../../src/cloud/ovn/port-rows.ts';

const GROUP = '11111111-2222-4333-8444-555555555555';
const PG = 'pg_11111111_2222_4333_8444_555555555555';
const OWN = 'inport == @pg_xloud_guard && eth.dst == 02:a9:fe:a9:fe:00';
const rule: RuleFacts = {
  ...{ id: 'r', direction: 'ingress', ethertype: 'IPv4', protocol: null },
  ...{ portRangeMin: null, portRangeMax: null, remoteIpPrefix: null, remoteGroupId: null },
};
const match = (more: Partial<RuleFacts>) => matchOf(GROUP, { ...rule, ...more });
const port: PortFacts = {
  ...{ id: 'p', networkId: 'n', macAddress: 'FA:16:3E:00:00:01', adminStateUp: true, deviceOwner: 'compute:nova' },
  ...{ portSecurityEnabled: true, securityGroups: [GROUP], allowedAddressPairs: [] },
};
const subnet: SubnetFacts = {
  ...{ id: 's', networkId: 'n', ipVersion: 4, cidr: '10.0.0.0/24', gatewayIp: '10.0.0.1', enableDhcp: true },
  ...{ dnsNameservers: ['9.9.9.9', 'fd00::9'], hostRoutes: [{ destination: '10.9.0.0/16', nexthop: '10.0.0.9' }] },
};

describe('what OVN is told', () => {
  it('of rules', () => {
    assert.equal(match({}), `outport == @${PG} && ip4`);
    assert.equal(match({ direction: 'egress', ethertype: 'IPv6' }), `inport == @${PG} && ip6`);
    const ports = { protocol: 'tcp', portRangeMin: 22, portRangeMax: 22 };
    assert.equal(match(ports), `outport == @${PG} && ip4 && tcp.dst == 22`);
    assert.equal(match({ ...ports, portRangeMax: 25 }), `outport == @${PG} && ip4 && tcp.dst >= 22 && tcp.dst <= 25`);
    assert.equal(match({ protocol: '17' }), `outport == @${PG} && ip4 && udp`);
    assert.equal(
      match({ protocol: 'icmp', portRangeMin: 8, portRangeMax: 0 }),
      `outport == @${PG} && ip4 && icmp4 && icmp4.type == 8 && icmp4.code == 0`,
    );
    assert.equal(match({ protocol: 'icmp', ethertype: 'IPv6' }), `outport == @${PG} && ip6 && icmp6`);
    assert.equal(match({ protocol: 'esp' }), `outport == @${PG} && ip4 && ip.proto == 50`);
    assert.equal(match({ remoteGroupId: GROUP }), `outport == @${PG} && ip4 && ip4.src == $${PG}_ip4`);
    assert.equal(
      match({ direction: 'egress', remoteGroupId: GROUP }),
      `inport == @${PG} && ip4 && ip4.dst == $${PG}_ip4`,
    );
  });

  it('of ranges, as OVN reads them: without bits behind the prefix', () => {
    assert.equal(match({ remoteIpPrefix: '10.0.0.5/24' }), `outport == @${PG} && ip4 && ip4.src == 10.0.0.0/24`);
    assert.equal(match({ remoteIpPrefix: '0.0.0.0/00' }), `outport == @${PG} && ip4`);
    assert.equal(match({ remoteIpPrefix: '10.0.0.0/8 || 1' }), null);
  });

  it('of lists of addresses: those of the family, and nobody where there is none', () => {
    const remoteRanges = ['10.0.0.0/8', 'fd00::/64', '192.0.2.1/32'];
    assert.equal(match({ remoteRanges }), `outport == @${PG} && ip4 && ip4.src == {10.0.0.0/8, 192.0.2.1/32}`);
    assert.equal(
      match({ remoteRanges, ethertype: 'IPv6', direction: 'egress' }),
      `inport == @${PG} && ip6 && ip6.dst == {fd00::/64}`,
    );
    assert.equal(match({ remoteRanges: ['fd00::/64'] }), null);
    assert.equal(match({ remoteRanges: [] }), null);
  });

  it('of what it cannot say: nothing, and why', () => {
    const beyond = { ...rule, protocol: 'dccp', portRangeMin: 1, portRangeMax: 2 };
    assert.equal(matchOf(GROUP, beyond), null);
    assert.match(ruleProblem(beyond) ?? '', /cannot tell ports of protocol dccp/);
    assert.equal(ruleProblem({ ...beyond, portRangeMin: null, portRangeMax: null }), null);
    assert.deepEqual(
      groupRows({ id: GROUP, stateful: true, rules: [beyond] }).map(({ table }) => table),
      ['Port_Group'],
    );
    const acl = groupRows({ id: GROUP, stateful: false, rules: [rule] }).find(({ key }) => key === 'rule/r');
    assert.equal(acl?.columns['action'], 'allow-stateless');
  });

  it('of ports: as whom they may speak, and of none as anybody', () => {
    assert.deepEqual(portSecurity(port, ['10.0.0.5']), ['fa:16:3e:00:00:01 10.0.0.5']);
    assert.deepEqual(portSecurity(port, []), ['fa:16:3e:00:00:01 0.0.0.0']);
    const pairs = [{ ip_address: '10.9.0.0/16' }, { ip_address: '10.8.0.1', mac_address: 'fa:16:3e:99:00:01' }];
    assert.deepEqual(portSecurity({ ...port, allowedAddressPairs: pairs }, ['10.0.0.5']), [
      ...['fa:16:3e:00:00:01 10.0.0.5 10.9.0.0/16', 'fa:16:3e:99:00:01 10.8.0.1'],
    ]);
    const [row] = portRows(port, [{ address: '10.0.0.5', subnet }]);
    assert.deepEqual(row?.groups, ['guard', `group/${GROUP}`]);
    assert.deepEqual(row?.refs, { dhcpv4_options: ['subnet/n/s'], dhcpv6_options: [] });
    const [open] = portRows({ ...port, portSecurityEnabled: false, securityGroups: [] }, []);
    assert.deepEqual([open?.groups, open?.columns['addresses']], [[], ['fa:16:3e:00:00:01', 'unknown']]);
    for (const deviceOwner of ['network:floatingip', 'network:router_interface', 'network:router_gateway'])
      assert.deepEqual(portRows({ ...port, deviceOwner }, []), []);
  });

  it('of limits: what a port sends is what comes from it, and no burst where none is said', () => {
    const limits = [
      { direction: 'egress', maxKbps: 5, maxBurstKbps: 0 },
      { direction: 'ingress', maxKbps: 7, maxBurstKbps: 9 },
    ];
    const [, ...rows] = portRows(port, [], { limits });
    assert.deepEqual(
      rows.map(({ key, columns }) => [key, columns['direction'], columns['match'], columns['bandwidth']]),
      [
        ['limit/egress/n/p', 'from-lport', 'inport == "p"', { rate: 5 }],
        ['limit/ingress/n/p', 'to-lport', 'outport == "p"', { rate: 7, burst: 9 }],
      ],
    );
    assert.deepEqual(portRows({ ...port, deviceOwner: 'network:router_gateway' }, [], { limits }), []);
  });

  it('of DHCP: routes with the way out among them, and each family its own servers', () => {
    assert.deepEqual(
      Object.entries(dhcpOptions(subnet, 1400, false)).filter(([name]) => name !== 'server_mac'),
      [
        ...[
          ['server_id', '10.0.0.1'],
          ['lease_time', '3600'],
          ['mtu', '1400'],
          ['router', '10.0.0.1'],
        ],
        ...[
          ['dns_server', '{9.9.9.9}'],
          ['classless_static_route', '{10.9.0.0/16,10.0.0.9, 0.0.0.0/0,10.0.0.1}'],
        ],
      ],
    );
    const six = dhcpOptions({ ...subnet, ipVersion: 6, cidr: 'fd00::/64', gatewayIp: null }, 1400, true);
    assert.equal(six['dns_server'], '{fd00::9}');
    assert.match(six['server_id'] ?? '', /^02(:[0-9a-f]{2}){5}$/);
    assert.equal(dhcpOptions({ ...subnet, gatewayIp: null, hostRoutes: [] }, 1400, false)['router'], undefined);
  });

  it('of extra DHCP options: nothing that it could not read, and nothing that ends a text', () => {
    const extraDhcpOpts = [
      { opt_name: 'ntp-server', opt_value: '10.0.0.3, 10.0.0.4' },
      { opt_name: 'bootfile-name', opt_value: 'pxe/linux.0' },
      { opt_name: 'domain-search', opt_value: 'a.example,b.example' },
      { opt_name: 'domain-name', opt_value: 'x"; drop' },
      { opt_name: 'constructor', opt_value: 'x' },
    ];
    const own = { ...port, extraDhcpOpts };
    const [options, row] = portRows(own, [{ address: '10.0.0.5', subnet }], { mtu: 1400 });
    assert.deepEqual(
      [options?.table, options?.key, row?.refs?.['dhcpv4_options']],
      ['DHCP_Options', 'dhcp/p', ['dhcp/p']],
    );
    assert.deepEqual(options?.columns['options'], {
      ...dhcpOptions(subnet, 1400, false),
      ntp_server: '{10.0.0.3, 10.0.0.4}',
      bootfile_name: '"pxe/linux.0"',
      domain_search_list: '"a.example,b.example"',
    });
    for (const [opt_name, good, bad] of [
      ['mtu', '1400', '67'],
      ['tftp-server-address', '10.0.0.1', 'fd00::1'],
      ['ntp-server', '10.0.0.1', '10.0.0.1, x'],
      ['tftp-server', 'boot.example', 'a\\'],
      ['domain-name', 'cloud.example', '-a.example'],
      ['domain-search', 'a.example', 'a.example,'],
      ['default-ttl', '64', '1e1'],
    ] as const) {
      assert.ok(isExtraOption({ opt_name, opt_value: good }), opt_name);
      assert.ok(!isExtraOption({ opt_name, opt_value: bad }), opt_name);
    }
    // without DHCP there is nobody who would tell
    const [bare] = portRows(own, [{ address: '10.0.0.5', subnet: { ...subnet, enableDhcp: false } }]);
    assert.deepEqual([bare?.table, bare?.refs?.['dhcpv4_options']], ['Logical_Switch_Port', []]);
  });

  it('of the way to metadata: on the network itself, unless somebody wrote another', () => {
    const routes = (more: Partial<SubnetFacts>) =>
      dhcpOptions({ ...subnet, hostRoutes: [], ...more }, 1400, true)['classless_static_route'];
    assert.equal(routes({}), '{169.254.169.254/32,0.0.0.0, 0.0.0.0/0,10.0.0.1}');
    assert.equal(routes({ gatewayIp: null }), '{169.254.169.254/32,0.0.0.0}');
    const own = [{ destination: '169.254.169.254/32', nexthop: '10.0.0.2' }];
    assert.equal(routes({ hostRoutes: own }), '{169.254.169.254/32,10.0.0.2, 0.0.0.0/0,10.0.0.1}');
    assert.equal(routes({ ipVersion: 6 }), undefined);
  });

  it('of hosts: which may have a port, and which two while its server moves', () => {
    const options = (chassis?: readonly string[]) =>
      portRows(port, [], chassis === undefined ? {} : { chassis })[0]?.columns['options'];
    assert.deepEqual(options(), {});
    assert.deepEqual(options([]), {});
    assert.deepEqual(options(['a']), { 'requested-chassis': 'a' });
    assert.deepEqual(options(['a', 'b']), { 'requested-chassis': 'a,b', 'activation-strategy': 'rarp' });
  });

  it('of wires: an external network is on that of the site, unless it has its own', () => {
    const site = { wire: 'w', gateways: [], metadata: false };
    const wireOf = (more: object, of = site) => {
      const [, row] = networkRows({ id: 'n', external: false, mtu: 1500, ...more }, [], of);
      return row === undefined ? null : [row.columns['options'], row.columns['tag']];
    };
    assert.equal(wireOf({}), null);
    assert.deepEqual(wireOf({ external: true }), [{ network_name: 'w' }, []]);
    assert.equal(wireOf({ external: true }, { ...site, wire: '' }), null);
    assert.deepEqual(wireOf({ physicalNetwork: 'x', segmentationId: 5 }), [{ network_name: 'x' }, [5]]);
    assert.deepEqual(wireOf({ external: true, physicalNetwork: 'x' }), [{ network_name: 'x' }, []]);
    const [tunnel] = networkRows({ id: 'n', external: false, mtu: 1442, segmentationId: 7 }, [], site);
    assert.deepEqual(tunnel?.columns['other_config'], { 'requested-tnl-key': '7' });
  });

  it('of gateways: at most so many hosts on the wire, always in the same order', () => {
    const hosts = new Map(
      Array.from({ length: 9 }, (_, at) => [`h${at}`, { name: `c${at}`, wires: at === 8 ? [] : ['w'] }]),
    );
    const found = carriersOf('r', hosts, 'w');
    assert.equal(found.length, limits.ovnGatewaysOfRouter);
    assert.deepEqual(carriersOf('r', new Map([...hosts].toReversed()), 'w'), found);
    assert.ok(!carriersOf('r', hosts, 'w').includes('c8'));
    assert.deepEqual(carriersOf('r', hosts, 'x'), []);
    // with one host less the others keep their places
    hosts.delete(`h${found[0]?.slice(1)}`);
    assert.deepEqual(carriersOf('r', hosts, 'w').slice(0, -1), found.slice(1));
  });

  it('of metadata: a port of each network, reached whatever groups say, and by nobody else', () => {
    const network = { id: 'n', external: false, mtu: 1400 };
    const site = { wire: '', gateways: [], metadata: true };
    const [, port, ...more] = networkRows(network, [], site);
    assert.deepEqual(more, []);
    assert.deepEqual(
      [port?.columns['name'], port?.columns['type'], port?.columns['addresses'], port?.within],
      [
        'metadata-n',
        'localport',
        ['02:a9:fe:a9:fe:00 169.254.169.254 fe80::a9fe:a9fe'],
        { key: 'network/n', column: 'ports' },
      ],
    );
    assert.equal(networkRows(network, [], { ...site, metadata: false }).length, 1);
    const rules = guardRows().filter(({ key }) => key.includes('metadata'));
    assert.deepEqual(
      rules.map(({ columns: { priority, action, match } }) => [priority, action, match]),
      [
        ...[
          [1002, 'allow-related', `${OWN} && ip4.dst == 169.254.169.254 && tcp.dst == 80`],
          [1002, 'allow-related', `${OWN} && ip6.dst == fe80::a9fe:a9fe && tcp.dst == 80`],
          [1003, 'drop', 'inport == @pg_xloud_guard && ip4.dst == 169.254.169.254 && eth.dst != 02:a9:fe:a9:fe:00'],
        ],
      ],
    );
    // where connections are not followed, what is answered has to be let in, and nothing that opens one
    const stateless = groupRows({ id: GROUP, stateful: false, rules: [] }).slice(1);
    assert.deepEqual(
      stateless.map(({ columns: { direction, action } }) => [direction, action]),
      ['from-lport', 'to-lport', 'from-lport', 'to-lport'].map((direction) => [direction, 'allow-stateless']),
    );
    for (const { columns } of stateless.filter((row) => row.columns['direction'] === 'to-lport'))
      assert.match(columns['match'] as string, /tcp\.src == 80 && tcp\.flags != 2\/18$/);
  });
});

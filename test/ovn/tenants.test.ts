// Tenants on one host, by a real OVN that the network service tells: who reaches whom, and who does not.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import type { Who } from '../support/cloud.ts';
import { type Machine, type Ovn, startOvn } from '../support/ovn.ts';
import { canonicalIp } from '../../src/base/ip.ts';
import { eventually } from '../support/serve.ts';

const RANGE = '10.0.0.0/24';

/** Asks for an address by DHCPv6 as a client does at first, and says which one is offered. */
async function solicited(machine: Machine, mac: string): Promise<string> {
  const script = `
    const socket = require('node:dgram').createSocket('udp6');
    const mac = process.argv[1].split(':').map((byte) => parseInt(byte, 16));
    const option = (code, ...data) => [0, code, data.length >> 8, data.length & 255, ...data];
    const ask = Buffer.from([1, 7, 7, 7, ...option(1, 0, 3, 0, 1, ...mac), ...option(3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0), ...option(8, 0, 0)]);
    socket.on('message', (answer) => {
      for (let at = 4; at + 4 <= answer.length; at += 4 + answer.readUInt16BE(at + 2)) {
        if (answer.readUInt16BE(at) !== 3) continue;
        const address = answer.subarray(at + 4 + 12 + 4, at + 4 + 12 + 4 + 16);
        console.log(Array.from({ length: 8 }, (_, i) => address.readUInt16BE(2 * i).toString(16)).join(':'));
        process.exit();
      }
    });
    socket.bind(546, () => { socket.setMulticastInterface('::%eth0'); send(); });
    function send() { socket.send(ask, 547, 'ff02::1:2%eth0'); }
    setInterval(send, 500);
    setTimeout(() => process.exit(1), 15000);`;
  const said = await machine.run(process.execPath, '-e', script, mac);
  return canonicalIp(said) ?? said;
}

describe('tenants on OVN', () => {
  let ovn: Ovn;
  const networks = new Map<Who, string>();
  const subnets = new Map<Who, string>();
  // oxlint-disable-next-line typescript/no-explicit-any -- as the API shows them
  const ports = new Map<string, any>();
  const machines = new Map<string, Machine>();
  const at = (name: string): Machine => machines.get(name) as Machine;
  const portOf = (name: string) => ports.get(name);

  /** A port of a project with this address, and a machine that has it. */
  async function server(who: Who, name: string, last: number, more: object = {}): Promise<Machine> {
    const fixed_ips = [{ subnet_id: subnets.get(who), ip_address: `10.0.0.${last}` }];
    const port = await ovn.make(who, 'port', { network_id: networks.get(who), name, fixed_ips, ...more });
    ports.set(name, port);
    machines.set(name, await ovn.plug(name, port, `10.0.0.${last}/24`, '10.0.0.1'));
    return at(name);
  }
  const group = async (who: Who, name: string) => (await ovn.make(who, 'security_group', { name })).id as string;
  const rule = (who: Who, security_group_id: string, more: object) =>
    ovn.make(who, 'security_group_rule', { security_group_id, direction: 'ingress', ...more });
  const change = async (who: Who, name: string, port: object) => {
    const answer = await ovn.ask(who, 'PUT', `ports/${portOf(name).id}`, { port });
    assert.equal(answer.status, 200, answer.text);
  };

  before(async () => {
    ovn = await startOvn();
    for (const who of ['demo', 'other'] as const) {
      const network = await ovn.make(who, 'network', { name: who });
      networks.set(who, network.id);
      const subnet = {
        ...{ network_id: network.id, cidr: RANGE, ip_version: 4, dns_nameservers: ['9.9.9.9'] },
        // those below are nobody's until they are named
        allocation_pools: [{ start: '10.0.0.128', end: '10.0.0.254' }],
      };
      subnets.set(who, (await ovn.make(who, 'subnet', subnet)).id);
    }
    await server('demo', 'a1', 11);
    await server('demo', 'a2', 12);
    await server('other', 'b1', 11);
    await server('other', 'b3', 13);
  });
  after(() => ovn.close());

  it('reach their own, and nobody of another who has the same range', async () => {
    await ovn.settled();
    assert.ok(await at('a1').pings('10.0.0.12'));
    assert.ok(await at('b1').pings('10.0.0.13'));
    assert.ok(!(await at('a1').pings('10.0.0.13')));
    assert.ok(!(await at('b1').pings('10.0.0.12')));
  });

  it('tell nobody else what they are: not another address, not another MAC, not in ARP, not in IPv6', async () => {
    const [a1, a2] = [at('a1'), at('a2')];
    const forged = async (): Promise<boolean> => {
      await a1.run('ip', 'addr', 'add', '10.0.0.99/24', 'dev', 'eth0');
      const reached = await a1.pings('10.0.0.12', '-I', '10.0.0.99');
      await a1.run('ip', 'addr', 'del', '10.0.0.99/24', 'dev', 'eth0');
      return reached;
    };
    assert.ok(!(await forged()));
    const claims = async (): Promise<boolean> => {
      await a2.run('ip', 'neigh', 'flush', 'dev', 'eth0');
      await a2.run('ip', 'neigh', 'add', '10.0.0.77', 'lladdr', 'fa:16:3e:00:00:77', 'dev', 'eth0', 'nud', 'stale');
      await a1.run('ip', 'addr', 'add', '10.0.0.77/32', 'dev', 'eth0');
      // a neighbour that was heard of less than a second ago is not believed anew
      await a1.run('sleep', '1.2');
      await a1.run('busybox', 'arping', '-U', '-I', 'eth0', '-c', '2', '10.0.0.77').catch(() => {});
      await a1.run('ip', 'addr', 'del', '10.0.0.77/32', 'dev', 'eth0');
      return (await a2.run('ip', 'neigh', 'show', '10.0.0.77')).includes(portOf('a1').mac_address);
    };
    assert.ok(!(await claims()));
    await a1.run('ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:99');
    await a1.run('ip', 'route', 'replace', 'default', 'via', '10.0.0.1');
    assert.ok(!(await a1.pings('10.0.0.12')));
    await a1.run('ip', 'link', 'set', 'eth0', 'address', portOf('a1').mac_address);
    await a1.run('ip', 'route', 'replace', 'default', 'via', '10.0.0.1');
    assert.ok(await a1.pings('10.0.0.12'));
    for (const [name, last] of [
      ['a1', '1'],
      ['a2', '2'],
    ] as const)
      await at(name).run('ip', 'addr', 'add', `fd00::${last}/64`, 'dev', 'eth0', 'nodad');
    assert.ok(!(await a1.pings('fd00::2')));
    // groups speak of the addresses of ports, not of pairs: who is to be let in from one is named
    const pinged = { protocol: 'icmp', remote_ip_prefix: '10.0.0.99/32' };
    const { id: opening } = await rule('demo', portOf('a2').security_groups[0], pinged);
    await ovn.settled();
    assert.ok(!(await forged()));
    // an allowed pair is allowed, and without port security all of it
    await change('demo', 'a1', { allowed_address_pairs: [{ ip_address: '10.0.0.99' }] });
    await ovn.settled();
    assert.ok(await forged());
    assert.ok(!(await claims()));
    for (const name of ['a1', 'a2'])
      await change('demo', name, { port_security_enabled: false, security_groups: [], allowed_address_pairs: [] });
    await ovn.settled();
    assert.ok(await claims());
    assert.ok(await a1.pings('fd00::2'));
    for (const name of ['a1', 'a2'])
      await change('demo', name, { port_security_enabled: true, security_groups: portOf(name).security_groups });
    await ovn.settled();
    assert.ok(!(await forged()));
    assert.ok(!(await a1.pings('fd00::2')));
    assert.equal((await ovn.ask('demo', 'DELETE', `security-group-rules/${opening}`)).status, 204);
  });

  it('are let in by their groups alone, at once, and what is under way goes on', async () => {
    const [web, peers] = [await group('demo', 'web'), await group('demo', 'peers')];
    for (const port of [22, 80]) await at('a2').serve(port);
    await change('demo', 'a2', { security_groups: [web] });
    await change('demo', 'a1', { security_groups: [peers] });
    await ovn.settled();
    assert.equal(await at('a1').hears('10.0.0.12', 22), null);
    assert.ok(!(await at('a1').pings('10.0.0.12')));
    const ssh = await rule('demo', web, { protocol: 'tcp', port_range_min: 22, port_range_max: 22 });
    await ovn.settled();
    assert.equal(await at('a1').hears('10.0.0.12', 22), 'a2');
    assert.equal(await at('a1').hears('10.0.0.12', 80), null);
    assert.ok(!(await at('a1').pings('10.0.0.12')));
    const talk = at('a1').talk('10.0.0.12', 22);
    assert.ok(await talk.echo());
    // another rule comes: in force soon, and nothing is cut
    const answered = at('a1').firstAnswer('10.0.0.12');
    await systemClock.sleep(1_000);
    const asked = Date.now();
    await rule('demo', web, { protocol: 'icmp', remote_group_id: peers });
    const lateMs = (await answered) - asked;
    process.stdout.write(`a rule was in force ${lateMs} ms after it was asked for, its answer among them\n`);
    assert.ok(lateMs > 0, 'nothing was answered before the rule was asked for');
    assert.ok(await talk.echo());
    // the remote group's members, and nobody else
    await change('demo', 'a1', { security_groups: [] });
    await ovn.settled();
    assert.ok(!(await at('a1').pings('10.0.0.12')));
    await change('demo', 'a1', { security_groups: [peers] });
    await ovn.settled();
    assert.ok(await at('a1').pings('10.0.0.12'));
    assert.ok(await talk.echo());
    // what is taken away is over, for what is under way too
    assert.equal((await ovn.ask('demo', 'DELETE', `security-group-rules/${ssh.id}`)).status, 204);
    await ovn.settled();
    assert.equal(await at('a1').hears('10.0.0.12', 22), null);
    assert.ok(!(await talk.echo()));
    talk.end();
    for (const name of ['a1', 'a2']) await change('demo', name, { security_groups: portOf(name).security_groups });
  });

  it('get their addresses by DHCP whatever their groups say, and give none to others', async () => {
    const none = await group('demo', 'none');
    const rules = (await ovn.ask('demo', 'GET', `security-group-rules?security_group_id=${none}`)).json;
    for (const { id } of rules.security_group_rules) await ovn.ask('demo', 'DELETE', `security-group-rules/${id}`);
    const port = await ovn.make('demo', 'port', {
      ...{ network_id: networks.get('demo'), security_groups: [none] },
      fixed_ips: [{ subnet_id: subnets.get('demo'), ip_address: '10.0.0.44' }],
    });
    const machine = await ovn.plug('a4', port);
    await ovn.settled();
    const script = 'echo "[ \\$1 = bound ] && env | sort >&2" > /run/lease; chmod +x /run/lease';
    await ovn.inside('bash', '-c', `printf '#!/bin/sh\\n' > /run/x; ${script}; sed -i '1i #!/bin/sh' /run/lease`);
    const lease = await machine.run(
      'bash',
      '-c',
      'busybox udhcpc -i eth0 -n -q -f -t 10 -T 1 -O mtu -s /run/lease 2>&1',
    );
    for (const line of ['ip=10.0.0.44', 'router=10.0.0.1', 'dns=9.9.9.9', 'mtu=1500', 'mask=24'])
      assert.match(lease, new RegExp(`^${line.replaceAll('.', '\\.')}$`, 'm'));
    await machine.run('ip', 'addr', 'add', '10.0.0.44/24', 'dev', 'eth0');
    assert.ok(!(await machine.pings('10.0.0.12')));
    // the port says whether it works
    const shown = async () => (await ovn.ask('demo', 'GET', `ports/${port.id}`)).json.port.status;
    assert.equal(await shown(), 'DOWN');
  });

  it('go out by their router, and are reached by their floating addresses alone', async () => {
    const world = await ovn.outside('world', '203.0.113.1/24');
    const external = await ovn.make('admin', 'network', { name: 'public', 'router:external': true });
    await ovn.make('admin', 'subnet', {
      ...{ network_id: external.id, cidr: '203.0.113.0/24', ip_version: 4, enable_dhcp: false },
      allocation_pools: [{ start: '203.0.113.20', end: '203.0.113.99' }],
    });
    const routers = new Map<Who, string>();
    for (const who of ['demo', 'other'] as const) {
      const router = await ovn.make(who, 'router', { external_gateway_info: { network_id: external.id } });
      routers.set(who, router.external_gateway_info.external_fixed_ips[0].ip_address);
      const body = { subnet_id: subnets.get(who) };
      assert.equal((await ovn.ask(who, 'PUT', `routers/${router.id}/add_router_interface`, body)).status, 200);
    }
    await ovn.settled();
    for (const name of ['a1', 'b1']) assert.ok(await at(name).pings('203.0.113.1'), name);
    // they go out by the address of the router: it is what is answered
    await world.serve(99);
    assert.equal(await at('a1').hears('203.0.113.1', 99), 'world');
    const floating = await ovn.make('demo', 'floatingip', {
      floating_network_id: external.id,
      port_id: portOf('a1').id,
    });
    const address = floating.floating_ip_address as string;
    await at('a1').serve(22);
    await ovn.settled();
    // nothing is let in by the group yet
    assert.ok(!(await world.pings(address)));
    assert.equal(await world.hears(address, 22), null);
    const open = await group('demo', 'open');
    await rule('demo', open, { protocol: 'tcp', port_range_min: 22, port_range_max: 22 });
    await change('demo', 'a1', { security_groups: [open] });
    await ovn.settled();
    assert.equal(await world.hears(address, 22), 'a1');
    assert.equal(await at('b1').hears(address, 22), 'a1');
    assert.ok(!(await world.pings(address)));
    await ovn.ask('demo', 'PUT', `floatingips/${floating.id}`, { floatingip: { port_id: null } });
    await ovn.settled();
    assert.equal(await world.hears(address, 22), null);
    await change('demo', 'a1', { security_groups: portOf('a1').security_groups });
  });

  it('have IPv6 addresses by DHCP and their router by its advertisements, and are no DHCP server themselves', async () => {
    const network = await ovn.make('demo', 'network', { name: 'six' });
    const subnet = await ovn.make('demo', 'subnet', { network_id: network.id, cidr: 'fd00:6::/64', ip_version: 6 });
    const [one, two] = [
      await ovn.make('demo', 'port', { network_id: network.id, fixed_ips: [{ ip_address: 'fd00:6::11' }] }),
      await ovn.make('demo', 'port', { network_id: network.id, fixed_ips: [{ ip_address: 'fd00:6::12' }] }),
    ];
    const [first, second] = [await ovn.plug('six1', one), await ovn.plug('six2', two)];
    await first.run('sysctl', '-q', '-w', 'net.ipv6.conf.eth0.accept_ra=2').catch(() => {});
    const router = await ovn.make('demo', 'router', {});
    const joined = await ovn.ask('demo', 'PUT', `routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    assert.equal(joined.status, 200, joined.text);
    await ovn.settled();
    for (const [machine, port, address] of [
      [first, one, 'fd00:6::11'],
      [second, two, 'fd00:6::12'],
    ] as const) {
      assert.equal(await solicited(machine, port.mac_address), address);
      await machine.run('ip', 'addr', 'add', `${address}/64`, 'dev', 'eth0', 'nodad');
    }
    assert.ok(await first.pings('fd00:6::12'));
    await eventually('the way out', 60_000, async () =>
      (await first.run('ip', '-6', 'route', 'show', 'default')).includes('via fe80::') ? true : null,
    );
    assert.ok(await first.pings('fd00:6::1'));
    // by what OVN would do with the packet: nothing here makes one
    const trace = (port: { id: string; mac_address: string }, packet: string) =>
      ovn.inside(
        'ovn-trace',
        `--db=${ovn.remote.replace(/nb\.sock$/, 'sb.sock')}`,
        '--minimal',
        `network-${network.id}`,
        `inport == "${port.id}" && eth.src == ${port.mac_address} && ${packet}`,
      );
    const local = (await first.run('ip', '-6', 'addr', 'show', 'scope', 'link')).match(/fe80::[0-9a-f:]+/)?.[0] ?? '';
    const to = 'eth.dst == 33:33:00:00:00:01 && ip6.dst == ff02::1 && ip.ttl == 255';
    const advertises = `${to} && ip6.src == ${local} && icmp6.type == 134 && icmp6.code == 0`;
    const serves = `eth.dst == ${two.mac_address} && ip6.src == fd00:6::11 && ip6.dst == fd00:6::12 && ip.ttl == 64 && udp.src == 547 && udp.dst == 546`;
    const asks = serves.replace('udp.src == 547', 'udp.src == 5470');
    // OVN lets it pass from a port with IPv6, and from none without: so a shared network has none
    assert.match(await trace(one, advertises), /output\(/);
    const four = await ovn.make('demo', 'port', { network_id: network.id, fixed_ips: [] });
    await ovn.settled();
    assert.doesNotMatch(await trace(four, advertises), /output\(/);
    assert.doesNotMatch(await trace(one, serves), /output\(/);
    assert.match(await trace(one, asks), /output\(/);
  });

  it('lose nothing while OVN is away, and tamperings are mended', async () => {
    const nbctl = (...args: string[]) => ovn.inside('ovn-nbctl', `--db=${ovn.remote}`, ...args);
    const home = ovn.remote.replace(/^unix:/, '').replace(/\/nb\.sock$/, '');
    await ovn.inside('bash', '-c', `kill -9 $(cat ${home}/nb.pid)`);
    await eventually('the loss', 20_000, () => ovn.reconciler.problem());
    const port = await ovn.make('demo', 'port', { network_id: networks.get('demo') });
    const script = `ovsdb-server ${home}/nb.db --remote=punix:${home}/nb.sock --pidfile=${home}/nb.pid --unixctl=${home}/nb.ctl --log-file=${home}/nb.log --detach --no-chdir -vconsole:off`;
    // somebody takes another port away meanwhile
    await ovn.inside('bash', '-c', `rm -f ${home}/nb.pid; ${script}`);
    await nbctl('lsp-del', portOf('a2').id);
    await ovn.settled();
    assert.match(await nbctl('lsp-get-addresses', port.id), new RegExp(port.mac_address));
    await ovn.inside('bash', '-c', `kill $(cat ${home}/nb.pid)`);
    await eventually('the loss', 20_000, () => ovn.reconciler.problem());
    await ovn.inside('bash', '-c', script);
    await eventually('the port that was taken away', 30_000, () =>
      nbctl('lsp-get-addresses', portOf('a2').id).catch(() => null),
    );
    await ovn.settled();
    assert.ok(await at('a1').pings('10.0.0.12'));
  });
});

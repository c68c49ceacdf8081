// Ports of floating addresses that lead to servers, by a real OVN: who gets through, to whom, and who does not any more.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Who } from '../support/cloud.ts';
import { type Machine, type Ovn, startOvn } from '../support/ovn.ts';

describe('port forwardings on OVN', { concurrency: 1 }, () => {
  let ovn: Ovn;
  let world: Machine;
  let external = '';
  const machines = new Map<string, Machine>();
  // oxlint-disable-next-line typescript/no-explicit-any -- as the API shows them
  const ports = new Map<string, any>();
  // oxlint-disable-next-line typescript/no-explicit-any -- as the API shows them
  const addresses = new Map<Who, any>();

  /** A project's network with a way out, two servers on it, and a floating address. Both projects have the same range. */
  async function project(who: Who): Promise<void> {
    const network = await ovn.make(who, 'network', { name: who });
    const subnet = await ovn.make(who, 'subnet', { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4 });
    const router = await ovn.make(who, 'router', { external_gateway_info: { network_id: external } });
    const joined = await ovn.ask(who, 'PUT', `routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    assert.equal(joined.status, 200, joined.text);
    const { id: security_group_id } = await ovn.make(who, 'security_group', { name: 'open' });
    for (const protocol of ['tcp', 'udp'])
      await ovn.make(who, 'security_group_rule', { security_group_id, direction: 'ingress', protocol });
    for (const last of [11, 12]) {
      const name = `${who}${last}`;
      const fixed_ips = [{ subnet_id: subnet.id, ip_address: `10.0.0.${last}` }];
      const more = { security_groups: [security_group_id], fixed_ips };
      const port = await ovn.make(who, 'port', { network_id: network.id, name, ...more });
      ports.set(name, port);
      machines.set(name, await ovn.plug(name, port, `10.0.0.${last}/24`, '10.0.0.1'));
      for (const number of [22, 80]) await (machines.get(name) as Machine).serve(number);
    }
    addresses.set(who, await ovn.make(who, 'floatingip', { floating_network_id: external }));
  }
  const ipOf = (who: Who): string => addresses.get(who).floating_ip_address;
  const pathOf = (who: Who): string => `floatingips/${addresses.get(who).id}/port_forwardings`;
  async function forward(who: Who, external_port: number, name: string, internal_port: number, protocol = 'tcp') {
    const port_forwarding = { protocol, external_port, internal_port, internal_port_id: ports.get(name).id };
    const answer = await ovn.ask(who, 'POST', pathOf(who), { port_forwarding });
    assert.equal(answer.status, 201, answer.text);
    return answer.json.port_forwarding.id as string;
  }
  /** What answers there; the first answer may come late, while routers learn who their neighbours are. */
  async function answers(from: Machine, address: string, port: number): Promise<string | null> {
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      const said = await from.hears(address, port);
      if (said !== null) return said;
    }
    return null;
  }
  const balancers = async () =>
    (await ovn.inside('ovn-nbctl', `--db=${ovn.remote}`, '--format=csv', '--no-headings', 'list', 'Load_Balancer'))
      .split('\n')
      .filter((line) => line !== '').length;

  before(async () => {
    ovn = await startOvn();
    world = await ovn.outside('world', '203.0.113.1/24');
    external = (await ovn.make('admin', 'network', { name: 'public', 'router:external': true })).id;
    await ovn.make('admin', 'subnet', {
      ...{ network_id: external, cidr: '203.0.113.0/24', ip_version: 4, enable_dhcp: false },
      allocation_pools: [{ start: '203.0.113.20', end: '203.0.113.99' }],
    });
    for (const who of ['demo', 'other'] as const) await project(who);
  });
  after(() => ovn.close());

  it('lead to the server that they name, and all else of the address is closed', async () => {
    await ovn.settled();
    assert.equal(await world.hears(ipOf('demo'), 2211), null);
    const first = await forward('demo', 2211, 'demo11', 22);
    await forward('demo', 2212, 'demo12', 22);
    await forward('other', 2211, 'other12', 80);
    await ovn.settled();
    assert.equal(await answers(world, ipOf('demo'), 2211), 'demo11');
    assert.equal(await answers(world, ipOf('demo'), 2212), 'demo12');
    // the other project has the same range and its own address
    assert.equal(await answers(world, ipOf('other'), 2211), 'other12');
    // what is not forwarded leads nowhere: neither the servers' other ports nor those of the other protocol
    for (const number of [22, 80, 2213]) assert.equal(await world.hears(ipOf('demo'), number), null, String(number));
    assert.equal(await world.hears(ipOf('other'), 2212), null);
    // projects reach each other's as anybody does
    assert.equal(await answers(machines.get('other11') as Machine, ipOf('demo'), 2211), 'demo11');
    // and servers go out as before
    await world.serve(99);
    assert.equal(await answers(machines.get('demo11') as Machine, '203.0.113.1', 99), 'world');
    // elsewhere from now on
    const body = { port_forwarding: { internal_port_id: ports.get('demo12').id, internal_port: 80 } };
    assert.equal((await ovn.ask('demo', 'PUT', `${pathOf('demo')}/${first}`, body)).status, 200);
    await ovn.settled();
    assert.equal(await answers(world, ipOf('demo'), 2211), 'demo12');
    assert.equal((await ovn.ask('demo', 'DELETE', `${pathOf('demo')}/${first}`)).status, 204);
    await ovn.settled();
    assert.equal(await world.hears(ipOf('demo'), 2211), null);
    assert.equal(await answers(world, ipOf('demo'), 2212), 'demo12');
  });

  it('obey the groups of the server', async () => {
    const bare = { port: { security_groups: [] } };
    assert.equal((await ovn.ask('demo', 'PUT', `ports/${ports.get('demo12').id}`, bare)).status, 200);
    await ovn.settled();
    assert.equal(await world.hears(ipOf('demo'), 2212), null);
    const again = { port: { security_groups: ports.get('demo12').security_groups } };
    await ovn.ask('demo', 'PUT', `ports/${ports.get('demo12').id}`, again);
    await ovn.settled();
    assert.equal(await answers(world, ipOf('demo'), 2212), 'demo12');
  });

  it('carry UDP', async () => {
    await forward('demo', 5300, 'demo11', 53, 'udp');
    await ovn.settled();
    const script = `
      const socket = require('node:dgram').createSocket('udp4');
      socket.on('message', (said) => { console.log(String(said)); process.exit(); });
      socket.bind(53);
      setTimeout(() => process.exit(), 10_000);`;
    const heard = (machines.get('demo11') as Machine).run(process.execPath, '-e', script);
    const send = `for at in 1 2 3 4 5 6; do sleep 1; echo -n over-udp > /dev/udp/${ipOf('demo')}/5300; done`;
    await world.run('bash', '-c', send);
    assert.equal(await heard, 'over-udp');
  });

  it('go with the port, and with the address', async () => {
    const extra = await forward('demo', 2280, 'demo12', 80);
    await ovn.settled();
    assert.equal(await answers(world, ipOf('demo'), 2280), 'demo12');
    assert.equal((await ovn.ask('demo', 'DELETE', `ports/${ports.get('demo12').id}`)).status, 204);
    assert.equal((await ovn.ask('demo', 'GET', `${pathOf('demo')}/${extra}`)).status, 404);
    await ovn.settled();
    assert.equal(await world.hears(ipOf('demo'), 2212), null);
    assert.equal(await answers(world, ipOf('other'), 2211), 'other12');
    const ip = ipOf('other');
    assert.equal((await ovn.ask('other', 'DELETE', `floatingips/${addresses.get('other').id}`)).status, 204);
    await ovn.settled();
    assert.equal(await world.hears(ip, 2211), null);
    assert.equal((await ovn.ask('demo', 'DELETE', `floatingips/${addresses.get('demo').id}`)).status, 204);
    await ovn.settled();
    assert.equal(await balancers(), 0);
  });
});

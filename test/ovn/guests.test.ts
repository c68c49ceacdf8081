// Real guests on a real OVN: what libvirt plugs by a port's id gets that port's address, reaches whom its network and groups let it, and
// nobody else.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { plainInterface } from '../../src/domain/networks/interface-plan.ts';
import type { NicSpec } from '../../src/domain/networks/server-nics.ts';
import { callers, type Who } from '../support/cloud.ts';
import { runInside } from '../support/inside.ts';
import { type LibvirtHost, startHost } from '../support/libvirt-host.ts';
import { type Machine, type Ovn, startOvn } from '../support/ovn.ts';
import { eventually } from '../support/serve.ts';

const TIMEOUT_MS = 120_000;

describe('guests on OVN', () => {
  let host: LibvirtHost;
  let ovn: Ovn;
  const networks = new Map<Who, string>();
  const guests = new Map<string, string>();
  const machines = new Map<string, Machine>();

  before(async () => {
    host = await startHost();
    ovn = await startOvn(host.libvirtd);
    for (const who of ['demo', 'other'] as const) {
      const network = await ovn.make(who, 'network', { name: who, mtu: 1400 });
      await ovn.make(who, 'subnet', { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4 });
      networks.set(who, network.id);
    }
    for (const [who, name, address] of [
      ['demo', 'a', '10.0.0.12'],
      ['other', 'b', '10.0.0.13'],
    ] as const) {
      const fixed_ips = [{ ip_address: address }];
      const port = await ovn.make(who, 'port', { network_id: networks.get(who), fixed_ips });
      machines.set(name, await ovn.plug(name, port, `${address}/24`));
      await machines.get(name)?.serve(22);
    }
  });
  after(async () => {
    await ovn.close();
    await host.close();
  });

  const inside = (name: string, script: string) =>
    runInside((command) => host.askAgent(guests.get(name) ?? '', command), script, TIMEOUT_MS);
  const answers = (name: string, script: string): Promise<boolean> =>
    inside(name, `{ ${script}; } >/dev/null 2>&1 && echo yes || echo no`).then((said) => said.trim() === 'yes');
  const pings = (name: string, address: string) =>
    answers(name, `ping -c 1 -W 1 ${address} || ping -c 2 -W 1 ${address}`);
  const hears = (name: string, address: string) => inside(name, `sleep 2 | nc -w 2 ${address} 22 | head -n 1`);
  const statusOf = async (portId: string) => (await ovn.ask('admin', 'GET', `ports/${portId}`)).json.port.status;
  const bridgePorts = async () =>
    (await ovn.inside('ovs-vsctl', 'list-ports', 'br-int')).split('\n').filter((name) => name.startsWith('vnet'));

  /** Ports of a server as compute asks for them, from this place on. */
  async function nicsFor(who: Who, uuid: string, fixedIp: string, first = 0): Promise<readonly NicSpec[]> {
    const { projectId, userId } = callers[who];
    const owner = { projectId: projectId ?? '', userId };
    const server = { uuid, ...owner, host: 'ovn-host', zone: 'nova', hostname: 'guest' };
    const request = { networkId: networks.get(who) ?? '', portId: null, fixedIp, tag: null };
    return ovn.cloud.networks.service.allocate(server as never, { requests: [request], securityGroups: [] }, first);
  }

  async function spawn(name: string, who: Who, fixedIp: string): Promise<readonly NicSpec[]> {
    const uuid = randomUUID();
    guests.set(name, uuid);
    const nics = await nicsFor(who, uuid, fixedIp);
    await host.driver.spawn({ spec: host.spec({ uuid, nics }) });
    await host.ready(uuid);
    return nics;
  }
  const addressIn = (name: string, address: string) =>
    eventually(
      'the address',
      TIMEOUT_MS,
      async () => ((await inside(name, 'ip -4 addr')).includes(`${address}/24`) ? true : null),
      500,
    );

  it('get their addresses, of the same range in two projects, and their port says that it works', async () => {
    for (const [name, who] of [
      ['one', 'demo'],
      ['two', 'other'],
    ] as const) {
      const [nic] = await spawn(name, who, '10.0.0.21');
      assert.equal(nic?.vifType, 'ovs');
      await addressIn(name, '10.0.0.21');
      await eventually(
        'the port',
        TIMEOUT_MS,
        async () => ((await statusOf(nic.portId)) === 'ACTIVE' ? true : null),
        200,
      );
      assert.match(await inside(name, 'cat /sys/class/net/eth0/mtu'), /^1400$/m);
    }
  });

  it('reach their own, by TCP too, and nobody of the other project', async () => {
    assert.ok(await pings('one', '10.0.0.12'));
    assert.ok(await pings('two', '10.0.0.13'));
    assert.match(await hears('one', '10.0.0.12'), /^a$/m);
    assert.match(await hears('two', '10.0.0.13'), /^b$/m);
    assert.ok(!(await pings('one', '10.0.0.13')));
    assert.ok(!(await pings('two', '10.0.0.12')));
    assert.equal((await hears('one', '10.0.0.13')).trim(), '');
  });

  it('speak as nobody else', async () => {
    await inside('one', 'ip addr add 10.0.0.99/24 dev eth0');
    assert.ok(!(await answers('one', 'ping -c 2 -W 1 -I 10.0.0.99 10.0.0.12')));
    await inside('one', 'ip addr del 10.0.0.99/24 dev eth0');
    assert.ok(await pings('one', '10.0.0.12'));
  });

  it('are let in by their groups alone', async () => {
    // of one project both are in its default group, whose members let each other in
    assert.ok(await machines.get('a')?.pings('10.0.0.21'));
    const group = (await ovn.make('demo', 'security_group', { name: 'closed' })).id as string;
    const [port] = (await ovn.ask('demo', 'GET', `ports?device_id=${guests.get('one')}`)).json.ports;
    await ovn.ask('demo', 'PUT', `ports/${port.id}`, { port: { security_groups: [group] } });
    await ovn.settled();
    assert.ok(!(await machines.get('a')?.pings('10.0.0.21')));
    await ovn.ask('demo', 'PUT', `ports/${port.id}`, { port: { security_groups: port.security_groups } });
    await ovn.settled();
    assert.ok(await machines.get('a')?.pings('10.0.0.21'));
  });

  it('get another interface while they run, and give it back', async () => {
    const uuid = guests.get('one') ?? '';
    const [nic] = await nicsFor('demo', uuid, '10.0.0.22', 7);
    assert.ok(nic !== undefined);
    const { attachNic, detachNic } = host.driver;
    for (const _ of [1, 2]) await attachNic?.({ uuid, nic, plan: plainInterface });
    await addressIn('one', '10.0.0.22');
    await eventually(
      'the port',
      TIMEOUT_MS,
      async () => ((await statusOf(nic.portId)) === 'ACTIVE' ? true : null),
      200,
    );
    assert.equal((await bridgePorts()).length, 3);
    for (const _ of [1, 2]) await detachNic?.({ uuid, portId: nic.portId });
    await eventually('the port', TIMEOUT_MS, async () => ((await statusOf(nic.portId)) === 'DOWN' ? true : null), 200);
    assert.equal((await bridgePorts()).length, 2);
  });

  it('leave nothing in the switch, nor a network or a filter of libvirt', async () => {
    assert.doesNotMatch(await host.virsh('nwfilter-list'), /xloud-/);
    assert.doesNotMatch(await host.virsh('net-list', '--all'), /xloud-/);
    for (const uuid of guests.values()) await host.driver.destroy({ uuid });
    assert.deepEqual(await bridgePorts(), []);
    for (const uuid of guests.values()) assert.deepEqual(await host.leftovers(uuid), []);
  });
});

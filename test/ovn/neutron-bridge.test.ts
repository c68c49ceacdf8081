// Networks of an operator's Neutron whose hosts have Linux bridges: Debian's neutron-server with its mechanism driver `linuxbridge`, and its
// agent beside a private libvirtd, with tunnels of VXLAN (one host: nobody is at their other end) and groups kept by iptables. Guests are
// given their addresses by hand, since no agent for DHCP runs here. What its agent does with ebtables is helped: linuxbridge-agent.ts.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { runInside } from '../support/inside.ts';
import { keystoneMissing, register, startKeystone, type TestKeystone } from '../support/keystone.ts';
import { type Libvirtd, startLibvirtd } from '../support/libvirtd.ts';
import { linuxbridgeMissing, type LinuxbridgeAgent, startLinuxbridgeAgent } from '../support/linuxbridge-agent.ts';
import { besideNeutron, settleIn } from '../support/neutron-cloud.ts';
import { neutronMissing, startNeutron, type TestNeutron } from '../support/neutron-server.ts';
import { type Rabbitmq, startRabbitmq } from '../support/rabbitmq.ts';
import { eventually, type Reply, type Service, startService } from '../support/serve.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 180_000;
const HOST = 'bridge-host';

describe("an operator's Neutron with Linux bridges", {
  skip: keystoneMissing() ?? neutronMissing() ?? linuxbridgeMissing() ?? false,
  concurrency: 1,
}, () => {
  let keystone: TestKeystone;
  let broker: Rabbitmq;
  let neutron: TestNeutron;
  let agent: LinuxbridgeAgent;
  let libvirtd: Libvirtd;
  let service: Service;
  let netns = '';
  let imageRef = '';
  let flavorRef = '';
  const servers = new Map<string, string>();
  const networks = new Map<string, string>();

  const done = async (method: string, path: string, body?: object): Promise<Reply['body']> => {
    const answer = await service.request('xloud', method, path, body);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const ofNeutron = (method: string, path: string, body?: object) => done(method, `/network/v2.0/${path}`, body);
  const compute = (method: string, path: string, body?: object) => done(method, `/compute/v2.1${path}`, body);
  const idOf = (name: string): string => servers.get(name) ?? assert.fail(name);
  const portsOf = async (name: string): Promise<Reply['body'][]> =>
    (await ofNeutron('GET', `ports?device_id=${idOf(name)}`)).ports;
  const there = async (...words: [string, ...string[]]): Promise<string> => (await libvirtd.exec(...words)).stdout;
  /** The devices of a host whose names begin so, with the bridge that each is in. */
  const links = async (prefix: string): Promise<{ ifname: string; master?: string; mtu: number }[]> =>
    JSON.parse(await there('ip', '-json', 'link')).filter((link: { ifname: string }) => link.ifname.startsWith(prefix));

  before(async () => {
    keystone = await startKeystone({ provider: 'fernet' });
    await register(keystone, { user: 'nova', type: 'xloud', url: 'http://127.0.0.1:1' });
    broker = await startRabbitmq();
    neutron = await startNeutron(keystone, '/nonexistent', {
      driver: 'linuxbridge',
      transportUrl: broker.url.replace('amqp:', 'rabbit:'),
    });
    libvirtd = await startLibvirtd({ hostname: HOST });
    netns = `xloud-test-${libvirtd.pid}`;
    await run('ip', ['netns', 'attach', netns, String(libvirtd.pid)]);
    agent = await startLinuxbridgeAgent(libvirtd, HOST, broker);
    service = await startService({
      driver: 'libvirt',
      env: {
        XLOUD_COMPUTE__LIBVIRT_URI: libvirtd.uri,
        XLOUD_COMPUTE__VIRT_TYPE: 'qemu',
        XLOUD_COMPUTE__REPORT_SECONDS: '2',
        XLOUD_COMPUTE__HOST: HOST,
        ...besideNeutron(keystone),
        XLOUD_NETWORK__OVS_NETNS: netns,
      },
    });
    ({ imageRef, flavorRef } = await settleIn(keystone, service));
    for (const name of ['one', 'other']) {
      const { network } = await ofNeutron('POST', 'networks', { network: { name } });
      networks.set(name, network.id);
      await ofNeutron('POST', 'subnets', {
        subnet: { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4, enable_dhcp: false },
      });
    }
  });
  after(async () => {
    await service?.close();
    await agent?.stop();
    await run('ip', ['netns', 'del', netns]).catch(() => {});
    await libvirtd?.stop();
    await neutron?.stop();
    await broker?.stop();
    await keystone?.stop();
  });

  const inside = (name: string, script: string): Promise<string> =>
    runInside(
      async (command) => {
        const words = ['-q', '-c', 'qemu:///system', 'qemu-agent-command', idOf(name)];
        return (JSON.parse(await there('virsh', ...words, JSON.stringify(command))) as { return: unknown }).return;
      },
      script,
      TIMEOUT_MS,
    );
  const pings = async (name: string, address: string): Promise<boolean> =>
    (await inside(name, `ping -c 3 -W 1 ${address} >/dev/null 2>&1 && echo yes || echo no`)).trim() === 'yes';
  const reaches = (name: string, status: string) =>
    eventually(`${name} ${status}`, TIMEOUT_MS, async () => {
      const now = (await compute('GET', `/servers/${idOf(name)}`)).server;
      assert.ok(now.status !== 'ERROR', JSON.stringify(now.fault));
      return now.status === status && now['OS-EXT-STS:task_state'] === null ? true : null;
    });
  /** Gives the interface of a port in a guest its address, once the guest is up. */
  const address = (name: string, port: Reply['body']): Promise<string> =>
    eventually(
      `the address of ${name}`,
      TIMEOUT_MS,
      async () => {
        const [{ ip_address: own }] = port.fixed_ips;
        const script = `d=$(basename $(dirname $(grep -l ${port.mac_address} /sys/class/net/*/address)))
        ip addr replace ${own}/24 dev $d && ip link set $d up && echo done`;
        return inside(name, script).then(
          (said) => (said.includes('done') ? own : null),
          () => null,
        );
      },
      500,
    );

  async function boot(name: string, network: string): Promise<string> {
    const server = { name, imageRef, flavorRef, networks: [{ uuid: networks.get(network) }] };
    servers.set(name, (await compute('POST', '/servers', { server })).server.id);
    await reaches(name, 'ACTIVE');
    const [port] = await portsOf(name);
    return address(name, port);
  }

  it('has ports bound as bridges, of which its agent says that they work', { timeout: 2 * TIMEOUT_MS }, async () => {
    await boot('a', 'one');
    const [port] = await portsOf('a');
    assert.deepEqual([port['binding:host_id'], port['binding:vif_type'], port.status], [HOST, 'bridge', 'ACTIVE']);
    const [tap] = await links('tap');
    const { network } = await ofNeutron('GET', `networks/${networks.get('one')}`);
    assert.deepEqual(
      [tap?.ifname, tap?.master, tap?.mtu],
      [`tap${port.id.slice(0, 11)}`, `brq${network.id.slice(0, 11)}`, network.mtu],
    );
    assert.match(await inside('a', 'ip link show eth0'), new RegExp(`mtu ${network.mtu} `));
    // the host itself has no address in there, and none may come
    const bridge = tap?.master ?? '';
    assert.equal(await there('cat', `/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`), '1\n');
    const [shown] = JSON.parse(await there('ip', '-json', '-details', 'addr', 'show', 'dev', bridge));
    assert.deepEqual(shown.addr_info, []);
    const { stp_state, forward_delay, mcast_snooping } = shown.linkinfo.info_data;
    assert.deepEqual([stp_state, forward_delay, mcast_snooping], [0, 0, 0]);
    // its agent led it to the others
    const [vxlan] = await links('vxlan-');
    assert.equal(vxlan?.master, bridge);
  });

  it('joins those of a network, and nobody of another with the same range', { timeout: 3 * TIMEOUT_MS }, async () => {
    const second = await boot('b', 'one');
    const stranger = await boot('stranger', 'other');
    assert.ok(await pings('a', second));
    assert.ok(!(await pings('a', stranger)));
    assert.ok(!(await pings('stranger', second)));
  });

  it('is what lets anybody to a guest', { timeout: TIMEOUT_MS }, async () => {
    const [port] = await portsOf('b');
    const [{ ip_address: second }] = port.fixed_ips;
    const { security_group: closed } = await ofNeutron('POST', 'security-groups', {
      security_group: { name: 'closed' },
    });
    await ofNeutron('PUT', `ports/${port.id}`, { port: { security_groups: [closed.id] } });
    await eventually('the group', TIMEOUT_MS, async () => ((await pings('a', second)) ? null : true));
    await ofNeutron('PUT', `ports/${port.id}`, { port: { security_groups: port.security_groups } });
    await eventually('the groups of before', TIMEOUT_MS, async () => ((await pings('a', second)) ? true : null));
  });

  it('gives a running server one more interface, and takes it back', { timeout: TIMEOUT_MS }, async () => {
    const [{ fixed_ips }] = await portsOf('stranger');
    const { interfaceAttachment: made } = await compute('POST', `/servers/${idOf('b')}/os-interface`, {
      interfaceAttachment: { net_id: networks.get('other') },
    });
    const { port } = await ofNeutron('GET', `ports/${made.port_id}`);
    assert.equal(port['binding:vif_type'], 'bridge');
    await address('b', port);
    // the range is that of its first interface: only a route says by which
    const [{ ip_address: there }] = fixed_ips;
    await inside('b', `ip route add ${there}/32 dev eth1`);
    await eventually('an answer', TIMEOUT_MS, async () => ((await pings('b', there)) ? true : null));
    const name = `tap${port.id.slice(0, 11)}`;
    assert.equal((await links(name)).length, 1);
    await service.request('xloud', 'DELETE', `/compute/v2.1/servers/${idOf('b')}/os-interface/${made.port_id}`);
    await eventually('the interface to go', TIMEOUT_MS, async () => ((await links(name)).length === 0 ? true : null));
    await eventually('the port to go', TIMEOUT_MS, async () => ((await portsOf('b')).length === 1 ? true : null));
  });

  it('has a server again after a hard reboot, and where somebody took its bridge away', {
    timeout: 2 * TIMEOUT_MS,
  }, async () => {
    const [{ fixed_ips }] = await portsOf('b');
    await compute('POST', `/servers/${idOf('a')}/action`, { 'os-stop': null });
    await reaches('a', 'SHUTOFF');
    assert.equal((await links('tap')).length, 2);
    await compute('POST', `/servers/${idOf('b')}/action`, { 'os-stop': null });
    await reaches('b', 'SHUTOFF');
    await there('ip', 'link', 'del', `brq${(networks.get('one') ?? '').slice(0, 11)}`);
    for (const name of ['a', 'b']) {
      await compute('POST', `/servers/${idOf(name)}/action`, { 'os-start': null });
      await reaches(name, 'ACTIVE');
    }
    await compute('POST', `/servers/${idOf('a')}/action`, { reboot: { type: 'HARD' } });
    await reaches('a', 'ACTIVE');
    for (const name of ['a', 'b']) await address(name, (await portsOf(name))[0]);
    const second = fixed_ips[0].ip_address;
    await eventually('an answer', TIMEOUT_MS, async () => ((await pings('a', second)) ? true : null));
  });

  it('is left without ports, and the host without interfaces, by servers that are deleted', {
    timeout: TIMEOUT_MS,
  }, async () => {
    for (const id of servers.values()) await service.request('xloud', 'DELETE', `/compute/v2.1/servers/${id}`);
    for (const id of servers.values())
      await eventually('the server to go', TIMEOUT_MS, async () =>
        (await service.request('xloud', 'GET', `/compute/v2.1/servers/${id}`)).status === 404 ? true : null,
      );
    for (const name of servers.keys()) assert.deepEqual(await portsOf(name), []);
    for (const prefix of ['tap', 'vnet']) assert.deepEqual(await links(prefix), []);
    // bridges are removed by Neutron's agent, with their networks
    for (const id of networks.values()) await ofNeutron('DELETE', `networks/${id}`);
    await eventually('the bridges to go', TIMEOUT_MS, async () => ((await links('brq')).length === 0 ? true : null));
  });
});

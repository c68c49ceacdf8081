// Networks of an operator's own Neutron, with its driver for OVN, where Keystone is his too: guests on libvirt are plugged where Neutron
// says, and its groups are what lets anybody to them.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runInside } from '../support/inside.ts';
import { keystoneMissing, register, startKeystone, type TestKeystone } from '../support/keystone.ts';
import { besideNeutron, settleIn } from '../support/neutron-cloud.ts';
import { neutronMissing, startNeutron, type TestNeutron } from '../support/neutron-server.ts';
import { type OvnService, startOvnService } from '../support/ovn-service.ts';
import { eventually, type Reply } from '../support/serve.ts';

const TIMEOUT_MS = 180_000;

describe("an operator's Neutron", { skip: keystoneMissing() ?? neutronMissing() ?? false, concurrency: 1 }, () => {
  let keystone: TestKeystone;
  let neutron: TestNeutron;
  let world: OvnService;
  let imageRef: string;
  let flavorRef: string;
  const servers = new Map<string, string>();
  const networks = new Map<string, string>();

  const done = (method: string, path: string, body?: object) => world.done('xloud', method, path, body);
  const ofNeutron = (method: string, path: string, body?: object) => done(method, `/network/v2.0/${path}`, body);
  const compute = (method: string, path: string, body?: object): Promise<Reply['body']> =>
    done(method, `/compute/v2.1${path}`, body);
  const portsOf = async (name: string): Promise<Reply['body'][]> =>
    (await ofNeutron('GET', `ports?device_id=${servers.get(name)}`)).ports;

  before(async () => {
    keystone = await startKeystone({ provider: 'fernet' });
    await register(keystone, { user: 'nova', type: 'xloud', url: 'http://127.0.0.1:1' });
    world = await startOvnService({}, async (home) => {
      neutron = await startNeutron(keystone, home);
      return {
        ...besideNeutron(keystone),
        // as OVN knows it
        XLOUD_COMPUTE__HOST: 'ovn-host',
      };
    });
    ({ imageRef, flavorRef } = await settleIn(keystone, world.service));
    for (const name of ['one', 'other']) {
      const { network } = await ofNeutron('POST', 'networks', { network: { name } });
      networks.set(name, network.id);
      // addresses below are nobody's until they are named
      const pools = { allocation_pools: [{ start: '10.0.0.128', end: '10.0.0.254' }] };
      const subnet = { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4, ...pools };
      await ofNeutron('POST', 'subnets', { subnet });
    }
  });
  after(async () => {
    await world?.close();
    await neutron?.stop();
    await keystone?.stop();
  });

  const inside = (name: string, script: string): Promise<string> =>
    runInside(
      async (command) => {
        const words = ['-q', '-c', 'qemu:///system', 'qemu-agent-command', servers.get(name) ?? ''];
        const { stdout } = await world.libvirtd.exec('virsh', ...words, JSON.stringify(command));
        return (JSON.parse(stdout) as { return: unknown }).return;
      },
      script,
      TIMEOUT_MS,
    );
  const answers = async (name: string, script: string): Promise<boolean> =>
    (await inside(name, `{ ${script}; } >/dev/null 2>&1 && echo yes || echo no`)).trim() === 'yes';
  const pings = (name: string, address: string) => answers(name, `ping -c 3 -W 1 ${address}`);

  async function boot(name: string, network: string): Promise<string> {
    const server = { name, imageRef, flavorRef, networks: [{ uuid: networks.get(network) }] };
    const { id } = (await compute('POST', '/servers', { server })).server;
    servers.set(name, id);
    await eventually(`${name} ACTIVE`, TIMEOUT_MS, async () => {
      const now = (await compute('GET', `/servers/${id}`)).server;
      assert.notEqual(now.status, 'ERROR', JSON.stringify(now.fault));
      return now.status === 'ACTIVE' ? true : null;
    });
    const [port] = await portsOf(name);
    const [{ ip_address: address }] = port.fixed_ips;
    await eventually(
      `the address of ${name}`,
      TIMEOUT_MS,
      () =>
        inside(name, 'ip -4 addr').then(
          (said) => (said.includes(`${address}/24`) ? true : null),
          () => null,
        ),
      500,
    );
    return address;
  }

  it('has ports made and bound, and tells that they work', { timeout: 2 * TIMEOUT_MS }, async () => {
    await boot('a', 'one');
    const [port] = await portsOf('a');
    assert.deepEqual(
      [port['binding:host_id'], port['binding:vif_type'], port.device_owner],
      ['ovn-host', 'ovs', 'compute:nova'],
    );
    // it was waited for
    assert.equal(port.status, 'ACTIVE');
    const { interfaceAttachments } = await compute('GET', `/servers/${servers.get('a')}/os-interface`);
    assert.equal(interfaceAttachments[0].port_id, port.id);
  });

  it('joins those of a network, and nobody of another with the same range', { timeout: 2 * TIMEOUT_MS }, async () => {
    const second = await boot('b', 'one');
    const [port] = await portsOf('b');
    assert.ok(await pings('a', second));
    const { security_group: closed } = await ofNeutron('POST', 'security-groups', {
      security_group: { name: 'closed' },
    });
    await compute('POST', `/servers/${servers.get('b')}/action`, { addSecurityGroup: { name: closed.id } });
    await compute('POST', `/servers/${servers.get('b')}/action`, {
      removeSecurityGroup: { name: port.security_groups[0] },
    });
    await eventually('the group', TIMEOUT_MS, async () => ((await pings('a', second)) ? null : true));
    const stranger = await ofNeutron('POST', 'ports', {
      port: { network_id: networks.get('other'), fixed_ips: [{ ip_address: '10.0.0.77' }] },
    });
    assert.ok(!(await pings('a', stranger.port.fixed_ips[0].ip_address)));
  });

  it('gives a running server one more interface, and takes it back', { timeout: TIMEOUT_MS }, async () => {
    const { interfaceAttachment: made } = await compute('POST', `/servers/${servers.get('a')}/os-interface`, {
      interfaceAttachment: { net_id: networks.get('other') },
    });
    const [{ ip_address: address }] = made.fixed_ips;
    await eventually('the address', TIMEOUT_MS, async () =>
      (await inside('a', 'ip -4 addr')).includes(`${address}/24`) ? true : null,
    );
    await world.service.request(
      'xloud',
      'DELETE',
      `/compute/v2.1/servers/${servers.get('a')}/os-interface/${made.port_id}`,
    );
    await eventually('the port', TIMEOUT_MS, async () => ((await portsOf('a')).length === 1 ? true : null));
  });

  it('is asked by the stock client, and left without ports by servers that are deleted', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { service } = world;
    const shown = await service.openstack('xloud', 'server', 'show', 'a', '-f', 'value', '-c', 'addresses');
    assert.match(shown, /one.*10\.0\.0\./);
    await service.openstack('xloud', 'server', 'delete', '--wait', 'a', 'b');
    for (const name of ['a', 'b']) assert.deepEqual(await portsOf(name), []);
    const left = (await world.libvirtd.exec('ovs-vsctl', 'list-ports', 'br-int')).stdout;
    assert.doesNotMatch(left, /vnet/);
  });
});

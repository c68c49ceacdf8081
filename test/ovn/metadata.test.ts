// Metadata on a real OVN: a guest is told its own by the wire that it is on, whatever it says of itself, and nobody else's; what is made
// for that on the host is there when it is wanted, after any end, and gone after that.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { NicSpec } from '../../src/domain/networks/server-nics.ts';
import { callers, type Who } from '../support/cloud.ts';
import { runInside } from '../support/inside.ts';
import { type LibvirtHost, startHost } from '../support/libvirt-host.ts';
import { addServer, type AskOptions, asks, type MetadataAgent, startMetadataAgent } from '../support/metadata.ts';
import { type Machine, type Ovn, startOvn } from '../support/ovn.ts';
import { eventually } from '../support/serve.ts';

const PATIENCE_MS = 60_000;
const GUEST_MS = 120_000;
const META = '/openstack/latest/meta_data.json';

describe('metadata on OVN', () => {
  let host: LibvirtHost;
  let ovn: Ovn;
  let agent: MetadataAgent;
  const networks = new Map<Who, string>();
  const machines = new Map<string, Machine>();
  const uuids = new Map<string, string>();
  const nics = new Map<string, NicSpec>();
  const at = (name: string): Machine => machines.get(name) as Machine;
  const ask = (name: string, path: string, options?: AskOptions) => asks(at(name), path, options);
  const uuidOf = (name: string): string => uuids.get(name) as string;

  /** A server's row and its port, as compute has them. */
  async function server(who: Who, name: string, fixedIp: string): Promise<NicSpec> {
    const { projectId, userId } = callers[who];
    const uuid = randomUUID();
    const owner = { projectId: projectId ?? '', userId };
    const request = { networkId: networks.get(who) ?? '', portId: null, fixedIp, tag: null };
    const target = { uuid, ...owner, host: 'ovn-host', zone: 'nova', hostname: name };
    const [nic] = await ovn.cloud.networks.service.allocate(target as never, {
      requests: [request],
      securityGroups: [],
    });
    assert.ok(nic !== undefined);
    const userData = Buffer.from(`#!/bin/sh\necho ${name}\n`).toString('base64');
    await addServer(ovn.cloud.database, [nic], { uuid, ...owner, displayName: name, hostname: name, userData });
    uuids.set(name, uuid);
    nics.set(name, nic);
    return nic;
  }
  async function machine(who: Who, name: string, fixedIp: string): Promise<Machine> {
    const nic = await server(who, name, fixedIp);
    const made = await ovn.plug(name, { id: nic.portId, mac_address: nic.mac }, `${fixedIp}/24`);
    await made.run('ip', 'route', 'add', '169.254.169.254/32', 'dev', 'eth0');
    machines.set(name, made);
    return made;
  }
  const served = (name: string) =>
    eventually('metadata', PATIENCE_MS, async () => ((await ask(name, META)).status === 200 ? true : null), 200);
  const namespaces = async () =>
    (await ovn.inside('ip', 'netns', 'list')).split('\n').filter((line) => line.startsWith('xloud-md-'));
  const links = async () =>
    (await ovn.inside('ovs-vsctl', 'list-ports', 'br-int')).split('\n').filter((name) => name.startsWith('xmd'));

  before(async () => {
    host = await startHost();
    ovn = await startOvn(host.libvirtd);
    for (const who of ['demo', 'other'] as const) {
      const network = await ovn.make(who, 'network', { name: who });
      // addresses below are nobody's until they are named
      const pools = { allocation_pools: [{ start: '10.0.0.128', end: '10.0.0.254' }] };
      await ovn.make(who, 'subnet', { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4, ...pools });
      networks.set(who, network.id);
    }
    agent = await startMetadataAgent(ovn.cloud.database, host.libvirtd);
    await machine('demo', 'a1', '10.0.0.11');
    await machine('other', 'b1', '10.0.0.11');
    await ovn.settled();
  });
  after(async () => {
    await agent.kill('SIGKILL');
    await ovn.close();
    await host.close();
  });

  it('tells each its own, where two tenants have the same addresses', async () => {
    for (const name of ['a1', 'b1']) {
      await served(name);
      const { body, headers } = await ask(name, META);
      assert.equal(headers['content-type'], 'application/json');
      const told = JSON.parse(body);
      assert.deepEqual([told.uuid, told.name], [uuidOf(name), name]);
      assert.equal((await ask(name, '/latest/user-data')).body, `#!/bin/sh\necho ${name}\n`);
      assert.equal((await ask(name, '/latest/meta-data/local-ipv4')).body, '10.0.0.11');
      const network = JSON.parse((await ask(name, '/openstack/latest/network_data.json')).body);
      assert.equal(network.links[0].ethernet_mac_address, nics.get(name)?.mac);
    }
    assert.equal((await namespaces()).length, 2);
    assert.equal((await links()).length, 2);
  });

  it('believes nothing that a guest says of itself', async () => {
    const headers = {
      'X-Instance-ID': uuidOf('b1'),
      'X-Instance-ID-Signature': 'x',
      'X-Tenant-ID': callers.other.projectId ?? '',
      'X-Forwarded-For': '10.0.0.12',
      Forwarded: 'for=10.0.0.12',
      'X-Real-IP': '10.0.0.12',
      'X-OVN-Network-ID': networks.get('other') ?? '',
      'X-Neutron-Network-ID': networks.get('other') ?? '',
    };
    const { status, body } = await ask('a1', META, { headers });
    assert.deepEqual([status, JSON.parse(body).uuid], [200, uuidOf('a1')]);
    // a port whose owner wrote somebody else's server into it, and a machine on it
    const port = await ovn.make('demo', 'port', {
      ...{ network_id: networks.get('demo'), fixed_ips: [{ ip_address: '10.0.0.66' }] },
      ...{ device_id: uuidOf('b1'), device_owner: 'compute:nova' },
    });
    const liar = await ovn.plug('liar', port, '10.0.0.66/24');
    await liar.run('ip', 'route', 'add', '169.254.169.254/32', 'dev', 'eth0');
    await ovn.settled();
    assert.equal((await asks(liar, META)).status, 404);
  });

  it('tells nobody who speaks from an address that is not his', async () => {
    await machine('demo', 'a2', '10.0.0.12');
    await ovn.settled();
    await served('a2');
    await at('a1').run('ip', 'addr', 'add', '10.0.0.12/32', 'dev', 'eth0');
    assert.equal((await ask('a1', META, { source: '10.0.0.12' })).status, 0);
    await at('a1').run('ip', 'addr', 'del', '10.0.0.12/32', 'dev', 'eth0');
    assert.equal((await ask('a1', META)).status, 200);
  });

  it('is reached whatever groups say, and nothing else is by that', async () => {
    const closed = await ovn.make('demo', 'security_group', { name: 'closed' });
    for (const { id } of closed.security_group_rules) await ovn.ask('demo', 'DELETE', `security-group-rules/${id}`);
    const stateless = await ovn.make('demo', 'security_group', { name: 'stateless', stateful: false });
    const put = async (groups: readonly string[]) => {
      const answer = await ovn.ask('demo', 'PUT', `ports/${nics.get('a1')?.portId}`, {
        port: { security_groups: groups },
      });
      assert.equal(answer.status, 200, answer.text);
      await ovn.settled();
    };
    const [{ security_groups: before }] = (await ovn.ask('demo', 'GET', `ports?id=${nics.get('a1')?.portId}`)).json
      .ports;
    await at('a2').serve(80);
    for (const groups of [[closed.id], [], [stateless.id]]) {
      await put(groups);
      assert.equal((await ask('a1', META)).status, 200, groups.join());
    }
    await put([closed.id]);
    assert.ok(!(await at('a1').pings('169.254.169.254')));
    assert.ok(!(await at('a1').pings('10.0.0.12')));
    assert.equal(await at('a1').hears('10.0.0.12', 80), null);
    // nor does anybody reach it by those rules
    assert.ok(!(await at('a2').pings('10.0.0.11')));
    await put(before);
  });

  it('is on no other way than its own, and lets nobody in who looks like it', async () => {
    const id = networks.get('demo') as string;
    const [a1, a2] = [nics.get('a1') as NicSpec, nics.get('a2') as NicSpec];
    const trace = (packet: string) =>
      ovn.inside(
        'ovn-trace',
        `--db=${ovn.remote.replace(/nb\.sock$/, 'sb.sock')}`,
        ...['--minimal', `network-${id}`, `${packet} && ip.ttl == 64`],
      );
    const MAC = '02:a9:fe:a9:fe:00';
    const from = `inport == "${a1.portId}" && eth.src == ${a1.mac} && ip4.src == 10.0.0.11`;
    const to = (mac: string, address: string) =>
      trace(`${from} && eth.dst == ${mac} && ip4.dst == ${address} && tcp.src == 4000 && tcp.dst == 80`);
    assert.match(await to(MAC, '169.254.169.254'), /output\("metadata-/);
    // what would be a router's to send on, and is let through otherwise
    assert.doesNotMatch(await to(a2.mac, '169.254.169.254'), /output\(/);
    assert.match(await to(a2.mac, '10.0.0.12'), /output\(/);
    // somebody who may send as anybody, and a port that follows no connections
    const open = await ovn.make('demo', 'port', { network_id: id, port_security_enabled: false, security_groups: [] });
    await ovn.plug('open', open);
    const groups = {
      security_groups: [(await ovn.make('demo', 'security_group', { name: 'flat', stateful: false })).id],
    };
    const [{ security_groups: before }] = (await ovn.ask('demo', 'GET', `ports?id=${a1.portId}`)).json.ports;
    await ovn.ask('demo', 'PUT', `ports/${a1.portId}`, { port: groups });
    await ovn.settled();
    const as = `inport == "${open.id}" && eth.src == ${MAC} && ip4.src == 169.254.169.254 && tcp.src == 80`;
    const flags = (value: number) =>
      trace(`${as} && eth.dst == ${a1.mac} && ip4.dst == 10.0.0.11 && tcp.dst == 22 && tcp.flags == ${value}`);
    assert.match(await flags(18), /output\(/);
    assert.doesNotMatch(await flags(2), /output\(/);
    await ovn.ask('demo', 'PUT', `ports/${a1.portId}`, { port: { security_groups: before } });
    await ovn.settled();
    assert.doesNotMatch(await flags(18), /output\(/);
  });

  it('answers by IPv6 too, where the guest has it', async () => {
    const network = await ovn.make('demo', 'network', { name: 'six' });
    await ovn.make('demo', 'subnet', { network_id: network.id, cidr: 'fd00:6::/64', ip_version: 6 });
    const before = networks.get('demo') as string;
    networks.set('demo', network.id);
    const nic = await server('demo', 'six', 'fd00:6::11');
    networks.set('demo', before);
    const made = await ovn.plug('six', { id: nic.portId, mac_address: nic.mac });
    machines.set('six', made);
    await made.run('ip', 'addr', 'add', 'fd00:6::11/64', 'dev', 'eth0', 'nodad');
    await ovn.settled();
    const six = { host: 'fe80::a9fe:a9fe%eth0' };
    await eventually('metadata', PATIENCE_MS, async () => ((await ask('six', META, six)).status === 200 ? true : null));
    for (const source of ['', 'fd00:6::11'])
      assert.equal(JSON.parse((await ask('six', META, { ...six, source })).body).uuid, uuidOf('six'), source);
  });

  it('keeps a password once', async () => {
    const path = '/openstack/latest/password';
    assert.deepEqual([(await ask('a1', path)).status, (await ask('a1', path)).body], [200, '']);
    const post = (body: string) => ask('a1', path, { method: 'POST', body }).then(({ status }) => status);
    assert.equal(await post('x'.repeat(1_021)), 400);
    assert.equal(await post('sealed=='), 200);
    assert.equal(await post('another'), 409);
    assert.equal((await ask('a1', path)).body, 'sealed==');
    assert.equal((await ask('b1', path)).body, '');
  });

  it('is there again after the agent was killed, and mends what was taken away meanwhile', async () => {
    await agent.kill('SIGKILL');
    assert.equal((await ask('a1', META)).status, 0);
    const [, link = ''] = await links();
    await ovn.inside('ip', 'link', 'del', link);
    // what nobody wants is there too
    const lost = randomUUID();
    await ovn.inside('ip', 'netns', 'add', `xloud-md-${lost}`);
    agent = await startMetadataAgent(ovn.cloud.database, host.libvirtd);
    for (const name of ['a1', 'b1', 'a2']) {
      await served(name);
      assert.equal(JSON.parse((await ask(name, META)).body).uuid, uuidOf(name));
    }
    const gone = async () => ((await namespaces()).join().includes(lost) ? null : true);
    await eventually('what is left over gone', PATIENCE_MS, gone);
    assert.equal((await namespaces()).length, 3);
    // taken away while it runs
    const [taken = ''] = await links();
    await ovn.inside('ovs-vsctl', 'del-port', taken);
    await eventually('the port', PATIENCE_MS, async () => ((await links()).includes(taken) ? true : null));
    for (const name of ['a1', 'b1']) await served(name);
  });

  it('tells a real guest, that finds the way by DHCP alone', { timeout: 300_000 }, async () => {
    const nic = await server('other', 'guest', '10.0.0.21');
    const uuid = uuidOf('guest');
    await host.driver.spawn({ spec: host.spec({ uuid, nics: [nic] }) });
    await host.ready(uuid);
    const inside = (script: string) => runInside((command) => host.askAgent(uuid, command), script, GUEST_MS);
    const get = async (path: string) => {
      const said = await inside(`printf 'GET ${path} HTTP/1.0\\r\\n\\r\\n' | nc -w 5 169.254.169.254 80`);
      assert.match(said, /^HTTP\/1\.1 200 /);
      return said.replace(/^[\s\S]*?\r\n\r\n/, '');
    };
    const address = async () => ((await inside('ip -4 addr')).includes('10.0.0.21/24') ? true : null);
    await eventually('the address', GUEST_MS, address, 500);
    assert.match(await inside('ip route'), /^169\.254\.169\.254 dev eth0/m);
    assert.match(await inside('ip route'), /^default via 10\.0\.0\.1 dev eth0/m);
    const told = JSON.parse(await get(META));
    assert.deepEqual([told.uuid, told.hostname], [uuid, 'guest']);
    assert.equal(await get('/openstack/latest/user_data'), '#!/bin/sh\necho guest\n');
    const {
      links: [link],
    } = JSON.parse(await get('/openstack/latest/network_data.json'));
    assert.equal(link.ethernet_mac_address, nic.mac);
    // it has nothing else that would tell
    assert.match(await inside('ls /run/config | wc -l'), /^0$/m);
    await host.driver.destroy({ uuid });
  });

  it('leaves nothing of a network that is gone', async () => {
    const id = networks.get('demo') as string;
    for (const { id: port } of (await ovn.ask('admin', 'GET', `ports?network_id=${id}`)).json.ports)
      assert.equal((await ovn.ask('admin', 'DELETE', `ports/${port}`)).status, 204);
    assert.equal((await ovn.ask('demo', 'DELETE', `networks/${id}`)).status, 204);
    await eventually('nothing', PATIENCE_MS, async () => ((await namespaces()).join().includes(id) ? null : true));
    assert.equal((await links()).length, 2);
    assert.equal((await ask('b1', META)).status, 200);
    const nbctl = await ovn.inside(
      'ovn-nbctl',
      `--db=${ovn.remote}`,
      '--bare',
      '--columns=name',
      'list',
      'Logical_Switch_Port',
    );
    assert.ok(!nbctl.includes(`metadata-${id}`));
  });
});

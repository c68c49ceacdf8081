// Three hosts that OVN joins over tunnels, databases asked over TLS, and the whole product over them with an agent on each: guests reach
// each other wherever they are and nobody else, are told who they are, move as they run without losing a connection, and have a way
// out that outlives the host it is on.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '../../src/base/log.ts';
import { openOvsdb } from '../../src/cloud/ovn/ovsdb/client.ts';
import { systemClock } from '../../src/base/clock.ts';
import { attachTo, type Machine, machineOf } from '../support/ovn.ts';
import { type OvnHostService, startOvnHostService } from '../support/ovn-host-service.ts';
import { type CloudName, eventually } from '../support/serve.ts';

const HOSTS = ['host-a', 'host-b', 'host-c'] as const;
const N = '/network/v2.0';
const C = '/compute/v2.1';
const LONG_MS = 120_000;

describe('OVN over several hosts', { concurrency: 1 }, () => {
  let world: OvnHostService;
  const networks = new Map<CloudName, string>();
  const servers = new Map<string, string>();
  const held: Parameters<typeof machineOf>[2] = [];

  before(async () => {
    world = await startOvnHostService(HOSTS);
    const flavor = { name: 'tiny', vcpus: 1, ram: 128, disk: 1 };
    const flavorRef = (await world.done('xloud', 'POST', `${C}/flavors`, { flavor })).flavor.id;
    for (const who of ['xloud-demo', 'xloud'] as const) {
      const { network } = await world.done(who, 'POST', `${N}/networks`, { network: { name: who } });
      networks.set(who, network.id);
      // addresses below are nobody's until they are named
      const pools = { allocation_pools: [{ start: '10.0.0.128', end: '10.0.0.254' }] };
      const subnet = { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4, ...pools };
      await world.done(who, 'POST', `${N}/subnets`, { subnet });
    }
    // servers of members stand where the scheduler puts them: an administrator makes the place for each, one after the other
    for (const [name, who, host, address] of [
      ['one', 'xloud-demo', 'host-a', '10.0.0.11'],
      ['two', 'xloud-demo', 'host-b', '10.0.0.12'],
      ['stranger', 'xloud', 'host-b', '10.0.0.13'],
    ] as const) {
      await onlyOn(host);
      const server = {
        ...{ name, imageRef: world.imageRef, flavorRef },
        networks: [{ uuid: networks.get(who), fixed_ip: address }],
      };
      const { id } = (await world.done(who, 'POST', `${C}/servers`, { server })).server;
      servers.set(name, id);
      await world.reaches(id, 'ACTIVE');
      assert.equal(await world.hostOf(id), host);
    }
    await onlyOn(...HOSTS);
  });
  after(async () => {
    for (const child of held) child.kill();
    await world?.close();
  });

  async function onlyOn(...open: readonly string[]): Promise<void> {
    const { services } = await world.done('xloud', 'GET', `${C}/os-services?binary=nova-compute`);
    for (const { id, host, status } of services) {
      const wanted = open.includes(host) ? 'enabled' : 'disabled';
      if (status !== wanted) await world.done('xloud', 'PUT', `${C}/os-services/${id}`, { status: wanted });
    }
  }

  const idOf = (name: string): string => servers.get(name) ?? assert.fail(name);
  const inside = (name: string, script: string) => world.inside(idOf(name), script);
  const says = async (name: string, script: string): Promise<boolean> =>
    (await inside(name, `{ ${script}; } >/dev/null 2>&1 && echo yes || echo no`)).trim() === 'yes';
  const pings = (name: string, address: string): Promise<boolean> =>
    says(name, `ping -c 1 -W 2 ${address} || ping -c 2 -W 2 ${address}`);
  const portOf = async (name: string) =>
    (await world.done('xloud', 'GET', `${N}/ports?device_id=${idOf(name)}`)).ports[0];
  const addressed = (name: string, address: string) =>
    eventually('the address', LONG_MS, async () =>
      (await inside(name, 'ip -4 addr')).includes(`${address}/24`) ? true : null,
    );
  /** Which chassis have a port, by the Southbound database: its own, and those that it is moving to. */
  async function chassisOf(portId: string): Promise<string> {
    const column = async (name: string) =>
      world.ovn.sbctl('--bare', `--columns=${name}`, 'find', 'Port_Binding', `logical_port=${portId}`);
    const named = async (id: string) =>
      id === '' ? '-' : world.ovn.sbctl('--bare', '--columns=name', 'list', 'Chassis', id);
    return `${await named(await column('chassis'))} ${await named(await column('additional_chassis'))}`;
  }
  const optionsOf = (portId: string) => world.ovn.nbctl('get', 'Logical_Switch_Port', portId, 'options');
  /** Interfaces of a host's switch that are this port. */
  const plugsOn = async (host: string, portId: string) =>
    world.ovn
      .host(host)
      .inside('ovs-vsctl', '--bare', '--columns=name', 'find', 'Interface', `external_ids:iface-id=${portId}`);

  it('knows each host by what its agent tells, and lets no host ask the database that the control plane writes', async () => {
    assert.deepEqual((await world.ovn.sbctl('--bare', '--columns=name', 'list', 'Chassis')).split(/\s+/).toSorted(), [
      ...HOSTS,
    ]);
    const { nb, sb } = { nb: world.ovn.northbound, sb: world.ovn.southbound };
    const { ovn_ca, ovn_certificate: certificate, ovn_key: key } = world.ovn.identityOf('host-c');
    const asHost = (remote: string, database: string, table: string, ca = ovn_ca) =>
      openOvsdb({
        ...{ remotes: [remote], tls: { ca, certificate, key }, database, tables: { [table]: ['name'] } },
        ...{ clock: systemClock, log: silentLog },
      });
    const own = asHost(sb, 'OVN_Southbound', 'Chassis');
    // it believes the other server; that does not believe it
    const others = asHost(nb, 'OVN_Northbound', 'Logical_Switch', world.ovn.control.ovn_ca);
    try {
      await own.ready(AbortSignal.timeout(10_000));
      await assert.rejects(others.ready(AbortSignal.timeout(3_000)));
      assert.match(others.problem() ?? '', /alert|closed/);
      // of the other one it may change what is its own alone
      const [first] =
        [...(own.tables().get('Chassis') ?? [])].find(([, row]) => row['name'] === 'host-a') ?? assert.fail();
      await assert.rejects(
        own.transact([{ op: 'update', table: 'Chassis', uuid: first, row: { name: 'host-c' } }]),
        /permission|RBAC/i,
      );
    } finally {
      await own.close();
      await others.close();
    }
  });

  it('takes guests of one network to each other over tunnels, and nobody of another project', async () => {
    await addressed('one', '10.0.0.11');
    await addressed('two', '10.0.0.12');
    await addressed('stranger', '10.0.0.13');
    assert.match(await inside('one', 'cat /sys/class/net/eth0/mtu'), /^1442$/m);
    assert.ok(await pings('one', '10.0.0.12'));
    assert.ok(await pings('two', '10.0.0.11'));
    await inside('two', 'nc -ll -p 7 -e cat >/dev/null 2>&1 &');
    assert.match(await inside('one', '{ echo hello; sleep 2; } | nc -w 3 10.0.0.12 7; true'), /hello/);
    // packets as long as they may be
    assert.ok(await says('one', 'ping -c 2 -W 2 -s 1414 10.0.0.12'));
    assert.ok(!(await pings('one', '10.0.0.13')));
    assert.ok(!(await pings('stranger', '10.0.0.11')));
    assert.ok(!(await pings('stranger', '10.0.0.12')));
    for (const [name, host] of [
      ['one', 'host-a'],
      ['two', 'host-b'],
    ] as const)
      assert.equal(await chassisOf((await portOf(name)).id), `${host} -`);
  });

  it('holds them to their groups, wherever whoever asks is', async () => {
    const port = await portOf('two');
    const { security_group: closed } = await world.done('xloud-demo', 'POST', `${N}/security-groups`, {
      security_group: { name: 'closed' },
    });
    await world.done('xloud-demo', 'PUT', `${N}/ports/${port.id}`, { port: { security_groups: [closed.id] } });
    await eventually('it is closed', LONG_MS, async () => ((await pings('one', '10.0.0.12')) ? null : true));
    const { security_groups } = port;
    await world.done('xloud-demo', 'PUT', `${N}/ports/${port.id}`, { port: { security_groups } });
    await eventually('it is open', LONG_MS, async () => ((await pings('one', '10.0.0.12')) ? true : null));
  });

  const META = `printf 'GET /openstack/latest/meta_data.json HTTP/1.0\\r\\n\\r\\n' | nc -w 5 169.254.169.254 80; true`;
  const isTold = (name: string) =>
    eventually('its metadata', LONG_MS, async () => ((await inside(name, META)).includes(idOf(name)) ? true : null));

  it('has agents tell guests who they are', async () => {
    for (const name of servers.keys()) await isTold(name);
    const { server } = await world.done('xloud', 'GET', `${C}/servers/${idOf('one')}`);
    assert.equal(server.config_drive, '');
  });

  // --- moves ---------------------------------------------------------------------------------------------------------

  /** A namespace on a host that plays a server of the member's network: unlike a guest's under emulation, its clock is right. */
  async function plugged(name: string, host: string, address: string): Promise<Machine> {
    const fixed_ips = [{ ip_address: address }];
    const wish = { port: { network_id: networks.get('xloud-demo'), fixed_ips } };
    const { port } = await world.done('xloud-demo', 'POST', `${N}/ports`, wish);
    const { libvirtd } = world.ovn.host(host);
    await attachTo(libvirtd, name, 'br-int', `-- set Interface v-${name} external_ids:iface-id=${port.id}`);
    const machine = machineOf(libvirtd, name, held);
    await machine.run('ethtool', '-K', 'eth0', 'tx', 'off');
    await machine.run('ip', 'link', 'set', 'eth0', 'address', port.mac_address, 'up');
    await machine.run('ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    return machine;
  }

  /** A connection to a guest that says something twenty times a second, and hears it again. */
  const talk = { heard: 0, lastMs: 0, longestMs: 0, ended: false };
  async function beginTalk(): Promise<void> {
    await inside('two', '(nc -ll -p 7000 -e cat >/dev/null 2>&1 &)');
    const talker = await plugged('talker', 'host-a', '10.0.0.31');
    const script = `
      const socket = require('node:net').connect({ host: '10.0.0.12', port: 7000 });
      let said = 0; let rest = '';
      socket.once('connect', () => setInterval(() => socket.write(\`\${said += 1}\\n\`), 50));
      socket.on('data', (piece) => process.stdout.write(piece)).on('close', () => process.exit());`;
    const [file = '', ...words] = talker.words;
    const child = spawn(file, [...words, process.execPath, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    held.push(child);
    child.once('exit', () => (talk.ended = true));
    let rest = '';
    child.stdout.on('data', (piece: Buffer) => {
      const now = Date.now();
      if (talk.lastMs > 0) talk.longestMs = Math.max(talk.longestMs, now - talk.lastMs);
      talk.lastMs = now;
      const lines = (rest + piece.toString()).split('\n');
      rest = lines.pop() ?? '';
      // nothing is missing, and nothing comes twice
      for (const line of lines) assert.equal(Number(line), (talk.heard += 1));
    });
    await eventually('the talk', LONG_MS, () => (talk.heard > 40 ? true : null));
  }

  /** It goes on; returns its longest silence since it was asked last, milliseconds. */
  async function goesOn(): Promise<number> {
    const before = talk.heard;
    await eventually('the talk goes on', LONG_MS, () => (talk.heard > before + 40 ? true : null));
    assert.equal(talk.ended, false);
    const { longestMs } = talk;
    talk.longestMs = 0;
    return longestMs;
  }

  /** Begins a live migration; resolves with what OVN was told of its port on the way, once that names both hosts. */
  async function beginMove(name: string, host: string): Promise<string> {
    const { id } = await portOf(name);
    const action = { 'os-migrateLive': { host, block_migration: 'auto' } };
    await world.done('xloud', 'POST', `${C}/servers/${idOf(name)}/action`, action);
    return eventually(
      'both hosts have the port',
      LONG_MS,
      async () => {
        const options = await optionsOf(id);
        return options.includes(',') && (await plugsOn(host, id)) !== '' ? options : null;
      },
      100,
    );
  }

  /** The port is one host's, and no other has anything of it. */
  async function isOnly(name: string, host: string): Promise<void> {
    const { id, 'binding:host_id': bound, 'binding:profile': profile } = await portOf(name);
    assert.equal(bound, host);
    assert.equal(profile.migrating_to, undefined);
    await eventually('one chassis', LONG_MS, async () => ((await chassisOf(id)) === `${host} -` ? true : null));
    assert.equal(await optionsOf(id), `{requested-chassis=${host}}`);
    for (const other of HOSTS) assert.equal((await plugsOn(other, id)) !== '', other === host, other);
  }

  it('moves a guest as it runs, and a connection to it lives on', async (t) => {
    await beginTalk();
    t.diagnostic(`longest silence while nothing moves: ${await goesOn()} ms`);
    assert.match(await beginMove('two', 'host-c'), /activation-strategy=rarp.*requested-chassis="host-b,host-c"/);
    await world.reaches(idOf('two'), 'ACTIVE');
    assert.equal(await world.hostOf(idOf('two')), 'host-c');
    await isOnly('two', 'host-c');
    t.diagnostic(`longest silence of a TCP connection: ${await goesOn()} ms`);
    await isTold('two');
  });

  it('leaves it where it was, with its port, when the move is given up', async (t) => {
    await beginMove('two', 'host-b');
    const { migrations } = await world.done('xloud', 'GET', `${C}/servers/${idOf('two')}/migrations`);
    await world.done('xloud', 'DELETE', `${C}/servers/${idOf('two')}/migrations/${migrations[0].id}`);
    await world.reaches(idOf('two'), 'ACTIVE');
    assert.equal(await world.hostOf(idOf('two')), 'host-c');
    await isOnly('two', 'host-c');
    t.diagnostic(`longest silence of a TCP connection, the move given up: ${await goesOn()} ms`);
  });

  it('brings a move to its end that a worker was killed in', async (t) => {
    await beginMove('two', 'host-b');
    const [worker] = world.cluster.workers;
    await worker?.kill('SIGKILL');
    await sleep(2_000);
    await worker?.start();
    await world.reaches(idOf('two'), 'ACTIVE');
    assert.equal(await world.hostOf(idOf('two')), 'host-b');
    await isOnly('two', 'host-b');
    t.diagnostic(`longest silence, at 8 MiB/s with the guest standing still and a worker killed: ${await goesOn()} ms`);
  });

  it('takes the port from a host that lost its server, though that still runs it', async () => {
    const id = idOf('stranger');
    const { id: portId } = await portOf('stranger');
    const agent = world.cluster.agents.get('host-b');
    const { services } = await world.done('xloud', 'GET', `${C}/os-services?host=host-b&binary=nova-compute`);
    const force = (forced_down: boolean) =>
      world.done('xloud', 'PUT', `${C}/os-services/${services[0].id}`, { forced_down });
    await agent?.kill('SIGKILL');
    await force(true);
    await world.done('xloud', 'POST', `${C}/servers/${id}/action`, { evacuate: { host: 'host-c' } });
    await world.reaches(id, 'SHUTOFF');
    await world.done('xloud', 'POST', `${C}/servers/${id}/action`, { 'os-start': null });
    await world.reaches(id, 'ACTIVE');
    assert.match(await world.virsh('host-b', 'list', '--uuid', '--state-running'), new RegExp(id));
    assert.notEqual(await plugsOn('host-b', portId), '');
    assert.equal(await chassisOf(portId), 'host-c -');
    await addressed('stranger', '10.0.0.13');
    await isTold('stranger');
    await agent?.start();
    await force(false);
    await eventually('the old guest gone', LONG_MS, async () =>
      (await plugsOn('host-b', portId)) === '' ? true : null,
    );
    await isOnly('stranger', 'host-c');
  });

  // --- outside --------------------------------------------------------------------------------------------------------

  it('gives a router a way out by hosts on the wire, and another one when that host falls silent', async (t) => {
    await world.ovn.onWire('203.0.113.1/24');
    const external = { name: 'outside', 'router:external': true };
    const { network } = await world.done('xloud', 'POST', `${N}/networks`, { network: external });
    assert.deepEqual(
      [network['provider:network_type'], network['provider:physical_network'], network.mtu],
      ['flat', 'external', 1500],
    );
    const range = { network_id: network.id, cidr: '203.0.113.0/24', ip_version: 4, gateway_ip: '203.0.113.1' };
    await world.done('xloud', 'POST', `${N}/subnets`, { subnet: { ...range, enable_dhcp: false } });
    const info = { external_gateway_info: { network_id: network.id } };
    const { router } = await world.done('xloud-demo', 'POST', `${N}/routers`, { router: { name: 'r', ...info } });
    const { subnets } = await world.done('xloud-demo', 'GET', `${N}/subnets?network_id=${networks.get('xloud-demo')}`);
    await world.done('xloud-demo', 'PUT', `${N}/routers/${router.id}/add_router_interface`, {
      subnet_id: subnets[0].id,
    });
    const active = async (): Promise<string> => {
      const id = await world.ovn.sbctl('--bare', '--columns=chassis', 'find', 'Port_Binding', 'type=chassisredirect');
      return id === '' ? '' : world.ovn.sbctl('--bare', '--columns=name', 'list', 'Chassis', id);
    };
    const first = await eventually('a gateway', LONG_MS, async () => (await active()) || null);
    const from = await plugged('seeker', first === 'host-a' ? 'host-b' : 'host-a', '10.0.0.32');
    await from.run('ip', 'route', 'add', 'default', 'via', '10.0.0.1');
    await eventually('a way out', LONG_MS, async () => ((await from.pings('203.0.113.1')) ? true : null));
    const heard: number[] = [];
    const [file = '', ...words] = from.words;
    const pinging = spawn(file, [...words, 'busybox', 'ping', '-i', '0.1', '203.0.113.1'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    held.push(pinging);
    pinging.stdout.on('data', () => void heard.push(Date.now()));
    await sleep(3_000);
    let second = '';
    await world.ovn.signalNetwork(world.ovn.host(first), 'STOP');
    try {
      await sleep(15_000);
      second = await active();
      assert.ok(second !== '' && second !== first, second);
    } finally {
      await world.ovn.signalNetwork(world.ovn.host(first), 'CONT');
    }
    pinging.kill();
    const silence = Math.max(...heard.slice(1).map((at, index) => at - (heard[index] ?? at)));
    t.diagnostic(`the gateway went from ${first} to ${second}; longest silence: ${silence} ms`);
    assert.ok(silence < 10_000);
  });

  it('makes networks on VLANs of a wire for administrators, whose frames are tagged there', async () => {
    const vlan = (id: unknown, more: object = {}) => ({
      network: {
        ...{ name: 'campus', 'provider:network_type': 'vlan', 'provider:physical_network': 'external' },
        ...{ 'provider:segmentation_id': id, ...more },
      },
    });
    assert.equal((await world.ask('xloud-demo', 'POST', `${N}/networks`, vlan(100))).status, 403);
    assert.equal((await world.ask('xloud', 'POST', `${N}/networks`, vlan(4095))).status, 400);
    const elsewhere = { 'provider:physical_network': 'nowhere' };
    assert.equal((await world.ask('xloud', 'POST', `${N}/networks`, vlan(100, elsewhere))).status, 400);
    const { network } = await world.done('xloud', 'POST', `${N}/networks`, vlan(100));
    assert.equal((await world.ask('xloud', 'POST', `${N}/networks`, vlan(100))).status, 409);
    const subnet = { network_id: network.id, cidr: '10.9.0.0/24', ip_version: 4 };
    await world.done('xloud', 'POST', `${N}/subnets`, { subnet });
    const fixed_ips = [{ ip_address: '10.9.0.11' }];
    const { port } = await world.done('xloud', 'POST', `${N}/ports`, {
      port: { network_id: network.id, fixed_ips, port_security_enabled: false },
    });
    const on = async (
      host: string,
      name: string,
      bridge: string,
      address: string,
      ...more: string[]
    ): Promise<Machine> => {
      const at = world.ovn.host(host);
      const { libvirtd } = at;
      await attachTo(libvirtd, name, bridge, ...more);
      await at.inside('ip', '-n', name, 'link', 'set', 'eth0', 'up');
      await at.inside('ip', '-n', name, 'addr', 'add', address, 'dev', 'eth0');
      return machineOf(libvirtd, name, held);
    };
    const guest = await on(
      'host-a',
      'guest',
      'br-int',
      '10.9.0.11/24',
      `-- set Interface v-guest external_ids:iface-id=${port.id}`,
    );
    await guest.run('ip', 'link', 'set', 'eth0', 'address', port.mac_address);
    // others on the same wire, by another host: with this VLAN, with another, and with none
    const campus = await on('host-c', 'campus', 'br-ex', '10.9.0.21/24', 'tag=100');
    const other = await on('host-c', 'other', 'br-ex', '10.9.0.22/24', 'tag=200');
    const plain = await on('host-c', 'plain', 'br-ex', '10.9.0.23/24');
    await eventually('the campus', LONG_MS, async () => ((await campus.pings('10.9.0.11')) ? true : null));
    assert.ok(await guest.pings('10.9.0.21'));
    assert.ok(!(await other.pings('10.9.0.11')));
    assert.ok(!(await plain.pings('10.9.0.11')));
    const learnt = (await world.ovn.appctl(world.ovn.host('host-c'), 'fdb/show', 'br-ex')).split('\n');
    assert.ok(
      learnt.some((line) => /\s100\s/.test(line) && line.includes(port.mac_address)),
      learnt.join('\n'),
    );
  });
});

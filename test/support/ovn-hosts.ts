// Why: what OVN does between hosts shows only between hosts: each a libvirtd with a switch and an ovn-controller in namespaces of its own,
// on wires that nobody else reaches. The databases are on the first of them, and are asked over TLS.

import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Libvirtd, startLibvirtd } from './libvirtd.ts';
import { OVN_SCRIPT } from './ovn.ts';

const run = promisify(execFile);

/** The networks of the hosts: what they say to each other and to the databases; the tunnels; the wire of external networks. */
const WIRES = { talk: '10.177.0', under: '10.178.0', phys: null } as const;
const BRIDGES = { under: 'br-under', phys: 'br-ex' } as const;
export const WIRE_NAME = 'external';

export interface OvnHost {
  readonly name: string;
  readonly libvirtd: Libvirtd;
  /** Where it takes guests of others. */
  readonly address: string;
  /** Its network namespace, by its name. */
  readonly netns: string;
  /** Runs a command where its switch is. */
  inside(command: string, ...args: string[]): Promise<string>;
}

/** The files of TLS of who asks a database, as options name them. */
export interface Identity {
  readonly ovn_ca: string;
  readonly ovn_certificate: string;
  readonly ovn_key: string;
}

export interface OvnHosts {
  readonly hosts: readonly OvnHost[];
  readonly host: (name: string) => OvnHost;
  /** Where the databases are asked from outside: `ssl:127.0.0.1:PORT`. */
  readonly northbound: string;
  readonly southbound: string;
  /** Who APIs and workers are, and a host. */
  readonly control: Identity;
  readonly identityOf: (host: string) => Identity;
  readonly nbctl: (...words: string[]) => Promise<string>;
  readonly sbctl: (...words: string[]) => Promise<string>;
  /** Sends a signal to a host's switch and ovn-controller: they stand still, or go on. */
  readonly signalNetwork: (host: OvnHost, signal: 'STOP' | 'CONT') => Promise<void>;
  /** Asks a host's switch. */
  readonly appctl: (host: OvnHost, ...words: string[]) => Promise<string>;
  /** Gives the wire of external networks an address itself: that is outside. */
  readonly onWire: (address: string) => Promise<void>;
  /** What stands before a command that is run there. */
  readonly outside: readonly string[];
  close(): Promise<void>;
}

/** Makes a wire: a bridge in a namespace of its own, with an end on each host. */
async function layWire(netns: string, wire: string, hosts: readonly Libvirtd[]): Promise<void> {
  const ip = (...words: string[]) => run('ip', ['-n', netns, ...words]);
  await ip('link', 'add', wire, 'type', 'bridge');
  await ip('link', 'set', wire, 'up');
  for (const [at, { pid }] of hosts.entries()) {
    const end = `${wire}${at}`;
    await ip('link', 'add', end, 'type', 'veth', 'peer', 'name', `${wire}0`, 'netns', String(pid));
    await ip('link', 'set', end, 'master', wire, 'up');
  }
}

/** A port of this process that leads to one in a host's namespaces; TLS goes through as it is. */
async function relay(host: Libvirtd, address: string, port: number): Promise<Server> {
  const server = createServer((socket) => {
    const far = host.dial(address, port);
    const end = () => {
      socket.destroy();
      far.destroy();
    };
    socket.on('error', end).on('close', end);
    far.on('error', end).on('close', end);
    socket.pipe(far).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function joinSwitch(host: Libvirtd, at: number): Promise<void> {
  // without the kernel's module the switch itself has to find the way to other hosts, which is by the address of one of its bridges
  const script = `set -e
    ethtool -K under0 tx off >/dev/null; ethtool -K phys0 tx off >/dev/null
    ip link set under0 up; ip link set phys0 up
    ovs-vsctl --may-exist add-br ${BRIDGES.under} -- set Bridge ${BRIDGES.under} datapath_type=netdev -- add-port ${BRIDGES.under} under0
    ovs-vsctl add-port ${BRIDGES.phys} phys0
    ip addr add ${WIRES.under}.${at + 1}/24 dev ${BRIDGES.under}; ip link set ${BRIDGES.under} up`;
  await host.exec('bash', '-c', script);
}

export async function startOvnHosts(names: readonly string[]): Promise<OvnHosts> {
  const dir = await mkdtemp(join(tmpdir(), 'xloud-ovn-'));
  const wires = `xloud-wires-${process.pid}`;
  const daemons: Libvirtd[] = [];
  const relays: Server[] = [];
  const homeOf = (host: Libvirtd) => join(host.dir, 'ovn');
  const netnsOf = ({ pid }: Libvirtd) => `xloud-test-${pid}`;
  const close = async (): Promise<void> => {
    for (const server of relays) server.close();
    await Promise.all(
      daemons.map(async (host) => {
        await host.exec(OVN_SCRIPT, 'end', homeOf(host)).catch(() => {});
        await run('ip', ['netns', 'del', netnsOf(host)]).catch(() => {});
        await host.stop();
      }),
    );
    await run('ip', ['netns', 'del', wires]).catch(() => {});
    await rm(dir, { recursive: true, force: true });
  };
  const [nb, sb] = [join(dir, 'nb'), join(dir, 'sb')];
  try {
    for (const hostname of names) daemons.push(await startLibvirtd({ hostname, tcpPort: 16_509 }));
    await run('ip', ['netns', 'add', wires]);
    await run('ip', ['-n', wires, 'link', 'set', 'lo', 'up']);
    for (const wire of Object.keys(WIRES)) await layWire(wires, wire, daemons);
    await run(OVN_SCRIPT, ['pki', nb, 'central', 'control']);
    await run(OVN_SCRIPT, ['pki', sb, 'central', ...names]);
    for (const [at, host] of daemons.entries()) {
      await run('ip', ['netns', 'attach', netnsOf(host), String(host.pid)]);
      await host.exec('ip', 'addr', 'add', `${WIRES.talk}.${at + 1}/24`, 'dev', 'talk0');
      await host.exec('ip', 'link', 'set', 'talk0', 'up');
    }
    const [first] = daemons as [Libvirtd];
    const central = `${WIRES.talk}.1`;
    await first.exec(OVN_SCRIPT, 'central', homeOf(first), central, nb, sb);
    for (const [at, host] of daemons.entries()) {
      const encap = `${WIRES.under}.${at + 1}`;
      await host.exec(OVN_SCRIPT, 'chassis', homeOf(host), names[at] ?? '', `ssl:${central}:6642`, encap, sb);
      await joinSwitch(host, at);
    }
    for (const port of [6641, 6642]) relays.push(await relay(first, central, port));
  } catch (error) {
    await close();
    throw error;
  }
  const [first] = daemons as [Libvirtd];
  const hosts = daemons.map((libvirtd, at): OvnHost => {
    const name = names[at] ?? '';
    const inside: OvnHost['inside'] = async (command, ...args) => (await libvirtd.exec(command, ...args)).stdout.trim();
    return { name, libvirtd, address: `${WIRES.talk}.${at + 1}`, netns: netnsOf(libvirtd), inside };
  });
  const identity = (pki: string, name: string): Identity => ({
    ovn_ca: join(pki, 'ca.pem'),
    ovn_certificate: join(pki, `${name}.pem`),
    ovn_key: join(pki, `${name}-key.pem`),
  });
  const ctl =
    (program: string, socket: string) =>
    async (...words: string[]) =>
      (await run(program, [`--db=unix:${homeOf(first)}/${socket}.sock`, '--timeout=60', ...words])).stdout.trim();
  const [northbound, southbound] = relays.map((server) => `ssl:127.0.0.1:${portOf(server)}`) as [string, string];
  return {
    ...{ hosts, northbound, southbound, close },
    control: identity(nb, 'control'),
    identityOf: (host) => identity(sb, host),
    nbctl: ctl('ovn-nbctl', 'nb'),
    sbctl: ctl('ovn-sbctl', 'sb'),
    host(name) {
      const found = hosts.find((one) => one.name === name);
      if (found === undefined) throw new Error(`no host ${name}`);
      return found;
    },
    appctl: (host, ...words) => host.inside('ovs-appctl', '-t', `${homeOf(host.libvirtd)}/vswitchd.ctl`, ...words),
    outside: ['ip', 'netns', 'exec', wires],
    async onWire(address) {
      await run('ip', ['-n', wires, 'addr', 'add', address, 'dev', 'phys']);
      // nobody on the way would make up for what is left to a card that there is not
      await run('ip', ['netns', 'exec', wires, 'ethtool', '-K', 'phys', 'tx', 'off']);
    },
    async signalNetwork({ libvirtd }, signal) {
      for (const daemon of ['controller', 'vswitchd'])
        await libvirtd.exec('bash', '-c', `kill -${signal} "$(cat ${homeOf(libvirtd)}/${daemon}.pid)"`);
    },
  };
}

// Why: what OVN does with what it is told shows only where it runs: a whole one (databases, northd, controller, switch) in the namespaces
// of a private libvirtd, told by the network service, with namespaces that play servers plugged into it. All of it vanishes with it.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { makeReconciler, type Reconciler } from '../../src/cloud/ovn/reconciler.ts';
import { basicEngine } from '../../src/standalone/network/engine.ts';
import { makeUnitSource } from '../../src/standalone/network/units.ts';
import { type Answer, type Cloud, startCloud, type Who } from './cloud.ts';
import { type Libvirtd, startLibvirtd } from './libvirtd.ts';
import { openNorthbound, run } from './ovsdb.ts';
import { eventually } from './serve.ts';

/** Starts and ends OVN's databases and daemons. */
export const OVN_SCRIPT = join(import.meta.dirname, '..', '..', 'tools', 'ovn.sh');
export const CHASSIS = 'chassis-1';

export interface Ovn {
  readonly libvirtd: Libvirtd;
  readonly cloud: Cloud;
  readonly reconciler: Reconciler;
  readonly remote: string;
  ask(who: Who, method: string, path: string, body?: unknown): Promise<Answer>;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  make(who: Who, noun: string, body?: object): Promise<any>;
  /** Runs a command where the switch is. */
  inside(command: string, ...args: string[]): Promise<string>;
  /** Resolves when what was asked for so far is in force on the host. */
  settled(): Promise<void>;
  /** A namespace plugged in as a port, with an address or without one. */
  plug(name: string, port: { id: string; mac_address: string }, address?: string, gateway?: string): Promise<Machine>;
  /** What is outside: a namespace on the wire of external networks. */
  outside(name: string, ...addresses: string[]): Promise<Machine>;
  close(): Promise<void>;
}

/** A namespace that plays a server. */
export interface Machine {
  readonly name: string;
  /** What stands before a command that is run there, for who starts it without us. */
  readonly words: readonly string[];
  run(command: string, ...args: string[]): Promise<string>;
  /** Whether one of a few pings is answered. */
  pings(address: string, ...more: string[]): Promise<boolean>;
  /** What a TCP server there says first; null: nothing. */
  hears(address: string, port: number): Promise<string | null>;
  /** Serves its own name, and then whatever it is sent, on a port. */
  serve(port: number): Promise<void>;
  /** Pings ten times a second; resolves with the moment of the first answer, milliseconds since the epoch. */
  firstAnswer(address: string): Promise<number>;
  /** A connection that stays; `echo` says whether what is sent comes back. */
  talk(address: string, port: number): { echo(): Promise<boolean>; end(): void };
}

const ok = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

/** @param held children that end with the host */
export function machineOf(host: Libvirtd, name: string, held: ChildProcess[]): Machine {
  const within = ['ip', 'netns', 'exec', name] as const;
  const inside = async (command: string, ...args: string[]) =>
    (await host.exec(...within, command, ...args)).stdout.trim();
  const words = ['nsenter', '-t', String(host.pid), '-m', '-n', '-p', '--', ...within] as const;
  const child = (...more: string[]) => {
    const made = spawn(words[0], [...words.slice(1), ...more], { stdio: ['pipe', 'pipe', 'ignore'] });
    made.stdin.on('error', () => {});
    held.push(made);
    return made;
  };
  return {
    ...{ name, words },
    run: inside,
    async pings(address, ...more) {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        if (await ok(inside('busybox', 'ping', '-q', '-c', '1', '-W', '1', ...more, address))) return true;
      }
      return false;
    },
    async hears(address, port) {
      const script = `sleep 2 | timeout 4 busybox nc -w 2 ${address} ${port} | head -n 1`;
      const line = await inside('bash', '-c', script).catch(() => '');
      return line === '' ? null : line;
    },
    async serve(port) {
      child('busybox', 'nc', '-ll', '-p', String(port), '-e', 'sh', '-c', `echo ${name}; exec cat`);
      await eventually('the server', 10_000, async () =>
        (await inside('ss', '-ltn')).includes(`:${port} `) ? true : null,
      );
    },
    firstAnswer(address) {
      const made = child('busybox', 'ping', '-i', '0.1', address);
      return new Promise((resolve) => {
        made.stdout.on('data', (piece: Buffer) => {
          if (!piece.includes('seq=')) return;
          made.kill();
          resolve(Date.now());
        });
      });
    },
    talk(address, port) {
      const made = child('busybox', 'nc', address, String(port));
      let heard = '';
      made.stdout.on('data', (piece: Buffer) => (heard += piece.toString()));
      let count = 0;
      return {
        async echo() {
          const word = `word-${(count += 1)}`;
          made.stdin.write(`${word}\n`);
          return ok(eventually('the echo', 5_000, () => (heard.includes(word) ? true : null)));
        },
        end: () => void made.kill(),
      };
    },
  };
}

/** Makes a namespace with an interface that is plugged into a bridge of the switch. */
export async function attachTo(host: Libvirtd, name: string, bridge: string, ...more: string[]): Promise<void> {
  const script = `set -e
    ip netns add ${name}; ip link add v-${name} type veth peer name eth0 netns ${name}
    ip link set v-${name} up; ip -n ${name} link set lo up
    ovs-vsctl add-port ${bridge} v-${name} ${more.join(' ')}`;
  await host.exec('bash', '-c', script);
}

/** What is outside: a namespace on the wire of external networks. @param held children that end with the host */
export async function outsideOf(
  host: Libvirtd,
  name: string,
  held: ChildProcess[],
  ...addresses: string[]
): Promise<Machine> {
  await attachTo(host, name, 'br-ex');
  await host.exec('ip', '-n', name, 'link', 'set', 'eth0', 'up');
  for (const address of addresses) await host.exec('ip', '-n', name, 'addr', 'add', address, 'dev', 'eth0');
  return machineOf(host, name, held);
}

/** @param given the host that it is on, which its owner ends; default: one of its own */
export async function startOvn(given?: Libvirtd): Promise<Ovn> {
  const libvirtd = given ?? (await startLibvirtd({ hostname: 'ovn-host' }));
  const exec = (command: string, ...args: string[]) => libvirtd.exec(command, ...args);
  const home = join(libvirtd.dir, 'ovn');
  const remote = `unix:${home}/nb.sock`;
  const held: ChildProcess[] = [];
  try {
    await exec(OVN_SCRIPT, 'central', home);
    await exec(OVN_SCRIPT, 'chassis', home, CHASSIS, `unix:${home}/sb.sock`);
  } catch (error) {
    if (given === undefined) await libvirtd.stop();
    throw error;
  }
  let nudge = (): void => {};
  const engine = {
    ...{ ...basicEngine, kind: 'ovn' as const, gateways: [CHASSIS], wire: 'external' },
    nudge: () => nudge(),
  };
  const cloud = await startCloud({ floatingIps: true, network: { engine } });
  const reconciler = makeReconciler({
    source: makeUnitSource(cloud.database, systemClock, { wire: 'external', gateways: [CHASSIS], metadata: true }),
    open: (changed) => openNorthbound(remote, { changed }),
    clock: systemClock,
    log: silentLog,
    counts: { told() {}, refused() {}, compared() {} },
  });
  nudge = () => reconciler.nudge();
  const inside = async (command: string, ...args: string[]) => (await exec(command, ...args)).stdout.trim();
  const ask: Ovn['ask'] = (who, method, path, body) => cloud.ask(who, method, `/network/v2.0/${path}`, body);
  const told = () =>
    eventually(
      'OVN told of everything',
      30_000,
      async () => {
        const [row] = await cloud.database.read('network_units').where({ dirty: 1 }).limit(1);
        return row === undefined && reconciler.problem() === null ? true : null;
      },
      20,
    );
  const attach = (name: string, bridge: string, ...more: string[]) => attachTo(libvirtd, name, bridge, ...more);
  return {
    libvirtd,
    cloud,
    reconciler,
    remote,
    ask,
    async make(who, noun, body = {}) {
      const answer = await ask(who, 'POST', `${noun.replaceAll('_', '-')}s`, { [noun]: body });
      if (answer.status !== 201) throw new Error(`${noun}: ${answer.status} ${answer.text}`);
      return answer.json[noun];
    },
    inside,
    async settled() {
      await told();
      await run('ovn-nbctl', [`--db=${remote}`, '--timeout=60', '--wait=hv', 'sync']);
    },
    async plug(name, port, address, gateway) {
      await attach(name, 'br-int', `-- set Interface v-${name} external_ids:iface-id=${port.id}`);
      await inside('ip', '-n', name, 'link', 'set', 'eth0', 'address', port.mac_address, 'up');
      if (address !== undefined) await inside('ip', '-n', name, 'addr', 'add', address, 'dev', 'eth0');
      if (gateway !== undefined) await inside('ip', '-n', name, 'route', 'add', 'default', 'via', gateway);
      await eventually('the port', 30_000, async () =>
        (await ask('admin', 'GET', `ports/${port.id}`)).status === 200 &&
        (await inside('ovs-vsctl', 'get', 'Interface', `v-${name}`, 'external_ids')).includes('ovn-installed="true"')
          ? true
          : null,
      );
      return machineOf(libvirtd, name, held);
    },
    outside: (name, ...addresses) => outsideOf(libvirtd, name, held, ...addresses),
    async close() {
      await reconciler.close();
      for (const child of held) child.kill();
      await exec(OVN_SCRIPT, 'end', home).catch(() => {});
      await cloud.close();
      if (given === undefined) await libvirtd.stop();
    },
  };
}

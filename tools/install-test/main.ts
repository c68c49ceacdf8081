// Why: what docs/installing.md promises is tried as a newcomer does it: its commands, in its order, on machines that were empty.
//
// usage: node tools/install-test/main.ts --base DIR --older DIR --newer DIR --guest FILE [--only one|three]
// --older: packages of the release that three machines are upgraded from; --newer: of the one that they are upgraded to

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Machine, makeWire, removeWire } from './machine.ts';
import { type Block, commandBlocks, sectionOf } from './page.ts';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    older: { type: 'string' },
    newer: { type: 'string' },
    guest: { type: 'string' },
    only: { type: 'string' },
  },
});
const option = (name: 'base' | 'older' | 'newer' | 'guest'): string => {
  const value = values[name];
  if (value === undefined) throw new Error(`--${name} is wanted`);
  return resolve(value);
};

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'installing.md'), 'utf8');
const blocks = commandBlocks(page);
const began = Date.now();
const say = (text: string): void =>
  void process.stdout.write(`${String(Math.round((Date.now() - began) / 1000)).padStart(5)} s  ${text}\n`);

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
  say(`ok: ${what}`);
}

const debsOf = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => join(directory, name));

/** Runs blocks on the machines that they name, one after another or, where people would not wait either, all at once. */
async function follow(some: readonly Block[], machines: readonly Machine[], atOnce = false): Promise<void> {
  for (const { machines: names, commands, line, under } of some) {
    const told = names.map((name) => async () => {
      const machine = machines.find((one) => one.name === name);
      if (machine === undefined) throw new Error(`line ${line}: there is no machine ${name}`);
      say(`${name}: ${under.at(-1)}, line ${line}`);
      await machine.type(commands);
    });
    if (atOnce) await Promise.all(told.map((one) => one()));
    else for (const one of told) await one();
  }
}

const CLOUD = (name: string): string =>
  `export OS_CLIENT_CONFIG_FILE=/var/lib/xloud/${name}/clouds.yaml OS_CLOUD=xloud;`;

interface ListedServer {
  readonly ID: string;
  readonly Name: string;
  readonly Status: string;
  readonly Host: string;
}

const serversOf = (machine: Machine, cloud: string): ListedServer[] =>
  JSON.parse(machine.ask(`${CLOUD(cloud)} openstack server list --long -f json`)) as ListedServer[];

/** QEMU processes of a machine by pid and moment of start: the same before and after means that guests ran on. */
const guestsOf = (machine: Machine): string =>
  machine.ask(
    `for pid in $(pgrep -f '^/usr/bin/qemu-system' || true); do cut -d' ' -f1,22 /proc/$pid/stat; done | sort`,
  );

/** Waits until a guest has said something on its console, which it does once it has booted. */
async function awaitConsole(machine: Machine, cloud: string, server: string): Promise<void> {
  const until = Date.now() + 300_000;
  while (Date.now() < until) {
    if (/xloud-guest status/.test(machine.ask(`${CLOUD(cloud)} openstack console log show ${server}`))) return;
    await pause(3000);
  }
  throw new Error(`${server} did not boot`);
}

const work = mkdtempSync('/dev/shm/xloud-install-');
const wire = makeWire(`xloud-install-${process.pid}`);
const machines: Machine[] = [];

async function machine(name: string, address: string, packages: string): Promise<Machine> {
  const at = join(work, name);
  mkdirSync(at);
  const one = await Machine.boot(name, address, { base: option('base'), at, wire });
  machines.push(one);
  one.put(debsOf(packages), 'root/xloud');
  one.put([option('guest')], 'root');
  one.ask('mv /root/guest*.qcow2 /root/guest.qcow2 2>/dev/null || true');
  say(
    `${name} is up: ${one.ask('. /etc/os-release; echo $PRETTY_NAME')}, systemd ${one.ask('systemctl is-system-running || true')}`,
  );
  return one;
}

/** Secrets are for the service alone. */
function checkModes(one: Machine, service: string): void {
  const mode = one.ask(`stat -c '%a %U:%G' /etc/xloud/${service}.yaml`);
  must(mode === '640 root:xloud', `/etc/xloud/${service}.yaml is ${mode}`);
}

/** systemd's own judgement of the unit as it runs. */
function checkExposure(one: Machine, unit: string): void {
  const told = one.ask(`systemd-analyze security --threshold=25 --no-pager ${unit} 2>&1 | tail -1`);
  must(/level for .*: (\d\.\d)/.test(told), told.replace(/^\W+/, '').replace(/ \S+$/, ''));
}

/** What the page names beside QEMU, since nothing recommended comes along. */
async function firmwareAndTpm(one: Machine): Promise<void> {
  const firmware = '--property hw_firmware_type=uefi --property hw_machine_type=q35';
  const tpm = '--property hw_tpm_version=2.0 --property hw_tpm_model=tpm-crb';
  await one.type(`openstack image set small ${firmware} ${tpm}\n`);
  await one.type('openstack server create firm --image small --flavor elastic --wait\n');
  const guest = one.ask("pgrep -fa '^/usr/bin/qemu-system.*pflash.*tpm-crb' || true");
  must(guest.includes('OVMF') && one.ask('pgrep -c swtpm || true') === '1', 'a server has UEFI and a TPM');
}

async function oneMachine(): Promise<void> {
  const one = await machine('one', '10.20.0.10', option('newer'));
  await follow(sectionOf(blocks, 'One machine'), machines);
  must(
    serversOf(one, 'all').every(({ Status }) => Status === 'ACTIVE'),
    'the first server is active',
  );
  await awaitConsole(one, 'all', 'first');
  must(guestsOf(one) !== '', 'a server of one machine is a guest that booted');
  await firmwareAndTpm(one);
  checkModes(one, 'all');
  checkExposure(one, 'xloud-all');
  one.ask('apt-get purge -y xloud-all');
  must(
    one.ask('ls /var/lib/xloud/all') === 'instances',
    "a purge leaves the disks of servers, and nothing else, of what is the service's",
  );
  must(guestsOf(one) !== '', 'and the guest runs on');
  await one.end();
  machines.length = 0;
}

async function threeMachines(): Promise<void> {
  const addresses = ['10.20.0.11', '10.20.0.12', '10.20.0.13'];
  for (const [index, address] of addresses.entries()) await machine(`node${index + 1}`, address, option('older'));
  const [node1] = machines as [Machine];
  await follow(sectionOf(blocks, 'Three machines'), machines, true);
  const servers = serversOf(node1, 'api');
  must(servers.length === 3 && servers.every(({ Status }) => Status === 'ACTIVE'), 'three servers are active');
  for (const { Name } of servers) await awaitConsole(node1, 'api', Name);
  say(`they are on ${servers.map(({ Host }) => Host).join(', ')}`);
  for (const service of ['api', 'worker', 'agent']) {
    checkModes(node1, service);
    checkExposure(node1, `xloud-${service}`);
  }
  const before = machines.map(guestsOf);
  must(
    before.every((guests) => guests !== ''),
    'each machine has a guest',
  );
  // others may have come: a server that is made after the upgrade keeps its guest when the database forgets it
  const unchanged = (what: string): void => {
    const run = machines.every((one, index) => {
      const guests = guestsOf(one).split('\n');
      return (before[index] as string).split('\n').every((guest) => guests.includes(guest));
    });
    must(run, `${what}: every guest of before is the process that it was`);
    const now = serversOf(node1, 'api');
    const same = servers.every(({ ID }) => now.find((one) => one.ID === ID)?.Status === 'ACTIVE');
    must(same, `${what}: every server of before is active`);
  };

  for (const one of machines) {
    one.ask('mv /root/xloud /root/old');
    one.put(debsOf(option('newer')), 'root/xloud');
  }
  await follow(sectionOf(blocks, 'Upgrade'), machines);
  await settle(node1);
  unchanged('after the upgrade');
  say(node1.ask('xloud --version'));
  const restarts = node1.ask(
    'for unit in xloud-api xloud-worker xloud-agent; do systemctl show -P ExecMainStartTimestampMonotonic $unit; done',
  );
  const times = restarts.split('\n').map(Number);
  must(
    times.every((time, index) => index === 0 || time >= (times[index - 1] as number)),
    'restarted in order: API, worker, agent',
  );
  await node1.type('openstack server create later --image small --flavor elastic --wait\n');
  say('a server was made after the upgrade');

  await follow(sectionOf(blocks, 'Rollback'), machines);
  await settle(node1);
  unchanged('after the rollback');
  say(node1.ask('xloud --version'));
  await node1.type('openstack server create again --image small --flavor elastic --wait\n');
  say('a server was made after the rollback');
}

/** Until hosts have reported anew. */
async function settle(node1: Machine): Promise<void> {
  const until = Date.now() + 120_000;
  while (Date.now() < until) {
    const states = node1.ask(`${CLOUD('api')} openstack compute service list --service nova-compute -f value -c State`);
    if (states.split('\n').filter((state) => state === 'up').length === 3) break;
    await pause(2000);
  }
  await pause(5000);
}

try {
  if (values.only !== 'three') await oneMachine();
  if (values.only !== 'one') await threeMachines();
  say('all of it holds');
} catch (error) {
  process.stderr.write(`install-test: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  for (const one of machines) await one.end().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  removeWire(wire);
  if (process.exitCode === 1) process.stderr.write(`what the machines said: ${work}/*/log\n`);
  else rmSync(work, { recursive: true, force: true });
}

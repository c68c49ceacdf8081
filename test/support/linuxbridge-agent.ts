// Why: what makes ports in Linux bridges work is Neutron's agent on their host, Debian's package, run here where a private libvirtd has its
// interfaces. It hears from Neutron by a broker, which is reached there by a way in.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Libvirtd } from './libvirtd.ts';
import type { Rabbitmq } from './rabbitmq.ts';
import { eventually } from './serve.ts';
import { openWayIn, type WayIn } from './way-in.ts';

const PROGRAM = '/usr/bin/neutron-linuxbridge-agent';
const SETTINGS = '/etc/neutron/plugins/ml2/linuxbridge_agent.ini';
const UP_MS = 90_000;
/** The wire on which hosts' tunnels are. */
const UNDERLAY = { device: 'underlay', address: '10.176.0.1' } as const;

/** Why the agent cannot be started on this machine, or null. */
export function linuxbridgeMissing(): string | null {
  return existsSync(PROGRAM) && existsSync(SETTINGS)
    ? null
    : `${PROGRAM} not installed (Debian package neutron-linuxbridge-agent)`;
}

export interface LinuxbridgeAgent {
  log(): string;
  stop(): Promise<void>;
}

/**
 * Debian's ebtables (1.8.9, over nftables) can't take away by its words a rule that lists addresses, as the agent does whenever a port
 * changes, on kernels of today. By its number it can.
 */
const EBTABLES = `#!/bin/bash
rule='^-t nat --concurrent -D (neutronMAC-[^ ]+) (.*--among-src.*)$'
if [[ "$*" =~ $rule ]]; then
  chain=\${BASH_REMATCH[1]} words=\${BASH_REMATCH[2]}
  number=$(/usr/sbin/ebtables -t nat -L "$chain" | grep '^-' | sed 's/ *$//' | grep -nxF -- "$words" | head -n 1 | cut -d: -f1)
  exec /usr/sbin/ebtables -t nat --concurrent -D "$chain" "\${number:?}"
fi
exec /usr/sbin/ebtables "$@"
`;

const config = (dir: string, host: string, broker: Rabbitmq): string => `[DEFAULT]
host = ${host}
transport_url = ${broker.url.replace('amqp:', 'rabbit:')}
state_path = ${dir}
log_file = ${join(dir, 'agent.log')}
use_stderr = false
[oslo_concurrency]
lock_path = ${dir}
[agent]
root_helper = neutron-rootwrap /etc/neutron/rootwrap.conf
polling_interval = 1
[vxlan]
enable_vxlan = true
local_ip = ${UNDERLAY.address}
[securitygroup]
enable_security_group = true
firewall_driver = iptables
enable_ipset = true
`;

/** Starts it as the agent of that host; resolves when it looks for interfaces. It ends with the libvirtd at the latest. */
export async function startLinuxbridgeAgent(
  libvirtd: Libvirtd,
  host: string,
  broker: Rabbitmq,
): Promise<LinuxbridgeAgent> {
  const dir = join(libvirtd.dir, 'linuxbridge');
  await mkdir(join(dir, 'bin'), { recursive: true });
  await writeFile(join(dir, 'bin', 'ebtables'), EBTABLES, { mode: 0o755 });
  await writeFile(join(dir, 'agent.conf'), config(dir, host, broker));
  const { device, address } = UNDERLAY;
  const wire = `set -e; ip link add ${device} type veth peer name ${device}-far; ip link set ${device}-far up
    ip link set ${device} up; ip addr add ${address}/24 dev ${device}`;
  await libvirtd.exec('bash', '-c', wire);
  const words = ['-t', String(libvirtd.pid), '-m', '-n', '-u', '-p', '--'];
  const way: WayIn = await openWayIn(['nsenter', ...words], libvirtd.dir, [broker.port]);
  const output = openSync(join(dir, 'output'), 'a');
  const env = { ...process.env, PATH: `${join(dir, 'bin')}:/usr/sbin:/usr/bin:/sbin:/bin` };
  const args = [...words, PROGRAM, '--config-file', join(dir, 'agent.conf')];
  const child: ChildProcess = spawn('nsenter', args, { stdio: ['ignore', output, output], detached: true, env });
  closeSync(output);
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const log = (): string => ['agent.log', 'output'].map((name) => textOf(join(dir, name))).join('\n');
  const stop = async (): Promise<void> => {
    // its helpers are processes of their own
    if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid as number), 'SIGKILL');
    await gone;
    way.close();
  };
  try {
    await eventually("Neutron's agent", UP_MS, () => {
      if (child.exitCode !== null) throw new Error('it ended');
      return log().includes('RPC agent_id') ? true : null;
    });
  } catch (error) {
    await stop();
    throw new Error(`${String(error)}:\n${log().slice(-4_000)}`);
  }
  return { log, stop };
}

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

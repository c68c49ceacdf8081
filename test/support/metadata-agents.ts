// Why: guests on networks of a Neutron are told who they are by its own agents, Debian's package, one on each host, which ask us.

import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OvnHost, OvnHosts } from './ovn-hosts.ts';
import { eventually } from './serve.ts';
import { openWayIn, type WayIn } from './way-in.ts';

const AGENT = '/usr/bin/neutron-ovn-metadata-agent';
const UP_MS = 60_000;

export interface MetadataProxy {
  /** Of the loopback, where the APIs answer such agents. */
  readonly port: number;
  readonly secret: string;
}

export interface MetadataAgents {
  close(): void;
}

const config = (dir: string, southbound: string, { port, secret }: MetadataProxy): string => `[DEFAULT]
state_path = ${dir}
log_file = ${join(dir, 'agent.log')}
metadata_proxy_socket = ${join(dir, 'proxy.sock')}
metadata_workers = 1
nova_metadata_host = 127.0.0.1
nova_metadata_port = ${port}
metadata_proxy_shared_secret = ${secret}
[AGENT]
root_helper =
[privsep]
helper_command = privsep-helper
[ovs]
ovsdb_connection = unix:/run/openvswitch/db.sock
[ovn]
ovn_sb_connection = ${southbound}
`;

/**
 * Where the switch runs in user space, checksums that a namespace leaves to its card are made by nobody; these agents do not say so to
 * theirs, as they find the kernel's own everywhere else.
 */
const WITHOUT_OFFLOADS = `
declare -A bare
while sleep 2; do
  for path in /run/netns/ovnmeta-*; do
    [ -e "$path" ] || continue
    # one of the same name may be another by now
    this=$(stat -L -c %i "$path")
    [ "\${bare[$path]:-}" != "$this" ] || continue
    name=\${path##*/}
    for device in $(ip -n "$name" -o link show type veth | sed 's/^[0-9]*: \\([^@:]*\\).*/\\1/'); do
      ip netns exec "$name" ethtool -K "$device" tx off >/dev/null 2>&1 && bare[$path]=$this
    done
  done
done`;

const withinOf = ({ libvirtd }: OvnHost): readonly string[] => [
  ...['nsenter', '-t', String(libvirtd.pid), '-m', '-n', '-u', '-p', '--'],
];

/** Starts one on each host; they end with the hosts at the latest. */
export async function startMetadataAgents(
  { hosts }: OvnHosts,
  directory: string,
  proxy: MetadataProxy,
): Promise<MetadataAgents> {
  const [first] = hosts as readonly [OvnHost];
  const southbound = `unix:${join(first.libvirtd.dir, 'ovn', 'sb.sock')}`;
  const ways: WayIn[] = [];
  const ends: (() => void)[] = [];
  const close = (): void => {
    for (const end of ends) end();
    for (const way of ways) way.close();
  };
  try {
    for (const host of hosts) {
      const dir = join(directory, `md-${host.name}`);
      mkdirSync(dir);
      const file = join(dir, 'agent.conf');
      writeFileSync(file, config(dir, southbound, proxy), { mode: 0o600 });
      const [command = '', ...words] = withinOf(host);
      ways.push(await openWayIn([command, ...words], host.libvirtd.dir, [proxy.port]));
      const output = openSync(join(dir, 'output'), 'a', 0o600);
      const bare = spawn(command, [...words, 'bash', '-c', WITHOUT_OFFLOADS], { stdio: 'ignore' });
      ends.push(() => void bare.kill('SIGKILL'));
      const child = spawn(command, [...words, AGENT, '--config-file', file], { stdio: ['ignore', output, output] });
      ends.push(() => void child.kill('SIGKILL'));
      await eventually(`the metadata agent of ${host.name}`, UP_MS, () => {
        if (child.exitCode !== null) throw new Error(`it ended:\n${readFileSync(join(dir, 'output'), 'utf8')}`);
        return readFileSync(join(dir, 'output'), 'utf8').includes('Traceback') ? null : true;
      });
    }
  } catch (error) {
    close();
    throw error;
  }
  return { close };
}

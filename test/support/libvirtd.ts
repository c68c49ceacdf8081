// Why: the libvirt driver is tested against the real daemon, and never against the machine's own. Each call starts a libvirtd
// with its own process, mount, host name and network namespace, so its guests, bridges, firewall rules and files are its own
// and vanish with it. Needs root and the packages libvirt-daemon-system and qemu-system-x86.

import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const READY_MS = 180_000;
const STOP_MS = 20_000;
/** What libvirt found out about each QEMU here, in seconds of work; it finds out anew where that is not true any more. */
const PROBED = join(import.meta.dirname, '..', '..', '.cache', 'libvirt');

/** Where the packages of another QEMU are unpacked, which guests then have; empty: the machine's own. */
const QEMU = process.env.XLOUD_TEST_QEMU ?? '';

export interface LibvirtdOptions {
  /** The host's name as libvirt reports it; tests with several hosts give each its own. */
  readonly hostname?: string;
  /** The network namespace that it is in, by its name for `ip netns`. Default: a new one. */
  readonly netns?: string;
  /** Guests are put into control groups of the machine's own processors, below `/machine`. Default: false, they are in none. */
  readonly cgroups?: boolean;
  /** Port on the namespace's own loopback and interfaces where RPC over TCP listens, without authentication. Default: none. */
  readonly tcpPort?: number;
  /** What is in `/etc/pki` there; the daemon then listens for TLS on its usual port. Default: nothing, and it does not. */
  readonly pki?: string;
}

export interface Libvirtd {
  /** What `openHypervisor` and virsh take: `qemu+unix:///system?socket=...`. */
  readonly uri: string;
  /** The same daemon's test driver: `test+unix:///default?socket=...`. */
  readonly testUri: string;
  readonly socketPath: string;
  /** The machine's number of a process within the daemon's namespaces. */
  readonly pid: number;
  /** Where the daemon's run, etc, lib, log and cache folders are, seen from outside. */
  readonly dir: string;
  /** Runs a command inside the daemon's namespaces, e.g. to reach a guest's address. Rejects on a non-zero exit. */
  exec(command: string, ...args: string[]): Promise<{ readonly stdout: string; readonly stderr: string }>;
  /** A connection to an address that only those in the daemon's namespaces reach: a guest's, or their loopback. */
  dial(host: string, port: number): Duplex;
  /** Sends a signal to the daemon itself (not to its guests): SIGSTOP and SIGCONT to hang it, SIGKILL to crash it. A dead daemon is started again after 0.3 s. */
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Resolves when it listens. */
  listening(): Promise<void>;
  /** Ends the daemon and starts it again; guests keep running. Resolves when it listens. */
  restart(): Promise<void>;
  /** Ends the daemon with everything that it started and removes its folders. */
  stop(): Promise<void>;
}

// The first process of the new PID namespace. Bash, because something has to reap libvirt's orphaned probes of QEMU: left
// unreaped, each costs libvirtd 40 seconds. /sys is new, to show this namespace's network devices and none of the machine's
// control groups: guests are put into none unless a test asks for it. `cat` holds the pipe from the test: when the test is gone in whatever way, the
// pipe ends, this shell ends, and with it every process of the namespace.
const INIT = `
set -eu
dir=$1; host=$2; cgroups=$3; pki=$4; qemu=$5; shift 5
mount -t proc proc /proc
umount -R -l /sys 2>/dev/null || true
mount -t sysfs sysfs /sys
if [ "$cgroups" = yes ]; then
  mount -t tmpfs tmpfs /sys/fs/cgroup
  if grep -q '^cpu[[:space:]].*1$' /proc/cgroups && mkdir /sys/fs/cgroup/cpu && mount -t cgroup -o cpu none /sys/fs/cgroup/cpu 2>/dev/null; then :
  else rm -rf /sys/fs/cgroup/cpu; mount -t cgroup2 none /sys/fs/cgroup; fi
fi
mount -t tmpfs tmpfs /run
if [ -n "$pki" ]; then
  mkdir /run/etc /run/etc/over /run/etc/work
  mount -t overlay overlay -o "lowerdir=/etc,upperdir=/run/etc/over,workdir=/run/etc/work" /etc
  cp -r "$pki" /etc/pki
fi
mkdir -p /run/libvirt /run/lock /etc/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt
mount --bind "$dir/run" /run/libvirt
mount --bind "$dir/etc" /etc/libvirt
mount --bind "$dir/lib" /var/lib/libvirt
mount --bind "$dir/log" /var/log/libvirt
mount --bind "$dir/cache" /var/cache/libvirt
for part in usr/bin/qemu-system-x86_64 usr/lib/x86_64-linux-gnu/qemu usr/share/qemu usr/share/seabios; do
  [ -z "$qemu" ] || mount --bind "$qemu/$part" "/$part"
done
hostname "$host"
ip link set lo up
exec 3<&0
cat <&3 >/dev/null & lifeline=$!
exec 3<&- </dev/null
( while :; do libvirtd --config /etc/libvirt/libvirtd.conf --pid-file /run/libvirt/daemon.pid "$@" || true; sleep 0.3; done ) &
while kill -0 "$lifeline" 2>/dev/null; do wait "$lifeline" || true; done
`;

// The machine's PID, as opposed to the one in the namespace, of the first process: the only child of `unshare`.
function childOf(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  if (!child) throw new Error(`process ${pid} has no child`);
  return Number(child);
}

function assertUsable(): void {
  if (process.getuid?.() !== 0) throw new Error('A private libvirtd needs root: it makes namespaces and mounts.');
  const folders = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);
  const installed = (name: string) => folders.some((folder) => executable(join(folder, name)));
  const missing = ['libvirtd', 'qemu-system-x86_64', 'unshare', 'nsenter', 'ip', 'bash'].filter(
    (name) => !installed(name),
  );
  if (missing.length > 0) {
    throw new Error(
      `A private libvirtd needs ${missing.join(', ')}: apt-get install libvirt-daemon-system qemu-system-x86 iproute2 dnsmasq-base`,
    );
  }
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: socketPath });
    const answer = (value: boolean) => () => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
  });
}

async function writeConfig(dir: string, options: LibvirtdOptions): Promise<void> {
  for (const folder of ['run', 'etc', 'lib', 'log', 'cache']) await mkdir(join(dir, folder), { mode: 0o755 });
  await writeFile(
    join(dir, 'etc/libvirtd.conf'),
    `auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_rw_perms = "0700"
host_uuid = "${crypto.randomUUID()}"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
listen_tls = ${options.pki === undefined ? 0 : 1}
listen_tcp = ${options.tcpPort === undefined ? 0 : 1}
tcp_port = "${options.tcpPort ?? 16509}"
auth_tcp = "none"
`,
  );
  // stdio_handler: without virtlogd. Root and no ownership games: images of the test stay the test's.
  await writeFile(
    join(dir, 'etc/qemu.conf'),
    `stdio_handler = "file"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
`,
  );
  if (existsSync('/etc/libvirt/nwfilter'))
    await cp('/etc/libvirt/nwfilter', join(dir, 'etc/nwfilter'), { recursive: true });
  await mkdir(join(dir, CAPABILITIES), { recursive: true });
  for (const name of await described(PROBED)) await cp(join(PROBED, name), join(dir, CAPABILITIES, name));
}

const CAPABILITIES = 'cache/qemu/capabilities';

const described = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.xml'));

/** Keeps for the next daemon what this one found out; a file appears whole, for other tests may read it now. */
async function keepProbed(dir: string): Promise<void> {
  await mkdir(PROBED, { recursive: true });
  for (const name of await described(join(dir, CAPABILITIES))) {
    // two hosts of one test end at the same moment
    const making = join(PROBED, `${name}.${randomUUID()}`);
    await cp(join(dir, CAPABILITIES, name), making);
    await rename(making, join(PROBED, name));
  }
}

/**
 * Starts a private libvirtd. It takes about half a second until it listens and up to some seconds more until it has probed
 * QEMU and answers the first call. Its virtual networks (bridge, dnsmasq, NAT) work and are invisible outside.
 */
export async function startLibvirtd(options: LibvirtdOptions = {}): Promise<Libvirtd> {
  assertUsable();
  const dir = await mkdtemp(join(tmpdir(), 'xlv-'));
  const socketPath = join(dir, 'run/libvirt-sock');
  // sun_path holds 108 bytes.
  if (Buffer.byteLength(socketPath) > 100) throw new Error(`Too long a path for a socket: ${socketPath}`);
  await writeConfig(dir, options);

  const words = [
    ...(options.netns === undefined
      ? ['unshare', '--net']
      : ['nsenter', `--net=/run/netns/${options.netns}`, 'unshare']),
    ...['--mount', '--uts', '--pid', '--ipc', '--fork', '--kill-child', '--propagation', 'private'],
    ...[
      'bash',
      '-c',
      INIT,
      'libvirtd-init',
      dir,
      options.hostname ?? 'compute-under-test',
      options.cgroups ? 'yes' : 'no',
      options.pki ?? '',
      QEMU,
    ],
    ...(options.tcpPort === undefined && options.pki === undefined ? [] : ['--listen']),
  ];
  const [command, ...args] = words as [string, ...string[]];
  const child = spawn(command, args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4_000);
  });
  child.stdin.on('error', () => {});
  let ended = false;
  const end = new Promise<void>((resolve) => {
    child.once('exit', () => {
      ended = true;
      resolve();
    });
    child.once('error', (error) => {
      ended = true;
      complaint += error.message;
      resolve();
    });
  });
  // Neither the daemon nor its pipes keep a test process alive that forgot to stop it.
  child.unref();
  (child.stderr as unknown as { unref(): void }).unref();
  (child.stdin as unknown as { unref(): void }).unref();

  const stop = async (): Promise<void> => {
    if (!ended) child.ref();
    child.stdin.end();
    const tooLong = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await end;
    clearTimeout(tooLong);
    await keepProbed(dir);
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  const listening = async (): Promise<void> => {
    const deadline = Date.now() + READY_MS;
    while (!(await accepts(socketPath))) {
      if (ended || Date.now() > deadline)
        throw new Error(`libvirtd does not listen: ${complaint || 'no word from it'}`);
      await sleep(50);
    }
  };
  const within = () => ['-t', String(childOf(child.pid as number)), '-m', '-n', '-u', '-p', '-i', '--'];
  // of one that has ended with all that it was this rejects
  const exec = async (command: string, ...args: string[]) => run('nsenter', [...within(), command, ...args]);
  const daemonPid = async () => (await exec('cat', '/run/libvirt/daemon.pid')).stdout.trim();

  try {
    await listening();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    uri: `qemu+unix:///system?socket=${socketPath}`,
    testUri: `test+unix:///default?socket=${socketPath}`,
    socketPath,
    pid: childOf(child.pid as number),
    dir,
    exec,
    dial: (host, port) => {
      const relay = 'exec 3<>"/dev/tcp/$0/$1" 4<&0; cat <&4 >&3 & cat <&3; kill $!';
      const words = [...within(), 'bash', '-c', relay, host, String(port)];
      const { stdin, stdout } = spawn('nsenter', words, { stdio: ['pipe', 'pipe', 'ignore'] });
      return Duplex.from({ readable: stdout, writable: stdin });
    },
    stop,
    listening,
    signal: async (signal) => {
      await exec('kill', `-${signal.slice(3)}`, await daemonPid());
    },
    restart: async () => {
      const before = await daemonPid();
      await exec('kill', '-TERM', before);
      const deadline = Date.now() + READY_MS;
      while ((await daemonPid().catch(() => before)) === before) {
        if (Date.now() > deadline) throw new Error('libvirtd did not come back');
        await sleep(50);
      }
      await listening();
    },
  };
}

// Why: a machine that was empty a moment ago, with its own systemd: a clean Debian below an overlay, booted by systemd-nspawn, on a wire
// that leads nowhere but to the other machines.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  createWriteStream,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
  type WriteStream,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const BOOT_MS = 120_000;
/** apt on two busy processors. */
const BLOCK_MS = 900_000;

export interface Wire {
  /** A network namespace, and the bridge in it. */
  readonly namespace: string;
  readonly bridge: string;
}

const run = (file: string, ...args: string[]): string => execFileSync(file, args, { encoding: 'utf8', stdio: 'pipe' });

export function makeWire(namespace: string): Wire {
  run('ip', 'netns', 'add', namespace);
  run('ip', '-n', namespace, 'link', 'add', 'wire', 'type', 'bridge');
  for (const name of ['lo', 'wire']) run('ip', '-n', namespace, 'link', 'set', name, 'up');
  return { namespace, bridge: 'wire' };
}

export const removeWire = ({ namespace }: Wire): string => run('ip', 'netns', 'del', namespace);

/** The process that is PID 1 in the container: nspawn's only child. */
function leaderOf(pid: number): number | null {
  const path = `/proc/${pid}/task/${pid}/children`;
  const [child] = existsSync(path) ? readFileSync(path, 'utf8').trim().split(' ') : [];
  return child ? Number(child) : null;
}

export class Machine {
  readonly name: string;
  readonly #at: string;
  readonly #nspawn: ChildProcess;
  readonly #log: WriteStream;
  #leader = 0;
  #shell: ChildProcess | null = null;
  #blocks = 0;

  private constructor(name: string, at: string, nspawn: ChildProcess) {
    this.name = name;
    this.#at = at;
    this.#nspawn = nspawn;
    this.#log = createWriteStream(join(at, 'log'));
  }

  /** Its files, from outside. */
  get root(): string {
    return join(this.#at, 'root');
  }

  /** @param base the clean Debian, which is not changed; `at`: a folder for what is */
  static async boot(
    name: string,
    address: string,
    { base, at, wire }: { base: string; at: string; wire: Wire },
  ): Promise<Machine> {
    for (const folder of ['upper', 'work', 'root']) mkdirSync(join(at, folder), { recursive: true });
    const options = `lowerdir=${base},upperdir=${join(at, 'upper')},workdir=${join(at, 'work')}`;
    run('mount', '-t', 'overlay', 'overlay', '-o', options, join(at, 'root'));
    writeFileSync(join(at, 'root', 'etc', 'hostname'), `${name}\n`);
    writeFileSync(join(at, 'root', 'etc', 'hosts'), `127.0.0.1 localhost\n127.0.1.1 ${name}\n::1 localhost\n`);
    const words = ['--quiet', '--register=no', '--keep-unit', '--boot', '-D', join(at, 'root'), '-M', name];
    const rights = [
      '--capability=CAP_NET_ADMIN,CAP_SYS_ADMIN',
      '--bind=/dev/net/tun',
      '--resolv-conf=off',
      '--timezone=off',
    ];
    const nspawn = spawn(
      'nsenter',
      [`--net=/run/netns/${wire.namespace}`, 'systemd-nspawn', ...words, ...rights, `--network-bridge=${wire.bridge}`],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
        // as on machines of today, whatever this one has
        env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' },
      },
    );
    const machine = new Machine(name, at, nspawn);
    await machine.#awaitBoot();
    for (const step of [`addr add ${address}/24 dev host0`, 'link set host0 up', 'link set lo up'])
      machine.ask(`ip ${step}`);
    return machine;
  }

  async #awaitBoot(): Promise<void> {
    const until = Date.now() + BOOT_MS;
    while (Date.now() < until) {
      if (this.#nspawn.exitCode !== null) throw new Error(`${this.name}: nspawn ended`);
      this.#leader = leaderOf(this.#nspawn.pid as number) ?? 0;
      if (this.#leader !== 0) {
        try {
          if (/running|degraded/.test(this.ask('systemctl is-system-running || true'))) return;
        } catch {
          // its namespaces come one after another
        }
      }
      await pause(500);
    }
    throw new Error(`${this.name} did not boot`);
  }

  #inside(...command: string[]): string[] {
    const environment = ['env', '-i', 'HOME=/root', 'LANG=C.UTF-8', 'DEBIAN_FRONTEND=noninteractive', 'TERM=dumb'];
    const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    return ['-t', String(this.#leader), '-m', '-u', '-i', '-n', '-p', '-C', ...environment, path, ...command];
  }

  /** What a command prints; throws where it fails. */
  ask(command: string): string {
    return execFileSync('nsenter', this.#inside('bash', '-ec', command), {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: BLOCK_MS,
    }).trim();
  }

  /** Runs commands in the one shell that somebody has open on the machine: variables and folder stay. Throws at the first that fails. */
  async type(commands: string): Promise<void> {
    this.#shell ??= this.#openShell();
    const shell = this.#shell;
    const file = `/run/typed-${++this.#blocks}`;
    // by a file that is there before it is read: commands must not find the ones after them on their input
    execFileSync('nsenter', this.#inside('sh', '-c', `cat > ${file}`), { input: commands });
    this.#log.write(`\n# ${commands.replace(/\n/g, '\n# ')}\n`);
    const done = `typed-${this.#blocks}-done`;
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${this.name}: no end of\n${commands}`)), BLOCK_MS);
      const settle = (error?: Error) => {
        clearTimeout(late);
        shell.stdout?.off('data', look);
        shell.off('exit', ended);
        if (error) reject(error);
        else resolve();
      };
      let seen = '';
      const look = (data: Buffer) => {
        seen = (seen + data.toString()).slice(-8192);
        if (seen.includes(done)) settle();
      };
      const ended = () => settle(new Error(`${this.name}: a command failed, of\n${commands}\n${seen.slice(-3000)}`));
      shell.stdout?.on('data', look);
      shell.once('exit', ended);
      shell.stdin?.write(`. ${file} </dev/null; echo ${done}\n`);
    });
  }

  #openShell(): ChildProcess {
    const shell = spawn('nsenter', this.#inside('bash', '-c', 'exec 2>&1; exec bash -eo pipefail'), {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    shell.stdout?.on('data', (data: Buffer) => void this.#log.write(data));
    return shell;
  }

  /** Puts files of this machine into a folder of that one. */
  put(files: readonly string[], folder: string): void {
    mkdirSync(join(this.root, folder), { recursive: true });
    for (const file of files) cpSync(file, join(this.root, folder, file.split('/').at(-1) as string));
  }

  async end(): Promise<void> {
    this.#shell?.kill('SIGKILL');
    if (this.#nspawn.exitCode === null && this.#leader !== 0) {
      const gone = new Promise((resolve) => this.#nspawn.once('exit', resolve));
      // systemd's word for "halt"
      run('kill', '-s', 'RTMIN+3', String(this.#leader));
      await Promise.race([gone, pause(30_000, undefined, { ref: false })]);
      if (this.#nspawn.exitCode === null) this.#nspawn.kill('SIGKILL');
    }
    run('umount', this.root);
    this.#log.end();
  }
}

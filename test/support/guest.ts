// Why: tests that need a real guest should say so in one line; the images are built once per change of
// what they are made of, and what the guest says about itself comes back as typed values.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const cache = join(root, '.cache', 'guest');
/** Between two looks at a console, each of which may be a request to a service. */
const LOOK_MS = 200;

/**
 * What the Linux guest's kernel is told so that it is up sooner on an emulated processor: no self-tests, no calibration against
 * clocks that are exact anyway, and no words about it on a serial line that takes each letter by itself.
 */
export const QUICK_BOOT =
  'quiet no_timer_check tsc=reliable mitigations=off nokaslr random.trust_cpu=on cryptomgr.notests';

/** Paths of the Linux guest's images; `rootDisk` (qcow2) also boots without the other two. */
export interface GuestImages {
  readonly dir: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly rootDisk: string;
}

let linuxGuest: Promise<GuestImages> | undefined;

/** Builds the small Linux guest, or finds it built. Throws with the builder's words where a tool is missing. */
export const buildGuest = (): Promise<GuestImages> => (linuxGuest ??= buildLinuxGuest('linux'));

/** The same with an SSH server, into which the server's key lets. */
export const buildSshGuest = (): Promise<GuestImages> => buildLinuxGuest('linux-ssh', '--ssh');

async function buildLinuxGuest(name: string, ...options: string[]): Promise<GuestImages> {
  const script = join(root, 'tools', 'guest', 'build.sh');
  const { stdout: inputs } = await run(script, ['--inputs']);
  const dir = await cached(`${name}-${digest(inputs)}`, (out) => run(script, [...options, out]));
  return {
    dir,
    kernel: join(dir, 'vmlinuz'),
    initrd: join(dir, 'initrd.img'),
    rootDisk: join(dir, 'guest.qcow2'),
  };
}

let debianGuest: Promise<string> | undefined;

/** Builds the Debian guest as root, which takes some minutes, or finds it built; the path of its disk (qcow2, 1 GiB). */
export const buildDebianGuest = (): Promise<string> => (debianGuest ??= buildDebian());

async function buildDebian(): Promise<string> {
  const script = join(root, 'tools', 'guest', 'debian.sh');
  const { stdout: inputs } = await run(script, ['--inputs']);
  const dir = await cached(`debian-${digest(inputs)}`, (out) => run(script, [out]));
  return join(dir, 'debian.qcow2');
}

/** Builds the micro guest, or finds it built; `kernel` is multiboot, for QEMU's `-kernel` or libvirt's `<kernel>`. */
export async function buildMicroGuest(): Promise<{ readonly dir: string; readonly kernel: string }> {
  const source = join(root, 'tools', 'guest', 'micro');
  const script = join(source, 'build.sh');
  const inputs = await Promise.all([readFile(script), readFile(join(source, 'micro.S'))]);
  const dir = await cached(`micro-${digest(...inputs)}`, (out) => run(script, [out]));
  return { dir, kernel: join(dir, 'micro') };
}

function digest(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 16);
}

/** What a builder said last: a package that cannot be had is told of in thousands of lines. */
const endOf = (text: string): string => text.trimEnd().split('\n').slice(-20).join('\n');

/** Builds aside and renames, so that two test processes at once, or a killed one, leave no half-made folder. */
async function cached(name: string, build: (out: string) => Promise<unknown>): Promise<string> {
  const dir = join(cache, name);
  if (existsSync(dir)) return dir;
  await mkdir(cache, { recursive: true });
  const out = await mkdtemp(join(cache, 'making-'));
  try {
    await build(out).catch((error: Error & { readonly stderr?: string }) => {
      throw new Error(
        `the ${name.replace(/-[^-]*$/, '')} guest could not be built: ${endOf(error.stderr ?? error.message)}`,
      );
    });
    await chmod(out, 0o755); // libvirt's QEMU runs as another user
    await rename(out, dir).catch((cause: unknown) => {
      if (!existsSync(dir)) throw cause;
    });
  } finally {
    await rm(out, { recursive: true, force: true });
  }
  return dir;
}

/** One line `xloud-guest KIND text`; `fields` are the `key=value` pairs in it (a value ends at the next key). */
export interface GuestLine {
  readonly kind: string;
  readonly text: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** What the guest's kernel says it has; `online` and `present` are kernel lists such as `0-1,3`. */
export interface GuestStatus {
  readonly seq: number;
  readonly upS: number;
  readonly cpus: number;
  readonly online: string;
  readonly presentCpus: number;
  readonly present: string;
  readonly memTotalKib: number;
  readonly memFreeKib: number;
  readonly memAvailableKib: number;
}

/** All whole lines of the guest in a console's text, oldest first; kernel messages and a cut last line are left out. */
export function parseConsole(text: string): readonly GuestLine[] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const lines: GuestLine[] = [];
  for (const match of whole.matchAll(/xloud-guest (\w+) ?(.*?)\r*\n/g)) {
    const [, kind = '', rest = ''] = match;
    const pairs = rest.matchAll(/(?:^| )([a-z0-9_]+)=(.*?)(?= [a-z0-9_]+=|$)/g);
    lines.push({ kind, text: rest, fields: Object.fromEntries([...pairs].map(([, key, value]) => [key, value])) });
  }
  return lines;
}

function toStatus({ fields }: GuestLine): GuestStatus {
  return {
    seq: Number(fields.seq),
    upS: Number(fields.up_s),
    cpus: Number(fields.cpus),
    online: fields.online ?? '',
    presentCpus: Number(fields.present_cpus),
    present: fields.present ?? '',
    memTotalKib: Number(fields.mem_total_kib),
    memFreeKib: Number(fields.mem_free_kib),
    memAvailableKib: Number(fields.mem_available_kib),
  };
}

/** Reads a guest's console again and again, from a file or from wherever `read` gets its text (the API, say). */
export class ConsoleLog {
  readonly #read: () => Promise<string>;

  constructor(source: string | (() => Promise<string>)) {
    this.#read = typeof source === 'string' ? () => readFile(source, 'utf8').catch(() => '') : source;
  }

  text(): Promise<string> {
    return this.#read();
  }

  async lines(): Promise<readonly GuestLine[]> {
    return parseConsole(await this.#read());
  }

  /** The newest status, or undefined where there was none yet. */
  async last(): Promise<GuestStatus | undefined> {
    const line = (await this.lines()).findLast(({ kind }) => kind === 'status');
    return line === undefined ? undefined : toStatus(line);
  }

  /** Waits until the newest status satisfies `pred`, and gives it; rejects with the console's end after `timeoutMs`. */
  async until(pred: (status: GuestStatus) => boolean, timeoutMs: number): Promise<GuestStatus> {
    return await this.#poll('a status', timeoutMs, async () => {
      const status = await this.last();
      return status !== undefined && pred(status) ? status : undefined;
    });
  }

  /** Waits for a line of that kind that satisfies `pred` (index: how many of that kind came before), and gives the first. */
  async untilLine(
    kind: string,
    timeoutMs: number,
    pred: (line: GuestLine, index: number) => boolean = () => true,
  ): Promise<GuestLine> {
    return await this.#poll(`a line '${kind}'`, timeoutMs, async () =>
      (await this.lines()).filter((line) => line.kind === kind).find(pred),
    );
  }

  async #poll<T>(what: string, timeoutMs: number, look: () => Promise<T | undefined>): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > deadline) {
        const all = await this.#read();
        // of a guest that runs on, the end is statuses alone; what else it said tells more
        const said = all.replaceAll(/xloud-guest status [^\n]*\n/g, '').slice(-4000);
        throw new Error(
          `waited ${timeoutMs} ms in vain for ${what}; beside statuses the console ends:\n${said}\nIts end is:\n${all.slice(-600)}`,
        );
      }
      await sleep(LOOK_MS);
    }
  }
}

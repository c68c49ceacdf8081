// Why: what is cut off, runs by a wrong clock or has no room left is so for itself alone. So each process has a network namespace with an
// address on one bridge, a clock that can be set, and a disk of its own. All of it is in namespaces of this program's, which go with it.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Spot } from '../support/cluster.ts';

const run = promisify(execFile);

const NETWORK = '10.178.0';
const MASK = 24;
/** This program's addresses: users are at the first, the database and the broker have one each, so that each can be out of reach alone. */
const HUB = { users: `${NETWORK}.1`, database: `${NETWORK}.2`, broker: `${NETWORK}.3` } as const;
const FIRST_MEMBER = 11;
/** Nobody's: what is sent to it is lost without a word. */
const NOWHERE = '02:00:00:00:00:99';
const FAKETIME = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketime.so.1`;
/** Names of what fills a disk. */
const BALLAST = 'ballast';

/** What a member can be out of reach of alone. */
export type Hub = Exclude<keyof typeof HUB, 'users'>;

export interface Stage {
  readonly addresses: typeof HUB;
  /** A member's network namespace. */
  readonly netnsOf: (name: string) => string;
  /** Where a member's process runs. */
  readonly spotOf: (name: string) => Spot;
  /** Nothing that a member sends arrives any more, and nothing comes to it. */
  readonly cut: (name: string) => Promise<void>;
  readonly mend: (name: string) => Promise<void>;
  /** What a member sends to one of those at the hub is lost. */
  readonly lose: (name: string, hub: Hub) => Promise<void>;
  readonly find: (name: string, hub: Hub) => Promise<void>;
  /** Sets a member's clock so many seconds before (negative: behind) everybody's. */
  readonly shift: (name: string, seconds: number) => Promise<void>;
  /** A disk of so many MiB at a directory, which is made. */
  readonly disk: (directory: string, sizeMib: number) => Promise<void>;
  /** Leaves no room on such a disk, until it is freed. */
  readonly fill: (directory: string) => Promise<void>;
  readonly free: (directory: string) => Promise<void>;
  /** Takes the disks away, with what is on them. */
  readonly close: () => Promise<void>;
}

const ip = (...words: string[]) => run('ip', words);

async function makeBridge(): Promise<void> {
  await ip('link', 'add', 'hub', 'type', 'bridge');
  for (const address of Object.values(HUB)) await ip('address', 'add', `${address}/${MASK}`, 'dev', 'hub');
  await ip('link', 'set', 'hub', 'up');
}

/** A namespace with a wire to the bridge; the wire's end there is named as the namespace. */
async function join_(namespace: string, address: string): Promise<void> {
  await ip('netns', 'add', namespace);
  await ip('link', 'add', namespace, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
  await ip('link', 'set', namespace, 'master', 'hub', 'up');
  await ip('-n', namespace, 'address', 'add', `${address}/${MASK}`, 'dev', 'eth0');
  for (const device of ['lo', 'eth0']) await ip('-n', namespace, 'link', 'set', device, 'up');
}

/** Takes all the room that there is, though others take of it meanwhile. */
async function fillUp(directory: string): Promise<void> {
  for (;;) {
    const { bavail, bsize } = await statfs(directory);
    if (bavail === 0) return;
    // what is too much for it, since somebody was quicker, is nothing
    await run('fallocate', ['--length', String(bavail * bsize), join(directory, `${BALLAST}-${bavail}`)]).catch(
      () => null,
    );
  }
}

/**
 * Makes the bridge, and a place for each of `names`. Throws where namespaces are not ours to change (tools/chaos.sh gives us our own).
 * @param directory where the clocks are kept
 */
export async function makeStage(directory: string, names: readonly string[]): Promise<Stage> {
  if (!existsSync(FAKETIME)) throw new Error(`no ${FAKETIME}: apt-get install faketime`);
  await makeBridge();
  const places = new Map(
    names.map((name, index) => [
      name,
      {
        namespace: `m${index}`,
        address: `${NETWORK}.${FIRST_MEMBER + index}`,
        clock: join(directory, `${name}.clock`),
      },
    ]),
  );
  const disks: string[] = [];
  const of = (name: string) => places.get(name) ?? raise(name);
  for (const { namespace, address, clock } of places.values()) {
    await join_(namespace, address);
    await writeFile(clock, '+0s');
  }
  return {
    addresses: HUB,
    netnsOf: (name) => of(name).namespace,
    spotOf(name) {
      const { namespace, address, clock } = of(name);
      const env = {
        ...{ LD_PRELOAD: FAKETIME, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_CACHE_DURATION: '1' },
        // as on a machine whose clock is set: what counts how long something takes goes on
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      };
      return { address, within: ['ip', 'netns', 'exec', namespace], env };
    },
    cut: async (name) => void (await ip('link', 'set', of(name).namespace, 'down')),
    mend: async (name) => void (await ip('link', 'set', of(name).namespace, 'up')),
    async lose(name, hub) {
      await ip(
        '-n',
        of(name).namespace,
        'neighbour',
        'replace',
        HUB[hub],
        'lladdr',
        NOWHERE,
        'dev',
        'eth0',
        'nud',
        'permanent',
      );
    },
    find: async (name, hub) =>
      void (await ip('-n', of(name).namespace, 'neighbour', 'delete', HUB[hub], 'dev', 'eth0')),
    shift: (name, seconds) => writeFile(of(name).clock, `${seconds < 0 ? '' : '+'}${seconds}s`),
    async disk(at, sizeMib) {
      await mkdir(at, { recursive: true });
      await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m,mode=0700`, 'chaos', at]);
      disks.push(at);
    },
    fill: fillUp,
    async free(at) {
      for (const name of await readdir(at)) if (name.startsWith(BALLAST)) await rm(join(at, name));
    },
    async close() {
      for (const at of disks) await run('umount', [at]);
    },
  };
}

function raise(name: string): never {
  throw new Error(`nobody is called ${name}`);
}

// Why: the openstack client costs more to start than most of its commands cost to run, so one process of it runs them all.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const VENV = join(import.meta.dirname, '../../../.cache/venv/openstack/bin');

/** Where the clients are: Debian's own, and the newest in an environment that `tools/venv.sh openstack` makes. */
const places = {
  debian: { python: '/usr/bin/python3', client: '/usr/bin/openstack' },
  newest: { python: join(VENV, 'python'), client: join(VENV, 'openstack') },
} as const;

export type ClientName = keyof typeof places;

/** Why a client cannot be used; false when it can. */
export const withoutClient = (name: ClientName): string | false =>
  existsSync(places[name].client) ? false : `${places[name].client} is not installed`;

export interface Outcome {
  /** 0 for success. */
  readonly status: number | string;
  readonly out: string;
  readonly err: string;
}

export interface ClientProcess {
  /** The names of its compute commands: `server create`. */
  readonly commands: readonly string[];
  /** Runs a command. One that is asked for while another runs waits for it. */
  readonly ask: (words: readonly string[]) => Promise<Outcome>;
  readonly close: () => Promise<void>;
}

/** Starts a client. `clouds`: the clouds.yaml that it reads before each command; `home`: a directory it may write to. */
export const startClientProcess = (name: ClientName, clouds: string, home: string): Promise<ClientProcess> =>
  startClientOf(places[name].python, clouds, home);

/** As `startClientProcess`, with the client that a Python program finds among its modules. */
export async function startClientOf(python: string, clouds: string, home: string): Promise<ClientProcess> {
  const child = spawn(python, [join(import.meta.dirname, 'runner.py')], {
    cwd: home,
    env: { PATH: '/usr/bin:/bin', HOME: home, LC_ALL: 'C.UTF-8', OS_CLIENT_CONFIG_FILE: clouds, OS_CLOUD: 'xloud' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the client ended');
    return JSON.parse(value) as unknown;
  };
  const commands = (await answer()) as readonly string[];
  return {
    commands,
    async ask(words) {
      child.stdin.write(`${JSON.stringify(words)}\n`);
      return (await answer()) as Outcome;
    },
    async close() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

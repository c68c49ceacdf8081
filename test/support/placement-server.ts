// Why: what is told of hosts and servers is read back from the Placement that operators run, Debian's package, started here in a directory of
// its own; with a Keystone registered there, or without any as its own tests have it.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openDatabase } from '../../src/db/engine.ts';
import { authtoken, register, type TestKeystone } from './keystone.ts';
import { freshMariadb, sqlalchemyUrl } from './mariadb.ts';
import { scratchDir } from './scratch.ts';
import { eventually, freePort } from './serve.ts';

const run = promisify(execFile);

const PLACEMENT = '/usr/bin/placement-api';
const MANAGE = '/usr/bin/placement-manage';
const UWSGI = '/usr/bin/uwsgi_python3';
const UP_MS = 180_000;

/** Why Placement cannot be started on this machine, or null. */
export function placementMissing(): string | null {
  const missing = [PLACEMENT, MANAGE, UWSGI].filter((path) => !existsSync(path));
  return missing.length === 0 ? null : `${missing.join(', ')} not installed (tools/packages.sh ensure placement)`;
}

export interface TestPlacement {
  /** `http://127.0.0.1:PORT`, as the catalog has it. */
  readonly endpoint: string;
  /** A call with a token of an administrator, at its newest version. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  ask(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: any }>;
  /** Ends it, and starts it again where it was. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  log(): Promise<string>;
  stop(): Promise<void>;
}

const config = (connection: string, keystone: TestKeystone | null): string => `[api]
auth_strategy = ${keystone === null ? 'noauth2' : 'keystone'}
[placement_database]
connection = ${connection}
${
  keystone === null
    ? ''
    : `${authtoken(keystone, 'placement')}region_name = RegionOne
`
}`;

/** Without Keystone this word is an administrator's token. */
export const NO_KEYSTONE_TOKEN = 'admin';

/** Starts Debian's Placement on 127.0.0.1; with SQLite some seconds. */
export async function startPlacement({
  keystone = null,
  database: kind = 'sqlite',
}: {
  readonly keystone?: TestKeystone | null;
  readonly database?: 'sqlite' | 'mariadb';
} = {}): Promise<TestPlacement> {
  const dir = await mkdtemp(join(scratchDir(), 'xloud-placement-'));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const database = kind === 'sqlite' ? null : await freshMariadb();
  const connection = database === null ? `sqlite:///${join(dir, 'placement.db')}` : sqlalchemyUrl(database);
  const file = join(dir, 'placement.conf');
  await writeFile(file, config(connection, keystone));
  if (database === null) {
    const own = openDatabase(`sqlite://${join(dir, 'placement.db')}`);
    await own.write.raw('PRAGMA journal_mode = WAL');
    await own.close();
  }
  await run(MANAGE, ['--config-file', file, 'db', 'sync'], { cwd: dir });
  if (keystone !== null) await register(keystone, { user: 'placement', type: 'placement', url: endpoint });
  const logFile = join(dir, 'log');
  const log = () => readFile(logFile, 'utf8').catch(() => '');

  async function start(): Promise<ChildProcess> {
    const output = openSync(logFile, 'a');
    const child = spawn(
      UWSGI,
      [
        ...['--http-socket', `127.0.0.1:${port}`, '--plugins', 'python3', '--wsgi-file', PLACEMENT, '--need-app'],
        ...['--buffer-size', '65535', '--die-on-term'],
        // uwsgi closes after each answer; without saying so, the next request on that connection would be lost
        ...['--add-header', 'Connection: close', '--rem-header', 'Content-Length'],
      ],
      { cwd: dir, stdio: ['ignore', output, output], env: { ...process.env, OS_PLACEMENT_CONFIG_DIR: dir } },
    );
    closeSync(output);
    await eventually('Placement', UP_MS, async () => {
      if (child.exitCode !== null) throw new Error(`Placement ended:\n${(await log()).slice(-2_000)}`);
      const answer = await fetch(endpoint).catch(() => null);
      await answer?.body?.cancel();
      return answer?.status === 200 ? true : null;
    });
    return child;
  }

  async function end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await gone;
  }

  let child = await start();
  let token: string | null = keystone === null ? NO_KEYSTONE_TOKEN : null;
  return {
    endpoint,
    log,
    async ask(method, path, body) {
      token ??= await (keystone as TestKeystone).login({
        identity: {
          methods: ['password'],
          password: { user: { name: 'placement', password: 'placement', domain: { id: 'default' } } },
        },
        scope: { project: { name: 'service', domain: { id: 'default' } } },
      });
      const answer = await fetch(`${endpoint}${path}`, {
        method,
        headers: {
          'content-type': 'application/json',
          'x-auth-token': token,
          'openstack-api-version': 'placement latest',
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, body: text === '' ? null : (JSON.parse(text) as unknown) };
    },
    pause: () => end(child),
    async resume() {
      child = await start();
    },
    async stop() {
      await end(child);
      await database?.drop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

// Why: images are tested against the Glance that operators run, Debian's package, started here in a directory of its own and registered in
// a Keystone.

import { execFile, spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freshMariadb, sqlalchemyUrl } from './mariadb.ts';
import { scratchDir } from './scratch.ts';
import { authtoken, register, type TestKeystone } from './keystone.ts';
import { eventually, freePort } from './serve.ts';

const run = promisify(execFile);

const API = '/usr/bin/glance-api';
const MANAGE = '/usr/bin/glance-manage';
const UP_MS = 60_000;

/** Why Glance cannot be started on this machine, or null. */
export function glanceMissing(): string | null {
  const missing = [API, MANAGE].filter((path) => !existsSync(path));
  return missing.length === 0 ? null : `${missing.join(', ')} not installed (Debian package glance-api)`;
}

export interface TestGlance {
  /** `http://127.0.0.1:PORT`, as the catalog has it. */
  readonly endpoint: string;
  log(): string;
  /** Ends it, and starts it again where it was. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Another byte where an image's data lies. */
  damage(imageId: string): Promise<void>;
  stop(): Promise<void>;
}

const config = (dir: string, port: number, keystone: TestKeystone, database: string): string => `[DEFAULT]
bind_host = 127.0.0.1
bind_port = ${port}
workers = 0
log_file = ${join(dir, 'glance.log')}
[database]
connection = ${database}
[glance_store]
stores = file
default_store = file
filesystem_store_datadir = ${join(dir, 'images')}
${authtoken(keystone, 'glance')}service_token_roles_required = true
[paste_deploy]
flavor = keystone
[oslo_policy]
policy_file = ${join(dir, 'policy.yaml')}
`;

/** Starts Debian's Glance on 127.0.0.1 with files and the given database; about ten seconds. */
export async function startGlance(
  keystone: TestKeystone,
  { database: kind = 'sqlite' }: { readonly database?: 'sqlite' | 'mariadb' } = {},
): Promise<TestGlance> {
  const dir = await mkdtemp(join(scratchDir(), 'xloud-glance-'));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  await mkdir(join(dir, 'images'));
  await writeFile(join(dir, 'policy.yaml'), '{}\n');
  const file = join(dir, 'glance-api.conf');
  const database = kind === 'sqlite' ? null : await freshMariadb();
  const connection = database === null ? `sqlite:///${join(dir, 'glance.db')}` : sqlalchemyUrl(database);
  await writeFile(file, config(dir, port, keystone, connection));
  await run(MANAGE, ['--config-file', file, 'db_sync'], { cwd: dir });
  await register(keystone, { user: 'glance', type: 'image', url: endpoint });
  const log = createWriteStream(join(dir, 'out.log'));
  await new Promise((resolve) => log.once('open', resolve));

  async function start(): Promise<() => Promise<void>> {
    const child = spawn(API, ['--config-file', file], { cwd: dir, stdio: ['ignore', log, log] });
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    await eventually('Glance', UP_MS, async () => {
      if (child.exitCode !== null) throw new Error(`Glance ended:\n${await readFile(join(dir, 'out.log'), 'utf8')}`);
      const answer = await fetch(endpoint).catch(() => null);
      await answer?.body?.cancel();
      return answer?.status === 300 ? true : null;
    });
    return async () => {
      child.kill('SIGKILL');
      await gone;
    };
  }

  let end = await start();
  return {
    endpoint,
    log: () => readFileSync(join(dir, 'glance.log'), 'utf8'),
    pause: () => end(),
    async resume() {
      end = await start();
    },
    async damage(imageId) {
      const path = join(dir, 'images', imageId);
      const bytes = await readFile(path);
      bytes[0] = (bytes[0] as number) ^ 1;
      await writeFile(path, bytes);
    },
    async stop() {
      await end();
      log.end();
      await database?.drop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

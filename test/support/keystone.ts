// Why: identity is tested against the Keystone that operators run, Debian's package, started here in a directory of its own.

import { execFile, spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openDatabase } from '../../src/db/engine.ts';
import { scratchDir } from './scratch.ts';

const run = promisify(execFile);

const WSGI = '/usr/bin/keystone-wsgi-public';
const UWSGI = '/usr/bin/uwsgi_python3';
const MANAGE = '/usr/bin/keystone-manage';

/** Why Keystone cannot be started on this machine, or null. */
export function keystoneMissing(): string | null {
  const missing = [WSGI, UWSGI, MANAGE].filter((path) => !existsSync(path));
  return missing.length === 0 ? null : `${missing.join(', ')} not installed (Debian package keystone)`;
}

export interface TestKeystone {
  /** `http://127.0.0.1:PORT/v3`. */
  readonly authUrl: string;
  readonly adminPassword: string;
  /** Where the jws provider's public keys lie, one `*.pem` each. */
  readonly publicKeysDir: string;
  readonly privateKeyPath: string;
  /** A call with an admin's project-scoped token. */
  admin(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
  /** `POST /v3/auth/tokens` with the value of `auth`; the token. */
  login(auth: unknown): Promise<string>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** The identity part of a login as user `admin` of domain `default`. */
export const passwordIdentity = (password: string, name = 'admin'): unknown => ({
  methods: ['password'],
  password: { user: { name, password, domain: { id: 'default' } } },
});

export const projectScope = (name: string): unknown => ({ project: { name, domain: { id: 'default' } } });

/** Starts Debian's Keystone on 127.0.0.1 with SQLite and the given token provider; about ten seconds. */
export async function startKeystone(options: { readonly provider: 'fernet' | 'jws' }): Promise<TestKeystone> {
  const dir = await mkdtemp(join(scratchDir(), 'xloud-keystone-'));
  const port = await freePort();
  const authUrl = `http://127.0.0.1:${port}/v3`;
  const adminPassword = 'correct horse';
  const config = join(dir, 'keystone.conf');
  const publicKeysDir = join(dir, 'public');
  const privateDir = join(dir, 'private');
  await Promise.all(
    [publicKeysDir, privateDir, join(dir, 'fernet'), join(dir, 'receipts')].map((path) => mkdir(path, { mode: 0o700 })),
  );
  await writeFile(
    config,
    `[DEFAULT]
log_file = keystone.log
log_dir = ${dir}
[database]
connection = sqlite:///${join(dir, 'keystone.db')}
[token]
provider = ${options.provider}
[fernet_tokens]
key_repository = ${join(dir, 'fernet')}
[fernet_receipts]
key_repository = ${join(dir, 'receipts')}
[jwt_tokens]
jws_public_key_repository = ${publicKeysDir}
jws_private_key_repository = ${privateDir}
`,
  );
  const manage = (...args: string[]) => run(MANAGE, ['--config-file', config, ...args], { cwd: dir });
  const me = userInfo().username;
  const owner = ['--keystone-user', me, '--keystone-group', me];
  const log = createWriteStream(join(dir, 'uwsgi.log'));
  await new Promise((resolve) => log.once('open', resolve));

  await manage('db_sync');
  // Keystone writes while its own older readers are open, which SQLite allows only with a write-ahead log
  const database = openDatabase(`sqlite://${join(dir, 'keystone.db')}`);
  await database.write.raw('PRAGMA journal_mode = WAL');
  await database.close();
  await manage('receipt_setup', ...owner);
  if (options.provider === 'fernet') await manage('fernet_setup', ...owner);
  else {
    await manage('create_jws_keypair', ...owner);
    await rename(join(dir, 'private.pem'), join(privateDir, 'private.pem'));
    await rename(join(dir, 'public.pem'), join(publicKeysDir, 'public.pem'));
  }
  const urls = ['admin', 'public', 'internal'].map((which) => `--bootstrap-${which}-url=${authUrl}`);
  await manage('bootstrap', '--bootstrap-password', adminPassword, '--bootstrap-region-id', 'RegionOne', ...urls);

  const child = spawn(
    UWSGI,
    [
      ...['--http-socket', `127.0.0.1:${port}`, '--plugins', 'python3', '--wsgi-file', WSGI, '--need-app'],
      ...['--buffer-size', '65535', '--die-on-term'],
      // uwsgi closes after each answer; without saying so, the next request on that connection would be lost
      ...['--add-header', 'Connection: close', '--rem-header', 'Content-Length'],
    ],
    {
      cwd: dir,
      stdio: ['ignore', log, log],
      env: { ...process.env, OS_KEYSTONE_CONFIG_DIR: dir, OS_KEYSTONE_CONFIG_FILES: 'keystone.conf' },
    },
  );
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));

  async function stop(): Promise<void> {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(timer);
    log.end();
    await rm(dir, { recursive: true, force: true });
  }

  for (let attempt = 0; ; attempt += 1) {
    const up = await fetch(authUrl).then(
      (answer) => answer.ok,
      () => false,
    );
    if (up) break;
    if (attempt === 120 || child.exitCode !== null) {
      const text = await readFile(join(dir, 'uwsgi.log'), 'utf8');
      await stop();
      throw new Error(`Keystone did not come up:\n${text.slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }

  async function login(auth: unknown): Promise<string> {
    const answer = await fetch(`${authUrl}/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth }),
    });
    const token = answer.headers.get('x-subject-token');
    if (answer.status !== 201 || token === null) throw new Error(`login: ${answer.status} ${await answer.text()}`);
    await answer.body?.cancel();
    return token;
  }

  let adminToken: string | null = null;
  return {
    authUrl,
    adminPassword,
    publicKeysDir,
    privateKeyPath: join(privateDir, 'private.pem'),
    login,
    async admin(method, path, body) {
      adminToken ??= await login({ identity: passwordIdentity(adminPassword), scope: projectScope('admin') });
      const answer = await fetch(`${authUrl}${path}`, {
        method,
        headers: { 'content-type': 'application/json', 'x-auth-token': adminToken },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
    },
    stop,
  };
}

// Why: identity is tested against the Keystone that operators run, Debian's package, started here in a directory of its own.

import { execFile, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createWriteStream, existsSync, rmSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
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

const ADMIN_PASSWORD = 'correct horse';

/** Keys of Fernet in a folder: the one that is next, and the one that is in use. */
const writeFernetKeys = (dir: string) =>
  Promise.all(
    ['0', '1'].map((name) => writeFile(join(dir, name), `${randomBytes(32).toString('base64url')}=`, { mode: 0o600 })),
  );

async function writeJwsKeys(privatePath: string, publicPath: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(privatePath, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  await writeFile(publicPath, publicKey.export({ type: 'spki', format: 'pem' }));
}

const keysOf = (dir: string) => ({
  publicKeysDir: join(dir, 'public'),
  privateKeyPath: join(dir, 'private', 'private.pem'),
});

/** A configuration with its keys; the file's path. */
async function writeConfig(dir: string, provider: 'fernet' | 'jws'): Promise<string> {
  const { publicKeysDir, privateKeyPath } = keysOf(dir);
  const [fernet, receipts] = [join(dir, 'fernet'), join(dir, 'receipts')];
  const folders = [publicKeysDir, dirname(privateKeyPath), fernet, receipts];
  await Promise.all(folders.map((path) => mkdir(path, { mode: 0o700 })));
  await Promise.all([writeFernetKeys(fernet), writeFernetKeys(receipts)]);
  await writeJwsKeys(privateKeyPath, join(publicKeysDir, 'public.pem'));
  const path = join(dir, 'keystone.conf');
  await writeFile(
    path,
    `[DEFAULT]
log_file = keystone.log
log_dir = ${dir}
[database]
connection = sqlite:///${join(dir, 'keystone.db')}
[identity]
password_hash_rounds = 4
[token]
provider = ${provider}
[fernet_tokens]
key_repository = ${fernet}
[fernet_receipts]
key_repository = ${receipts}
[jwt_tokens]
jws_public_key_repository = ${publicKeysDir}
jws_private_key_repository = ${dirname(privateKeyPath)}
`,
  );
  return path;
}

/** A bootstrapped database of Keystone, whose making takes most of a start: made once in a process, and copied. */
let bootstrapped: Promise<string> | undefined;

async function bootstrap(): Promise<string> {
  const dir = await mkdtemp(join(scratchDir(), 'xloud-keystone-database-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  const config = await writeConfig(dir, 'fernet');
  const manage = (...args: string[]) => run(MANAGE, ['--config-file', config, ...args], { cwd: dir });
  await manage('db_sync');
  const file = join(dir, 'keystone.db');
  const database = openDatabase(`sqlite://${file}`);
  // Keystone writes while its own older readers are open, which SQLite allows only with a write-ahead log
  await database.write.raw('PRAGMA journal_mode = WAL');
  await database.close();
  const urls = ['admin', 'public', 'internal'].map((which) => `--bootstrap-${which}-url=http://127.0.0.1:1/v3`);
  await manage('bootstrap', '--bootstrap-password', ADMIN_PASSWORD, '--bootstrap-region-id', 'RegionOne', ...urls);
  return file;
}

/** A copy of it for a Keystone at another address. */
async function copyDatabase(to: string, authUrl: string): Promise<void> {
  bootstrapped ??= bootstrap();
  await copyFile(await bootstrapped, to);
  const database = openDatabase(`sqlite://${to}`);
  await database.write('endpoint').update({ url: authUrl });
  await database.close();
}

/** Starts Debian's Keystone on 127.0.0.1 with SQLite and the given token provider; about ten seconds. */
export async function startKeystone(options: { readonly provider: 'fernet' | 'jws' }): Promise<TestKeystone> {
  const dir = await mkdtemp(join(scratchDir(), 'xloud-keystone-'));
  const port = await freePort();
  const authUrl = `http://127.0.0.1:${port}/v3`;
  const { publicKeysDir, privateKeyPath } = keysOf(dir);
  await writeConfig(dir, options.provider);
  const log = createWriteStream(join(dir, 'uwsgi.log'));
  await new Promise((resolve) => log.once('open', resolve));

  await copyDatabase(join(dir, 'keystone.db'), authUrl);

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
    adminPassword: ADMIN_PASSWORD,
    publicKeysDir,
    privateKeyPath,
    login,
    async admin(method, path, body) {
      adminToken ??= await login({ identity: passwordIdentity(ADMIN_PASSWORD), scope: projectScope('admin') });
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

const idIn = ({ status, body }: { status: number; body: unknown }, noun: string): string => {
  const id = (body as Readonly<Record<string, { readonly id?: string }>> | null)?.[noun]?.id;
  if (id === undefined) throw new Error(`no ${noun}: ${status} ${JSON.stringify(body)}`);
  return id;
};

/** The id of what has this name in a list, which is made where it is missing. */
async function ensure(keystone: TestKeystone, noun: string, name: string, more: object = {}): Promise<string> {
  const { body } = await keystone.admin('GET', `/${noun}s?name=${name}`);
  const [known] = (body as Readonly<Record<string, readonly { readonly id: string }[]>>)[`${noun}s`] ?? [];
  return known?.id ?? idIn(await keystone.admin('POST', `/${noun}s`, { [noun]: { name, ...more } }), noun);
}

export interface Registration {
  /** Its user, whose password is the same word: an administrator and a service in project `service`. */
  readonly user: string;
  /** Of the service in the catalog. */
  readonly type: string;
  readonly url: string;
}

/** Makes a service known, as its operator would: a user of its own, and a place in the catalog. */
export async function register(keystone: TestKeystone, { user, type, url }: Registration): Promise<void> {
  const project = await ensure(keystone, 'project', 'service');
  const userId = await ensure(keystone, 'user', user, { password: user });
  for (const name of ['admin', 'service']) {
    const role = await ensure(keystone, 'role', name);
    const { status } = await keystone.admin('PUT', `/projects/${project}/users/${userId}/roles/${role}`);
    if (status !== 204) throw new Error(`role ${name} of ${user}: ${status}`);
  }
  const service = idIn(await keystone.admin('POST', '/services', { service: { type, name: user } }), 'service');
  for (const which of ['public', 'internal']) {
    const endpoint = { service_id: service, interface: which, region_id: 'RegionOne', url };
    idIn(await keystone.admin('POST', '/endpoints', { endpoint }), 'endpoint');
  }
}

/** For the stock client and `Service.request`: a file that leads to Keystone as its administrator. */
export const cloudsFor = ({ authUrl, adminPassword }: TestKeystone): string => {
  const auth = {
    ...{ auth_url: authUrl, username: 'admin', password: adminPassword, project_name: 'admin' },
    ...{ user_domain_name: 'Default', project_domain_name: 'Default' },
  };
  return JSON.stringify({ clouds: { xloud: { auth, region_name: 'RegionOne' } } });
};

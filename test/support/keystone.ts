// Why: identity is tested against the Keystone that operators run, Debian's package, started here in a directory of its own.

import { execFile, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createWriteStream, existsSync, readFileSync, rmSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { openDatabase } from '../../src/db/engine.ts';
import { freshMariadb, sqlalchemyUrl } from './mariadb.ts';
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
  /** Ends it, and starts it again where it was, perhaps with tokens of another kind, or of another life. */
  restart(change?: { readonly provider?: Provider; readonly tokenSeconds?: number }): Promise<void>;
  log(): string;
  stop(): Promise<void>;
}

export type Provider = 'fernet' | 'jws';

interface Tokens {
  readonly provider: Provider;
  readonly tokenSeconds?: number;
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

const configPath = (dir: string): string => join(dir, 'keystone.conf');

/** Keys of both kinds of tokens. */
async function writeKeys(dir: string): Promise<void> {
  const { publicKeysDir, privateKeyPath } = keysOf(dir);
  const [fernet, receipts] = [join(dir, 'fernet'), join(dir, 'receipts')];
  const folders = [publicKeysDir, dirname(privateKeyPath), fernet, receipts];
  await Promise.all(folders.map((path) => mkdir(path, { mode: 0o700 })));
  await Promise.all([writeFernetKeys(fernet), writeFernetKeys(receipts)]);
  await writeJwsKeys(privateKeyPath, join(publicKeysDir, 'public.pem'));
}

/** @param connection of the database, as SQLAlchemy has it; default: a file beside */
const writeConfig = (
  dir: string,
  { provider, tokenSeconds = 3600 }: Tokens,
  connection = `sqlite:///${join(dir, 'keystone.db')}`,
) =>
  writeFile(
    configPath(dir),
    `[DEFAULT]
log_file = keystone.log
log_dir = ${dir}
[database]
connection = ${connection}
[identity]
password_hash_rounds = 4
[token]
provider = ${provider}
expiration = ${tokenSeconds}
[fernet_tokens]
key_repository = ${join(dir, 'fernet')}
[fernet_receipts]
key_repository = ${join(dir, 'receipts')}
[jwt_tokens]
jws_public_key_repository = ${keysOf(dir).publicKeysDir}
jws_private_key_repository = ${dirname(keysOf(dir).privateKeyPath)}
`,
  );

/** Makes schema and first user in the database of a configuration. */
async function makeDatabase(dir: string, authUrl: string, prepared: () => Promise<void> = async () => {}) {
  const manage = (...args: string[]) => run(MANAGE, ['--config-file', configPath(dir), ...args], { cwd: dir });
  await manage('db_sync');
  await prepared();
  const urls = ['admin', 'public', 'internal'].map((which) => `--bootstrap-${which}-url=${authUrl}`);
  await manage('bootstrap', '--bootstrap-password', ADMIN_PASSWORD, '--bootstrap-region-id', 'RegionOne', ...urls);
}

/** A bootstrapped database of Keystone, whose making takes most of a start: made once in a process, and copied. */
let bootstrapped: Promise<string> | undefined;

async function bootstrap(): Promise<string> {
  const dir = await mkdtemp(join(scratchDir(), 'xloud-keystone-database-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  await writeKeys(dir);
  await writeConfig(dir, { provider: 'fernet' });
  const file = join(dir, 'keystone.db');
  await makeDatabase(dir, 'http://127.0.0.1:1/v3', async () => {
    const database = openDatabase(`sqlite://${file}`);
    // Keystone writes while its own older readers are open, which SQLite allows only with a write-ahead log
    await database.write.raw('PRAGMA journal_mode = WAL');
    await database.close();
  });
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

export interface KeystoneWish {
  readonly provider: Provider;
  /** Default: SQLite, which is sooner there. */
  readonly database?: 'sqlite' | 'mariadb';
}

/** Starts Debian's Keystone on 127.0.0.1; about ten seconds, with MariaDB half a minute. */
export async function startKeystone({ provider, database: kind = 'sqlite' }: KeystoneWish): Promise<TestKeystone> {
  const dir = await mkdtemp(join(scratchDir(), 'xloud-keystone-'));
  const port = await freePort();
  const authUrl = `http://127.0.0.1:${port}/v3`;
  const { publicKeysDir, privateKeyPath } = keysOf(dir);
  const database = kind === 'sqlite' ? null : await freshMariadb();
  const connection = database === null ? undefined : sqlalchemyUrl(database);
  await writeKeys(dir);
  let current: Tokens = { provider };
  await writeConfig(dir, current, connection);
  const log = createWriteStream(join(dir, 'uwsgi.log'));
  await new Promise((resolve) => log.once('open', resolve));
  if (database === null) await copyDatabase(join(dir, 'keystone.db'), authUrl);
  else await makeDatabase(dir, authUrl);

  /** Resolves when it answers, with what ends it. */
  async function start(): Promise<() => Promise<void>> {
    const child = spawn(
      UWSGI,
      [
        ...['--http-socket', `127.0.0.1:${port}`, '--plugins', 'python3', '--wsgi-file', WSGI, '--need-app'],
        ...['--buffer-size', '65535', '--die-on-term', ...(database === null ? [] : ['--threads', '4'])],
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
    const end = async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(timer);
    };
    for (let attempt = 0; ; attempt += 1) {
      const up = await fetch(authUrl).then(
        (answer) => answer.ok,
        () => false,
      );
      if (up) return end;
      if (attempt === 120 || child.exitCode !== null) {
        const text = await readFile(join(dir, 'uwsgi.log'), 'utf8');
        await end();
        throw new Error(`Keystone did not come up:\n${text.slice(-2000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  const clear = async (): Promise<void> => {
    log.end();
    await database?.drop();
    await rm(dir, { recursive: true, force: true });
  };
  let end = await start().catch(async (error: unknown) => {
    await clear();
    throw error;
  });

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

  async function ask(method: string, path: string, token: string, body?: unknown) {
    const answer = await fetch(`${authUrl}${path}`, {
      method,
      headers: { 'content-type': 'application/json', 'x-auth-token': token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
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
      return ask(method, path, adminToken, body);
    },
    async restart(change = {}) {
      await end();
      await writeConfig(dir, (current = { ...current, ...change }), connection);
      adminToken = null;
      end = await start();
    },
    log: () => readFileSync(join(dir, 'keystone.log'), 'utf8'),
    async stop() {
      await end();
      await clear();
    },
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
  await enrol(keystone, { name: user, project: 'service', roles: ['admin', 'service'] });
  const service = idIn(await keystone.admin('POST', '/services', { service: { type, name: user } }), 'service');
  for (const which of ['public', 'internal']) {
    const endpoint = { service_id: service, interface: which, region_id: 'RegionOne', url };
    idIn(await keystone.admin('POST', '/endpoints', { endpoint }), 'endpoint');
  }
}

/** Somebody of a project of his own, whose password is his name. */
export interface Member {
  readonly name: string;
  readonly project: string;
  readonly roles: readonly string[];
}

/** Makes somebody known, with his project. */
export async function enrol(keystone: TestKeystone, { name, project, roles }: Member): Promise<void> {
  const projectId = await ensure(keystone, 'project', project);
  const userId = await ensure(keystone, 'user', name, { password: name });
  for (const one of roles) {
    const role = await ensure(keystone, 'role', one);
    const { status } = await keystone.admin('PUT', `/projects/${projectId}/users/${userId}/roles/${role}`);
    if (status !== 204) throw new Error(`role ${one} of ${name}: ${status}`);
  }
}

/** For the stock client and `Service.request`: a file that leads to Keystone as its administrator, and as members by their names. */
export const cloudsFor = ({ authUrl, adminPassword }: TestKeystone, members: readonly Member[] = []): string => {
  const cloud = (username: string, password: string, project_name: string) => ({
    auth: {
      ...{ auth_url: authUrl, username, password, project_name },
      ...{ user_domain_name: 'Default', project_domain_name: 'Default' },
    },
    region_name: 'RegionOne',
  });
  const others = members.map(({ name, project }) => [name, cloud(name, name, project)] as const);
  return JSON.stringify({ clouds: { xloud: cloud('admin', adminPassword, 'admin'), ...Object.fromEntries(others) } });
};

/** Options by which a service logs in as a user of the project `service` who has his own name for a password. */
export const serviceLogin = ({ authUrl }: Pick<TestKeystone, 'authUrl'>, user: string): string => `auth_url = ${authUrl}
auth_type = password
username = ${user}
password = ${user}
user_domain_id = default
project_domain_id = default
project_name = service
`;

/** Section `[keystone_authtoken]` of a service, which logs in so. */
export const authtoken = (keystone: Pick<TestKeystone, 'authUrl'>, user: string): string => `[keystone_authtoken]
www_authenticate_uri = ${keystone.authUrl}
${serviceLogin(keystone, user)}`;

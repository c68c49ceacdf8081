// Why: the built-in identity service as clients meet it: over HTTP on a free port, under /identity, with a fresh database.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { migrations } from '../../migrations/index.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { type Database, openDatabase } from '../../src/db/engine.ts';
import { upgradeSchema } from '../../src/db/upgrade.ts';
import { makePolicy } from '../../src/policies/load.ts';
import type { Bootstrapped, NewPasswords } from '../../src/standalone/identity/bootstrap.ts';
import { type BuiltInIdentity, makeIdentity } from '../../src/standalone/identity/identity.ts';
import { makePasswords } from '../../src/standalone/identity/passwords.ts';
import type { Catalog } from '../../src/standalone/identity/service.ts';
import { mount } from '../../src/web/mount.ts';
import { freshDatabase, type TestStore } from './database.ts';
import { scratchDir } from './scratch.ts';

/** As cheap as scrypt gets: these tests are not about guessing passwords. */
const CHEAP = { N: 2, r: 1, p: 1 };

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  readonly body: any;
}

export interface TestIdentity {
  readonly identity: BuiltInIdentity;
  readonly bootstrapped: Bootstrapped;
  readonly passwords: NewPasswords;
  readonly database: Database;
  readonly dir: string;
  /** `http://127.0.0.1:PORT/identity/v3`. */
  readonly authUrl: string;
  /** Has this done once, when the next hash has been made and nothing has come of it yet. */
  afterNextHash(work: () => Promise<void>): void;
  /** Moves the clock of the service ahead, in milliseconds. */
  advance(ms: number): void;
  now(): number;
  /** One request under `/identity`, such as `ask(token, 'GET', '/v3/projects')`. */
  ask(
    token: string | null,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Reply>;
  /** `POST /v3/auth/tokens`. */
  login(auth: unknown): Promise<Reply>;
  /** The token of a user of the default domain, in the project of that name unless told otherwise. */
  tokenOf(name: string, password: string, scope?: unknown): Promise<string>;
  stop(): Promise<void>;
}

const entry = (url: string, type: string, name: string) => ({
  id: `${type}-service`,
  type,
  name,
  endpoints: (['public', 'internal', 'admin'] as const).map((which) => ({
    id: `${type}-${which}`,
    interface: which,
    region_id: 'RegionOne',
    region: 'RegionOne',
    url,
  })),
});

const testCatalog: Catalog = (urlOf) => [
  entry(`${urlOf('identity')}/v3`, 'identity', 'keystone'),
  entry(`${urlOf('compute')}/v2.1`, 'compute', 'nova'),
];

/** A database with the whole schema: a fresh one, or what stands there. */
async function storeAt(url: string | undefined): Promise<TestStore> {
  if (url === undefined) return freshDatabase('sqlite');
  const database = openDatabase(url);
  await upgradeSchema(database, migrations);
  return { database, close: () => database.close() };
}

/** Everything before the listening: schema, service, first users. */
export async function startIdentity(
  options: { readonly databaseUrl?: string; readonly tokenTtlMs?: number } = {},
): Promise<TestIdentity> {
  const dir = await mkdtemp(join(scratchDir(), 'xloud-identity-'));
  const store = await storeAt(options.databaseUrl);
  const { database } = store;
  let aheadMs = 0;
  let afterHash: (() => Promise<void>) | null = null;
  const passwordsKept = makePasswords(CHEAP);
  const clock = { ...systemClock, now: () => Date.now() + aheadMs };
  const identity = await makeIdentity({
    database,
    clock,
    log: silentLog,
    observer: { answered() {} },
    policy: makePolicy({ log: silentLog, clock }),
    dataDir: dir,
    endpoints: testCatalog,
    tokenTtlMs: options.tokenTtlMs ?? 3_600_000,
    passwords: {
      ...passwordsKept,
      async hash(password, turn) {
        const hash = await passwordsKept.hash(password, turn);
        const meanwhile = afterHash;
        afterHash = null;
        await meanwhile?.();
        return hash;
      },
    },
  });
  const bootstrapped = await identity.ensureBootstrap();
  const { passwords } = bootstrapped;
  if (passwords === null) throw new Error('the database was not fresh');
  const handle = identity.app.callback();
  const server = createServer(
    mount({ '/identity': (req, res) => void handle(req, res) }, (_, res) => res.writeHead(404).end()),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const root = `http://127.0.0.1:${(server.address() as AddressInfo).port}/identity`;

  const ask: TestIdentity['ask'] = async (token, method, path, body, headers = {}) => {
    const answer = await fetch(`${root}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(token === null ? {} : { 'x-auth-token': token }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text === '' ? null : JSON.parse(text) };
  };
  const login = (auth: unknown) => ask(null, 'POST', '/v3/auth/tokens', { auth });

  return {
    identity,
    bootstrapped,
    passwords,
    database,
    dir,
    authUrl: `${root}/v3`,
    afterNextHash(work) {
      afterHash = work;
    },
    advance(ms) {
      aheadMs += ms;
    },
    now: clock.now,
    ask,
    login,
    async tokenOf(name, password, scope = { project: { name, domain: { id: 'default' } } }) {
      const identity = { methods: ['password'], password: { user: { name, password, domain: { name: 'Default' } } } };
      const reply = await login({ identity, ...(scope === null ? {} : { scope }) });
      const token = reply.headers.get('x-subject-token');
      if (token === null) throw new Error(`login of ${name}: ${reply.status} ${JSON.stringify(reply.body)}`);
      return token;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await identity.service.close();
      await store.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

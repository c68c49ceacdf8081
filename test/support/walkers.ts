// Why: tests of who may do what at the built-in services need all kinds of people with real tokens, and all four services over
// one database.

import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { type Database, type EngineName } from '../../src/db/engine.ts';
import { makeAuthenticator } from '../../src/main/authenticator.ts';
import type { CountRequest } from '../../src/main/request-rates.ts';
import { makePolicy, type Policy, policyFile } from '../../src/policies/load.ts';
import { makeIdentity } from '../../src/standalone/identity/identity.ts';
import { makePasswords, type Passwords } from '../../src/standalone/identity/passwords.ts';
import { type Images, makeImages } from '../../src/standalone/image/images.ts';
import { basicEngine } from '../../src/standalone/network/engine.ts';
import { makeNetworks } from '../../src/standalone/network/networks.ts';
import { makeVolumes } from '../../src/standalone/volume/service.ts';
import { mount } from '../../src/web/mount.ts';
import { freshDatabase } from './database.ts';
import { type Answer, listen } from './http.ts';
import { scratchDir } from './scratch.ts';

/** Who walks: from those who may least to those who may most. */
export const walkerNames = [
  'none',
  'unscoped',
  'madeup',
  'other',
  'reader',
  'service',
  'member',
  'manager',
  'admin',
] as const;
export type WalkerName = (typeof walkerNames)[number];

export interface Walker {
  readonly name: WalkerName;
  readonly token: string | null;
  readonly userId: string;
  readonly projectId: string | null;
  /** With what they imply. */
  readonly roles: readonly string[];
}

export interface WalkedCloud {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly walkers: Readonly<Record<WalkerName, Walker>>;
  readonly database: Database;
  readonly images: Images;
  /** Where image files lie. */
  readonly dir: string;
  /** The rules asked since it was cleared. */
  readonly rulesAsked: Set<string>;
  /** One request below `/identity`, `/image`, `/network` or `/volume`. A body that is neither text nor bytes is sent as JSON. */
  ask(
    who: WalkerName | { readonly token: string },
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  /** A new token of the member. */
  login(name: string, scope?: object | null): Promise<Answer>;
  /** Puts rules over the defaults; they count at once. */
  override(yaml: string): void;
  /** Connections that the server has. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

const IMPLIED: Readonly<Record<string, readonly string[]>> = {
  admin: ['admin', 'manager', 'member', 'reader'],
  manager: ['manager', 'member', 'reader'],
  member: ['member', 'reader'],
};
/** Whose role stands in which project. */
const people: readonly (readonly [name: WalkerName, role: string, project: string])[] = [
  ['madeup', 'madeup', 'walked'],
  ['other', 'member', 'other'],
  ['reader', 'reader', 'walked'],
  ['service', 'service', 'service'],
  ['member', 'member', 'walked'],
  ['manager', 'manager', 'walked'],
];
/** As cheap as scrypt gets. */
const CHEAP = { N: 2, r: 1, p: 1 };

export async function startWalkedCloud(
  engine: EngineName = 'sqlite',
  {
    passwords: kept = makePasswords(CHEAP),
    count = null,
  }: { readonly passwords?: Passwords; readonly count?: CountRequest | null } = {},
): Promise<WalkedCloud> {
  const dir = mkdtempSync(join(scratchDir(), 'xloud-walked-'));
  const store = await freshDatabase(engine);
  const { database } = store;
  let ahead = 0;
  const clock = { ...systemClock, now: () => Date.now() + ahead };
  const log = silentLog;
  const loaded = makePolicy({ ...policyFile('', dir), log, clock: { ...clock, now: () => Date.now() + ahead } });
  const rulesAsked = new Set<string>();
  const policy: Policy = {
    ...loaded,
    allows(who, rule, target) {
      rulesAsked.add(rule);
      return loaded.allows(who, rule, target);
    },
  };
  const shared = { database, clock, log, policy, observer: { answered() {} }, dataDir: dir };
  const endpoints = () => [
    {
      id: 'walk',
      type: 'walk',
      name: 'walk',
      endpoints: [
        { id: 'walk', interface: 'public', region_id: 'walk', region: 'walk', url: 'http://127.0.0.1' } as const,
      ],
    },
  ];
  const identity = await makeIdentity({
    ...shared,
    endpoints,
    tokenTtlMs: 3_600_000,
    passwords: kept,
  });
  const { passwords } = await identity.ensureBootstrap();
  const authenticate = makeAuthenticator(identity.service, policy, { count, serviceRoles: ['service'] });
  const images = makeImages({ ...shared, directory: join(dir, 'images'), authenticate });
  await images.ensureBootstrap();
  const networks = makeNetworks({
    ...shared,
    authenticate,
    engine: { ...basicEngine, kind: 'ovn', gateways: ['host-1'] },
    floatingIps: true,
  });
  // nobody works on files here, so that rows change by requests alone
  const volumes = makeVolumes({
    ...shared,
    authenticate,
    images: images.service,
    directory: join(dir, 'volumes'),
    zone: 'walk',
  });
  await volumes.ensureBootstrap();
  const callback = (app: { callback(): unknown }) => app.callback() as RequestListener;
  const server = await listen(
    mount(
      {
        '/identity': callback(identity.app),
        '/image': callback(images.app),
        '/network': callback(networks.app),
        '/volume': callback(volumes.app),
      },
      (_request, response) => void response.writeHead(404).end(),
    ),
  );

  const send = (
    token: string | null,
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
    return server.send(
      method,
      path,
      {
        ...(token === null ? {} : { 'X-Auth-Token': token }),
        ...(raw ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      raw ? body : JSON.stringify(body),
    );
  };
  const login = (name: string, scope: object | null = null) => {
    const password = name === 'admin' ? passwords?.admin : 'walk';
    const user = { name, password, domain: { id: 'default' } };
    const auth = { identity: { methods: ['password'], password: { user } }, ...(scope === null ? {} : { scope }) };
    return send(null, 'POST', '/identity/v3/auth/tokens', { auth });
  };
  const inProject = (name: string) => ({ project: { name, domain: { id: 'default' } } });
  const tokenOf = (answer: Answer): string => answer.headers['x-subject-token'] as string;
  const walkerFrom = (name: WalkerName, answer: Answer): Walker => ({
    name,
    token: tokenOf(answer),
    userId: answer.body.token.user.id,
    projectId: answer.body.token.project?.id ?? null,
    roles: (answer.body.token.roles ?? []).map((role: { name: string }) => role.name),
  });

  const admin = walkerFrom('admin', await login('admin', inProject('admin')));
  const made = async (noun: string, body: object): Promise<string> =>
    (await send(admin.token, 'POST', `/identity/v3/${noun}s`, { [noun]: body })).body[noun].id;
  const idOf = async (noun: string, name: string): Promise<string> =>
    (await send(admin.token, 'GET', `/identity/v3/${noun}s?name=${name}`)).body[`${noun}s`][0]?.id;
  for (const name of ['walked', 'other']) await made('project', { name });
  await made('role', { name: 'madeup' });
  const walkers: Record<string, Walker> = { admin };
  for (const [name, role, project] of people) {
    const userId = await made('user', { name, password: 'walk' });
    const grant = `projects/${await idOf('project', project)}/users/${userId}/roles/${await idOf('role', role)}`;
    await send(admin.token, 'PUT', `/identity/v3/${grant}`);
    walkers[name] = walkerFrom(name, await login(name, inProject(project)));
    const missing = (IMPLIED[role] ?? [role]).filter((one) => !walkers[name]?.roles.includes(one));
    if (missing.length > 0) throw new Error(`${name} has not ${missing.join()}`);
  }
  walkers['unscoped'] = walkerFrom('unscoped', await login('member'));
  walkers['none'] = { name: 'none', token: null, userId: '', projectId: null, roles: [] };

  return {
    url: server.url,
    walkers: walkers as Record<WalkerName, Walker>,
    database,
    images,
    dir,
    rulesAsked,
    ask: (who, method, path, body, headers) =>
      send(typeof who === 'string' ? (walkers[who]?.token ?? null) : who.token, method, path, body, headers),
    login: (name, scope = inProject('walked')) => login(name, scope),
    override(yaml) {
      writeFileSync(join(dir, 'policy.yaml'), yaml);
      ahead += 1_001;
    },
    connections: () => server.connections(),
    async close() {
      images.close();
      await server.close();
      loaded.close();
      await identity.service.close();
      await store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

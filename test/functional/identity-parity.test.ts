import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startIdentity, type TestIdentity } from '../support/identity.ts';
import {
  keystoneMissing,
  passwordIdentity,
  projectScope,
  startKeystone,
  type TestKeystone,
} from '../support/keystone.ts';

/** The form of a value: its keys and types, lists by their first entry, and texts by what kind of text they are. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (value === null) return 'null';
  if (typeof value === 'object') {
    const entries = Object.entries(value).map(([key, part]): [string, unknown] => [key, shapeOf(part)]);
    return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
  if (typeof value !== 'string') return typeof value;
  if (/^[0-9a-f]{32}$/.test(value)) return 'id';
  if (/^\d{4}-\d\d-\d\dT[\d:]+\.\d{6}Z$/.test(value)) return 'time with microseconds';
  if (/^\d{4}-\d\d-\d\dT[\d:]+\.\d{6}$/.test(value)) return 'time without zone';
  if (/^http:\/\//.test(value)) return 'address';
  return 'text';
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

/** One of the two, as a client with a token sees it. */
interface Side {
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  readonly token: string;
  readonly password: string;
  readonly ids: Map<string, string>;
}

describe('built-in identity beside a real Keystone', { skip: keystoneMissing() ?? false }, () => {
  let keystone: TestKeystone;
  let cloud: TestIdentity;
  let sides: { readonly real: Side; readonly ours: Side };

  async function sideOf(authUrl: string, password: string, token: string): Promise<Side> {
    const ask: Side['ask'] = async (method, path, body, headers = {}) => {
      const answer = await fetch(`${authUrl}${path}`, {
        method,
        redirect: 'manual',
        headers: { 'x-auth-token': token, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      const isJson = answer.headers.get('content-type')?.includes('json') ?? false;
      return { status: answer.status, body: isJson && text !== '' ? JSON.parse(text) : null, headers: answer.headers };
    };
    const shown = (await ask('GET', '/auth/tokens', undefined, { 'x-subject-token': token })).body as {
      token: { user: { id: string }; project: { id: string } };
    };
    const roles = (await ask('GET', '/roles?name=reader')).body as { roles: { id: string }[] };
    const ids = new Map([
      ['ME', shown.token.user.id],
      ['PROJECT', shown.token.project.id],
      ['ROLE', roles.roles[0]?.id ?? ''],
    ]);
    return { ask, token, password, ids };
  }

  before(
    async () => {
      keystone = await startKeystone({ provider: 'jws' });
      cloud = await startIdentity();
      const { adminPassword } = keystone;
      const token = await keystone.login({ identity: passwordIdentity(adminPassword), scope: projectScope('admin') });
      sides = {
        real: await sideOf(keystone.authUrl, adminPassword, token),
        ours: await sideOf(cloud.authUrl, cloud.passwords.admin, await cloud.tokenOf('admin', cloud.passwords.admin)),
      };
    },
    { timeout: 120_000 },
  );
  after(async () => {
    await cloud?.stop();
    await keystone?.stop();
  });

  const fill = (side: Side, text: string): string =>
    text.replaceAll(/[A-Z]{2,}/g, (word) => side.ids.get(word) ?? word).replaceAll('<token>', side.token);

  async function send(side: Side, [method, path, body, headers = {}]: Call): Promise<Answer> {
    const filled = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, fill(side, value)]));
    const text = body === undefined ? undefined : JSON.stringify(body);
    const withIds = text === undefined ? undefined : fill(side, text).replaceAll('<password>', side.password);
    return side.ask(method, fill(side, path), withIds === undefined ? undefined : JSON.parse(withIds), filled);
  }

  type Call = readonly [method: string, path: string, body?: unknown, headers?: Record<string, string>];

  const identity = { methods: ['password'], password: { user: { id: 'ME', password: '<password>' } } };
  const login = (auth: object): Call => ['POST', '/auth/tokens', { auth }];
  const subject = { 'x-subject-token': '<token>' };

  /** The same calls in the same order, so that what one makes the next may name. `name` keeps the id of what was made. */
  const calls: readonly { readonly call: Call; readonly name?: string }[] = [
    { call: ['GET', ''] },
    { call: login({ identity }) },
    { call: login({ identity, scope: { project: { id: 'PROJECT' } } }) },
    { call: login({ identity, scope: { system: { all: true } } }) },
    { call: login({ identity, scope: 'unscoped' }) },
    { call: login({ identity, scope: { domain: { id: 'default' } } }) },
    { call: login({ identity, scope: {} }) },
    { call: login({ identity, scope: { project: { name: 'admin' } } }) },
    { call: login({ identity: { methods: ['token'], token: { id: '<token>' } }, scope: { system: { all: true } } }) },
    { call: login({ identity: { methods: ['token'], token: { id: 'junk' } } }) },
    { call: login({ identity: { methods: ['password'] } }) },
    { call: login({ identity: { methods: [] } }) },
    { call: login({ identity: { methods: ['password'], password: { user: { id: 'ME', password: 'wrong' } } } }) },
    { call: login({}) },
    { call: ['GET', '/auth/tokens', undefined, subject] },
    { call: ['GET', '/auth/tokens?nocatalog', undefined, subject] },
    { call: ['HEAD', '/auth/tokens', undefined, subject] },
    { call: ['GET', '/auth/tokens'] },
    { call: ['GET', '/auth/tokens', undefined, { 'x-subject-token': 'junk' }] },
    { call: ['DELETE', '/auth/tokens', undefined, { 'x-subject-token': 'junk' }] },
    { call: ['GET', '/auth/catalog'] },
    { call: ['GET', '/auth/projects'] },
    { call: ['GET', '/auth/domains'] },
    { call: ['GET', '/auth/system'] },
    { call: ['POST', '/domains', { domain: { name: 'd' } }], name: 'DOMAIN' },
    { call: ['POST', '/domains', { domain: { name: 'd' } }] },
    { call: ['GET', '/domains'] },
    { call: ['GET', '/domains/DOMAIN'] },
    {
      call: ['POST', '/projects', { project: { name: 'p', domain_id: 'DOMAIN', description: 'x', color: 'red' } }],
      name: 'WORK',
    },
    { call: ['POST', '/projects', { project: { name: 'p', domain_id: 'DOMAIN' } }] },
    { call: ['POST', '/projects', { project: {} }] },
    { call: ['POST', '/projects', { project: { name: 7 } }] },
    { call: ['PATCH', '/projects/WORK', { project: { description: 'y' } }] },
    { call: ['GET', '/projects/WORK'] },
    { call: ['GET', '/projects/none'] },
    // a domain is a project too
    { call: ['GET', '/projects/DOMAIN'] },
    { call: ['GET', '/projects?name=p'] },
    {
      call: ['POST', '/users', { user: { name: 'u', password: 'pw', email: 'e@x', domain_id: 'DOMAIN' } }],
      name: 'USER',
    },
    { call: ['POST', '/users', { user: { name: 'u', domain_id: 'DOMAIN' } }] },
    { call: ['GET', '/users/USER'] },
    { call: ['GET', '/users?name=u'] },
    { call: ['GET', '/users/none'] },
    { call: ['GET', '/users/USER/projects'] },
    { call: ['GET', '/users/USER/groups'] },
    { call: ['POST', '/roles', { role: { name: 'r' } }], name: 'OWN' },
    { call: ['POST', '/roles', { role: { name: 'r' } }] },
    { call: ['GET', '/roles/OWN'] },
    { call: ['GET', '/roles?name=r'] },
    { call: ['PUT', '/roles/OWN/implies/ROLE'] },
    { call: ['GET', '/roles/OWN/implies/ROLE'] },
    { call: ['GET', '/roles/OWN/implies'] },
    { call: ['GET', '/role_inferences'] },
    ...['projects/WORK', 'domains/DOMAIN', 'system'].flatMap((place) => [
      { call: ['GET', `/${place}/users/USER/roles/OWN`] as Call },
      { call: ['PUT', `/${place}/users/USER/roles/OWN`] as Call },
      { call: ['HEAD', `/${place}/users/USER/roles/OWN`] as Call },
      { call: ['GET', `/${place}/users/USER/roles`] as Call },
      { call: ['GET', '/role_assignments?user.id=USER'] as Call },
      { call: ['GET', '/role_assignments?user.id=USER&include_names=True'] as Call },
      { call: ['DELETE', `/${place}/users/USER/roles/OWN`] as Call },
      { call: ['DELETE', `/${place}/users/USER/roles/OWN`] as Call },
    ]),
    { call: ['PUT', '/projects/WORK/users/none/roles/OWN'] },
    { call: ['PUT', '/projects/none/users/USER/roles/OWN'] },
    { call: ['GET', '/services'] },
    { call: ['GET', '/services/none'] },
    { call: ['GET', '/endpoints'] },
    { call: ['GET', '/regions'] },
    { call: ['GET', '/groups'] },
    { call: ['POST', '/users/USER/password', { user: { original_password: 'no', password: 'two' } }] },
    { call: ['POST', '/users/USER/password', { user: { original_password: 'pw', password: 'two' } }] },
    {
      call: [
        'POST',
        '/users/ME/application_credentials',
        { application_credential: { name: 'a', unrestricted: false, expires_at: '2099-01-01T00:00:00' } },
      ],
      name: 'CREDENTIAL',
    },
    {
      call: [
        'POST',
        '/users/ME/application_credentials',
        { application_credential: { name: 'b', roles: [{ id: 'none' }] } },
      ],
    },
    {
      call: [
        'POST',
        '/users/ME/application_credentials',
        { application_credential: { name: 'b', expires_at: '2001-01-01T00:00:00' } },
      ],
    },
    { call: ['GET', '/users/ME/application_credentials'] },
    { call: ['GET', '/users/ME/application_credentials/CREDENTIAL'] },
    { call: ['DELETE', '/users/ME/application_credentials/CREDENTIAL'] },
    { call: ['GET', '/users/ME/application_credentials/CREDENTIAL'] },
    { call: ['GET', '/users/ME/access_rules'] },
    { call: ['DELETE', '/domains/DOMAIN'] },
    { call: ['DELETE', '/roles/OWN'] },
    { call: ['DELETE', '/users/USER'] },
    { call: ['DELETE', '/projects/WORK'] },
    { call: ['DELETE', '/projects/WORK'] },
    { call: ['PATCH', '/domains/DOMAIN', { domain: { enabled: false } }] },
    { call: ['DELETE', '/domains/DOMAIN'] },
    { call: ['PUT', '/projects', {}] },
    { call: ['DELETE', '/auth/tokens', undefined, subject] },
    { call: ['GET', '/projects'] },
  ];

  /** Where we differ knowingly: the cause, and what makes the two alike. */
  function align(text: string): string {
    return (
      text
        // Keystone's first roles are locked; ours never are
        .replaceAll('"options":{"immutable":"boolean"}', '"options":{}')
        // after a PATCH Keystone shows the further properties twice
        .replaceAll(/"extra":\{[^}]*\},/g, '')
        // our catalog's ids are whatever the configuration says
        .replaceAll(/"(id|service_id|prior_role)":"(id|text)"/g, '"$1":"id"')
    );
  }

  it('answers every call with the same status and the same form', async () => {
    const differences: string[] = [];
    for (const { call, name } of calls) {
      const [real, ours] = [await send(sides.real, call), await send(sides.ours, call)];
      const line = `${call[0]} ${call[1]} ${JSON.stringify(call[2] ?? null)}`;
      if (real.status !== ours.status) differences.push(`${line}: status ${real.status}, ours ${ours.status}`);
      const [want, have] = [real, ours].map(({ body }) => align(JSON.stringify(shapeOf(body))));
      if (want !== have) differences.push(`${line}:\n  ${want}\n  ${have}`);
      for (const header of ['x-subject-token', 'www-authenticate', 'vary']) {
        if (real.headers.has(header) !== ours.headers.has(header)) differences.push(`${line}: header ${header}`);
      }
      if (name === undefined) continue;
      for (const [side, answer] of [
        [sides.real, real],
        [sides.ours, ours],
      ] as const) {
        const made = Object.values(answer.body as Record<string, { id?: string }>)[0];
        side.ids.set(name, made?.id ?? assert.fail(`${line}: no id in ${JSON.stringify(answer.body)}`));
      }
    }
    assert.deepEqual(differences, []);
  });
});

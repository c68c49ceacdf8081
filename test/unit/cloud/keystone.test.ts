import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SignJWT } from 'jose';
import type { Clock } from '../../../src/base/clock.ts';
import { Fault } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { IdentityService } from '../../../src/cloud/identity.ts';
import { type KeystoneOptions, makeKeystone } from '../../../src/cloud/keystone.ts';
import { memberCaller } from '../../support/world.ts';

const START = Date.parse('2026-01-01T00:00:00Z');

/** A Keystone that answers what it is told to, and remembers what it was asked. */
class FakeKeystone {
  readonly logins: unknown[] = [];
  readonly questions: { readonly asker: string; readonly subject: string }[] = [];
  readonly good = new Map<string, { expiresAt: number }>();
  /** Our own tokens that it takes: `own-1`, `own-2`, ... */
  readonly ownTokens = new Set<string>();
  ownTokenMs = 3_600_000;
  loginStatus = 201;
  /** Overrides the answer to a question. */
  interfere: ((response: ServerResponse, request: IncomingMessage) => boolean) | null = null;
  readonly #clock: Clock;
  readonly #server: Server;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    assert.ok(address !== null && typeof address === 'object');
    return `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #token(expiresAt: number) {
    const domain = { id: 'default', name: 'Default' };
    return {
      token: {
        methods: ['password'],
        user: { id: 'u1', name: 'ann', domain, password_expires_at: null },
        project: { id: 'p1', name: 'demo', domain },
        roles: [{ id: 'r1', name: 'member' }],
        audit_ids: ['a'],
        issued_at: new Date(this.#clock.now()).toISOString(),
        expires_at: new Date(expiresAt).toISOString(),
      },
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method === 'POST') {
      this.logins.push(JSON.parse(Buffer.concat(chunks).toString()));
      if (this.loginStatus !== 201) return void response.writeHead(this.loginStatus).end('{}');
      const token = `own-${this.logins.length}`;
      this.ownTokens.add(token);
      response.writeHead(201, { 'x-subject-token': token });
      return void response.end(JSON.stringify(this.#token(this.#clock.now() + this.ownTokenMs)));
    }
    if (request.url === '/v3') return void response.writeHead(200).end('{"version":{}}');
    const asker = String(request.headers['x-auth-token']);
    const subject = String(request.headers['x-subject-token']);
    this.questions.push({ asker, subject });
    if (this.interfere?.(response, request)) return;
    if (!this.ownTokens.has(asker)) return void response.writeHead(401).end('{}');
    const found = this.good.get(subject);
    if (found === undefined) return void response.writeHead(404).end('{}');
    response.writeHead(200).end(JSON.stringify(this.#token(found.expiresAt)));
  }
}

const isKind = (kind: string) => (error: unknown) => error instanceof Fault && error.kind === kind;

describe('identity by Keystone', () => {
  let now: number;
  let fake: FakeKeystone;
  let url: string;
  let dir: string;
  const clock: Clock = { now: () => now, sleep: async () => {} };
  const services: IdentityService[] = [];

  function identity(extra: Partial<KeystoneOptions> = {}): IdentityService {
    const made = makeKeystone({
      authUrl: url,
      service: { kind: 'password', username: 'nova', password: 'secret', projectName: 'service' },
      clock,
      log: silentLog,
      ...extra,
    });
    services.push(made);
    return made;
  }

  beforeEach(async () => {
    now = START;
    fake = new FakeKeystone(clock);
    url = await fake.listen();
    dir = await mkdtemp(join(tmpdir(), 'xloud-keys-'));
    fake.good.set('tok', { expiresAt: START + 3_600_000 });
  });

  afterEach(async () => {
    await Promise.all(services.splice(0).map((service) => service.close()));
    await fake.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('asks once, with a token of its own, and remembers the answer for the ceiling', async () => {
    const service = identity({ cacheMs: 60_000 });
    const first = await service.authenticate('tok');
    assert.deepEqual(first, {
      userId: 'u1',
      userName: 'ann',
      userDomainId: 'default',
      projectId: 'p1',
      projectName: 'demo',
      projectDomainId: 'default',
      domainId: null,
      roles: ['member'],
      systemScope: null,
      expiresAt: START + 3_600_000,
      token: 'tok',
    });
    now += 59_999;
    await service.authenticate('tok');
    assert.deepEqual(fake.questions, [{ asker: 'own-1', subject: 'tok' }]);
    now += 1;
    fake.good.delete('tok');
    await assert.rejects(service.authenticate('tok'), isKind('unauthorized'));
    assert.equal(fake.questions.length, 2);
  });

  it("never remembers a token beyond the token's own end", async () => {
    fake.good.set('short', { expiresAt: START + 1_000 });
    const service = identity();
    await service.authenticate('short');
    now += 1_000;
    await assert.rejects(service.authenticate('short'), isKind('unauthorized'));
  });

  it('remembers a refusal briefly', async () => {
    const service = identity({ refusedMs: 5_000 });
    await assert.rejects(service.authenticate('late'), isKind('unauthorized'));
    fake.good.set('late', { expiresAt: START + 3_600_000 });
    now += 4_999;
    await assert.rejects(service.authenticate('late'), isKind('unauthorized'));
    assert.equal(fake.questions.length, 1);
    now += 1;
    assert.equal((await service.authenticate('late')).userId, 'u1');
  });

  it('shares one question among those who ask at once', async () => {
    const service = identity();
    const found = await Promise.all(Array.from({ length: 50 }, () => service.authenticate('tok')));
    assert.equal(found.length, 50);
    assert.equal(fake.questions.length, 1);
    assert.equal(fake.logins.length, 1);
  });

  it('logs in once when many different tokens come at once', async () => {
    for (let i = 0; i < 30; i += 1) fake.good.set(`t${i}`, { expiresAt: START + 3_600_000 });
    const service = identity();
    await Promise.all(Array.from({ length: 30 }, (_, i) => service.authenticate(`t${i}`)));
    assert.equal(fake.logins.length, 1);
    assert.equal(fake.questions.length, 30);
  });

  it('keeps the tokens used last when there are too many', async () => {
    for (const name of ['a', 'b', 'c']) fake.good.set(name, { expiresAt: START + 3_600_000 });
    const service = identity({ cacheEntries: 2 });
    for (const name of ['a', 'b', 'a', 'c', 'a']) await service.authenticate(name);
    assert.deepEqual(
      fake.questions.map((question) => question.subject),
      ['a', 'b', 'c'],
    );
    await service.authenticate('b');
    assert.equal(fake.questions.length, 4);
  });

  it('does not let wrong tokens push out right ones', async () => {
    const service = identity({ cacheEntries: 2 });
    await service.authenticate('tok');
    for (let i = 0; i < 5; i += 1) await assert.rejects(service.authenticate(`wrong${i}`), isKind('unauthorized'));
    await service.authenticate('tok');
    assert.equal(fake.questions.filter((question) => question.subject === 'tok').length, 1);
  });

  it('renews its own token before it ends, and when it is refused', async () => {
    fake.ownTokenMs = 120_000;
    const service = identity({ cacheMs: 0 });
    await service.authenticate('tok');
    now += 59_000;
    await service.authenticate('tok');
    assert.equal(fake.logins.length, 1);
    now += 2_000;
    await service.authenticate('tok');
    assert.equal(fake.logins.length, 2);
    fake.ownTokens.clear();
    await service.authenticate('tok');
    assert.equal(fake.logins.length, 3);
  });

  it('is unavailable, never allowed, in every way that Keystone can fail', async () => {
    const service = identity({ cacheMs: 0, timeoutMs: 200 });
    await service.authenticate('tok');
    const failures: Record<string, FakeKeystone['interfere']> = {
      'status 500': (response) => Boolean(response.writeHead(500).end('{}')),
      'status 503': (response) => Boolean(response.writeHead(503).end('{}')),
      'status 403': (response) => Boolean(response.writeHead(403).end('{}')),
      'status 302': (response) => Boolean(response.writeHead(302, { location: '/' }).end()),
      'our token always refused': (response) => Boolean(response.writeHead(401).end('{}')),
      'not JSON': (response) => Boolean(response.writeHead(200).end('<html>')),
      'no token in it': (response) => Boolean(response.writeHead(200).end('{"token":{}}')),
      null: (response) => Boolean(response.writeHead(200).end('null')),
      'no answer': () => true,
      'a cut connection': (response) => Boolean(response.destroy()),
    };
    for (const [name, interfere] of Object.entries(failures)) {
      fake.interfere = interfere;
      await assert.rejects(service.authenticate('tok'), isKind('unavailable'), name);
    }
    fake.interfere = null;
    assert.equal((await service.authenticate('tok')).userId, 'u1');
  });

  it('survives one connection that was closed under it', async () => {
    const service = identity();
    let cut = false;
    fake.interfere = (response) => {
      if (cut) return false;
      cut = true;
      response.destroy();
      return true;
    };
    assert.equal((await service.authenticate('tok')).userId, 'u1');
  });

  it('serves what it remembers while Keystone is away, until the ceiling', async () => {
    const service = identity({ cacheMs: 10_000, timeoutMs: 200 });
    await service.authenticate('tok');
    fake.interfere = (response) => Boolean(response.writeHead(503).end());
    now += 9_999;
    await service.authenticate('tok');
    now += 1;
    await assert.rejects(service.authenticate('tok'), isKind('unavailable'));
  });

  it('says for /readyz what is wrong', async () => {
    assert.equal(await identity().problem(), null);
    fake.loginStatus = 401;
    assert.match((await identity().problem()) ?? '', /login was answered with status 401/);
    assert.match((await identity({ authUrl: 'http://127.0.0.1:1' }).problem()) ?? '', /does not answer/);
    fake.loginStatus = 201;
    assert.match((await identity({ publicKeysDir: dir }).problem()) ?? '', /no public key/);
    assert.match((await identity({ publicKeysDir: join(dir, 'none') }).problem()) ?? '', /cannot be read/);
  });

  describe('with a directory of keys', () => {
    const sign = (key: KeyObject, expSeconds: number, alg = 'ES256') =>
      new SignJWT({ openstack_methods: ['password'], openstack_audit_ids: ['a'] })
        .setProtectedHeader({ alg, typ: 'JWT' })
        .setSubject('u1')
        .setIssuedAt(START / 1000)
        .setExpirationTime(expSeconds)
        .sign(key);
    const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const put = (name: string, key: KeyObject) =>
      writeFile(join(dir, name), key.export({ type: 'spki', format: 'pem' }));
    const later = START / 1000 + 600;

    it('refuses offline what is forged, expired or signed otherwise', async () => {
      const ours = pair();
      await put('1.pem', pair().publicKey);
      await put('2.pem', ours.publicKey);
      await writeFile(join(dir, 'broken.pem'), 'nonsense');
      await writeFile(join(dir, 'README'), 'not a key');
      const service = identity({ publicKeysDir: dir });
      const good = await sign(ours.privateKey, later);
      fake.good.set(good, { expiresAt: later * 1000 });
      assert.equal((await service.authenticate(good)).userId, 'u1');
      assert.equal(fake.questions.length, 1);

      const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const bad = [
        await sign(pair().privateKey, later),
        await sign(ours.privateKey, START / 1000),
        await sign(rsa.privateKey, later, 'RS256'),
        `${good.slice(0, -4)}AAAA`,
        'a.b.c',
        'a..',
      ];
      for (const token of bad) {
        fake.good.set(token, { expiresAt: later * 1000 });
        await assert.rejects(service.authenticate(token), isKind('unauthorized'), token);
      }
      assert.equal(fake.questions.length, 1);
      // what is no JWS is Keystone's to judge
      assert.equal((await service.authenticate('tok')).userId, 'u1');
    });

    it('takes a key that is added within a second, and drops one that is removed', async () => {
      const [first, second] = [pair(), pair()];
      await put('1.pem', first.publicKey);
      const service = identity({ publicKeysDir: dir, cacheMs: 0 });
      const [one, two] = [await sign(first.privateKey, later), await sign(second.privateKey, later)];
      fake.good.set(one, { expiresAt: later * 1000 }).set(two, { expiresAt: later * 1000 });
      await service.authenticate(one);
      await assert.rejects(service.authenticate(two), isKind('unauthorized'));
      await put('2.pem', second.publicKey);
      now += 1_000;
      await service.authenticate(two);
      await rm(join(dir, '1.pem'));
      now += 1_000;
      await assert.rejects(service.authenticate(one), isKind('unauthorized'));
    });

    it('is unavailable when there is no key to judge with', async () => {
      const service = identity({ publicKeysDir: dir });
      const token = await sign(pair().privateKey, later);
      await assert.rejects(service.authenticate(token), isKind('unavailable'));
    });
  });

  it('looks a project up as the caller, and believes the caller where Keystone does not deny it', async () => {
    const asked: string[] = [];
    let status = 200;
    fake.interfere = (response, request) => {
      asked.push(`${request.url} ${String(request.headers['x-auth-token'])}`);
      response.writeHead(status).end('{}');
      return true;
    };
    const service = identity();
    const caller = { ...memberCaller, token: 'tok' };
    const knows = async (answer: number): Promise<boolean> => {
      status = answer;
      return service.knowsProject(caller, 'p/1');
    };
    assert.deepEqual(
      [await knows(200), await knows(403), await knows(500), await knows(404)],
      [true, true, true, false],
    );
    assert.deepEqual(new Set(asked), new Set(['/v3/projects/p%2F1 tok']));
    assert.equal(await service.knowsProject(memberCaller, 'p1'), true, 'without a token nobody can ask');
    await fake.close();
    assert.equal(await service.knowsProject(caller, 'p1'), true, 'an outage of Keystone refuses nobody');
    fake = new FakeKeystone(clock);
    url = await fake.listen();
  });
});

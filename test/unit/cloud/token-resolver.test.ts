import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import type { ResolvedToken } from '../../../src/cloud/token-body.ts';
import { readTokenAnswer } from '../../../src/cloud/token-body.ts';
import { makeTokenResolver } from '../../../src/cloud/token-resolver.ts';

const resolved = (): ResolvedToken => ({
  userId: 'u',
  userName: 'ann',
  userDomainId: 'default',
  projectId: null,
  projectName: null,
  projectDomainId: null,
  domainId: null,
  roles: [],
  systemScope: null,
  expiresAt: Date.now() + 60_000,
});

describe('token resolver', () => {
  it('forgets what it knows, and does not remember what was asked before it forgot', async () => {
    const answers: ((value: ResolvedToken | null) => void)[] = [];
    const resolver = makeTokenResolver({
      clock: systemClock,
      wwwAuthenticateUri: 'http://k',
      keys: null,
      lookup: () => new Promise((resolve) => answers.push(resolve)),
    });
    const early = resolver.authenticate('tok');
    resolver.forget();
    const late = resolver.authenticate('tok');
    assert.equal(answers.length, 2);
    // the answer from before the change comes last, and must not be kept
    answers[1]?.(null);
    await assert.rejects(late, /requires authentication/);
    answers[0]?.(resolved());
    await early;
    await assert.rejects(resolver.authenticate('tok'), /requires authentication/);
    assert.equal(answers.length, 2);
  });

  it('asks again after a lookup that failed', async () => {
    let calls = 0;
    const resolver = makeTokenResolver({
      clock: systemClock,
      wwwAuthenticateUri: 'http://k',
      keys: null,
      lookup: async () => {
        calls += 1;
        if (calls === 1) throw new Error('away');
        return resolved();
      },
    });
    await assert.rejects(resolver.authenticate('tok'), /away/);
    assert.equal((await resolver.authenticate('tok')).userName, 'ann');
  });
});

describe('a token that is over', () => {
  const options = { clock: systemClock, wwwAuthenticateUri: 'http://k' };
  const late = { ...resolved(), expiresAt: Date.now() - 1_000 };
  const jws = 'aaa.bbb.ccc';
  const keysOf = (kind: 'expired' | 'forged') => ({
    verify: async () => ({ kind }) as const,
    problem: async () => null,
  });

  it('is asked about where somebody may show it late, each time, and is not remembered as good', async () => {
    const asked: boolean[] = [];
    const lookup = async (_: string, expired: boolean) => {
      asked.push(expired);
      return late;
    };
    const resolver = makeTokenResolver({ ...options, keys: keysOf('expired'), lookup });
    assert.equal((await resolver.authenticate(jws, { expired: true })).userName, 'ann');
    assert.equal((await resolver.authenticate(jws, { expired: true })).userName, 'ann');
    await assert.rejects(resolver.authenticate(jws), /requires authentication/);
    assert.deepEqual(asked, [true, true]);
  });

  it('is refused where its signature is not good, without a question', async () => {
    const lookup = () => assert.fail('nobody is asked');
    const resolver = makeTokenResolver({ ...options, keys: keysOf('forged'), lookup });
    await assert.rejects(resolver.authenticate(jws, { expired: true }), /requires authentication/);
  });

  it('is refused where Keystone tells no more whose it was', async () => {
    const resolver = makeTokenResolver({ ...options, keys: null, lookup: async () => null });
    await assert.rejects(resolver.authenticate('tok', { expired: true }), /requires authentication/);
  });
});

describe('an answer about a token', () => {
  const good = {
    token: {
      user: { id: 'u', name: 'ann', domain: { id: 'default', name: 'Default' } },
      expires_at: '2026-11-21T11:12:10.000000Z',
    },
  };

  it('is read, microseconds and all', () => {
    assert.equal(readTokenAnswer(good)?.expiresAt, Date.UTC(2026, 10, 21, 11, 12, 10));
    assert.deepEqual(readTokenAnswer(good)?.roles, []);
  });

  it('is nobody when it is not in the form', () => {
    const { token } = good;
    for (const bad of [
      null,
      [],
      'token',
      {},
      { token: null },
      { token: [] },
      { token: { ...token, user: null } },
      { token: { ...token, user: { ...token.user, id: '' } } },
      { token: { ...token, user: { ...token.user, domain: 'default' } } },
      { token: { ...token, expires_at: 'never' } },
      { token: { ...token, expires_at: null } },
    ])
      assert.equal(readTokenAnswer(bad), null, JSON.stringify(bad));
  });

  it('takes only names for roles', () => {
    const roles = [{ name: 'admin' }, { name: 7 }, 'member', null, { id: 'x' }];
    assert.deepEqual(readTokenAnswer({ token: { ...good.token, roles } })?.roles, ['admin']);
    assert.deepEqual(readTokenAnswer({ token: { ...good.token, roles: 'admin' } })?.roles, []);
  });
});

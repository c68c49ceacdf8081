// What an access rule of an application credential lets through, and that its pattern costs little whatever it is.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { limits } from '../../../src/base/limits.ts';
import { accessAllowed, pathMatches } from '../../../src/cloud/access-rules.ts';
import { readTokenAnswer } from '../../../src/cloud/token-body.ts';

describe('access rules', () => {
  const rule = { service: 'compute', method: 'GET', path: '/v2.1/servers' };
  const asked = { service: 'compute', method: 'GET', path: '/v2.1/servers' };

  const cases: readonly (readonly [pattern: string, path: string, matches: boolean])[] = [
    ['/v2.1/servers', '/v2.1/servers', true],
    ['/v2.1/servers', '/v2.1/servers/', false],
    ['/v2.1/servers', '/v2.1/server', false],
    ['/v2.1/servers', '/v2x1/servers', false],
    ['/v2.1/servers/*', '/v2.1/servers/a', true],
    ['/v2.1/servers/*', '/v2.1/servers/', false],
    ['/v2.1/servers/*', '/v2.1/servers/a/action', false],
    ['/v2.1/servers/{server_id}/action', '/v2.1/servers/a/action', true],
    ['/v2.1/servers/{server_id}/action', '/v2.1/servers/a/b/action', false],
    ['/v2.1/**', '/v2.1/', true],
    ['/v2.1/**', '/v2.1/servers/a/b', true],
    ['/v2.1/**', '/v2.1', false],
    ['/v2.1/**/action', '/v2.1/servers/a/action', true],
    ['**', '/anything/at/all', true],
    ['/v2.1/ser*', '/v2.1/servers', true],
    ['/v2.1/*ers', '/v2.1/servers', true],
    ['/a{b', '/a{b', true],
    ['/a(b|c)+$', '/ab', false],
  ];
  for (const [pattern, path, matches] of cases)
    it(`${pattern} ${matches ? 'takes' : 'does not take'} ${path}`, () =>
      assert.equal(pathMatches(path, pattern), matches));

  it('match as the expression does that keystonemiddleware makes of them', () => {
    const piece = fc.constantFrom('*', '**', '{x}', '/', 'a', 'b');
    const path = fc.array(fc.constantFrom('/', 'a', 'b'), { maxLength: 8 }).map((all) => all.join(''));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), path, (pieces, text) => {
        const pattern = pieces.join('');
        fc.pre(!pattern.includes('***'));
        const expression = pattern.replace(/\{[^}]*\}|\*\*|\*/g, (word) => (word === '**' ? '.*' : '[^/]+'));
        assert.equal(pathMatches(text, pattern), new RegExp(`^${expression}$`).test(text), `${pattern} on ${text}`);
      }),
    );
  });

  it('take no long time, however many and however long the path', () => {
    for (const piece of ['*a', '**a', '*{}', '**aa']) {
      const path = `/${piece.repeat(Math.floor(126 / piece.length))}b`;
      const rules = Array.from({ length: limits.accessRulesPerCredential }, () => ({ ...rule, path }));
      for (const length of [limits.accessPathCharacters - 1, 16_000]) {
        const began = performance.now();
        assert.equal(accessAllowed(rules, { ...asked, path: `/${'a'.repeat(length)}` }), false);
        const ms = performance.now() - began;
        assert.ok(ms < 1_000, `${piece} over ${length}: ${ms} ms`);
      }
    }
  });

  it('are held against what the services read: a slash in disguise is no part of a segment', () => {
    const one = { ...rule, path: '/v2.1/servers/*' };
    for (const [path, isAllowed] of [
      ['/v2.1/servers/a', true],
      ['/v2.1/servers/a%20b', true],
      ['/v2.1/servers/%', true],
      ['/v2.1/servers/a%2Fos-volume_attachments', false],
      ['/v2.1/servers/a%2fos-volume_attachments', false],
    ] as const)
      assert.equal(accessAllowed([one], { ...asked, path }), isAllowed, path);
    assert.equal(accessAllowed([{ ...rule, path: '/**' }], { ...asked, path: '/v2.1/servers%2Fa' }), false);
    assert.equal(
      accessAllowed([{ ...rule, path: '/v2.1/os-keypairs/my key' }], { ...asked, path: '/v2.1/os-keypairs/my%20key' }),
      true,
    );
  });

  it('allow what one of them names, by service and method too', () => {
    assert.equal(accessAllowed(undefined, asked), true);
    assert.equal(accessAllowed([rule], asked), true);
    for (const other of [
      { ...asked, service: 'image' },
      { ...asked, method: 'POST' },
      { ...asked, method: 'HEAD' },
    ])
      assert.equal(accessAllowed([rule], other), false);
    assert.equal(accessAllowed([], asked), false);
    const volumes = { service: 'volume', method: 'GET', path: '/v3/volumes' };
    for (const service of ['block-storage', 'volumev3'])
      assert.equal(accessAllowed([{ ...volumes, service }], volumes), true);
    assert.equal(accessAllowed([rule], { service: 'identity', method: 'GET', path: '/v3/auth/tokens' }), true);
    assert.equal(accessAllowed([rule], { service: 'identity', method: 'DELETE', path: '/v3/auth/tokens' }), false);
  });

  it('that cannot be read in an answer of Keystone allow nothing', () => {
    const answer = (access_rules: unknown) =>
      readTokenAnswer({
        token: {
          user: { id: 'u', name: 'u', domain: { id: 'default' } },
          expires_at: '2099-01-01T00:00:00.000000Z',
          application_credential: { id: 'c', name: 'c', restricted: true, access_rules },
        },
      })?.accessRules;
    assert.equal(answer(undefined), undefined);
    assert.deepEqual(answer([{ id: 'r', ...rule }]), [rule]);
    assert.deepEqual(answer('all'), []);
    assert.deepEqual(answer([{ service: 'compute' }]), []);
  });
});

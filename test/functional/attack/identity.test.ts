// What was ended stays ended: whoever keeps a token or an application credential until the reason is undone gets nothing by it.
// And what is no whole token is nobody's, and is not told again. On both engines.

import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { decodeJwt, SignJWT } from 'jose';
import { engines } from '../../support/database.ts';
import { startWalkedCloud, type WalkedCloud } from '../../support/walkers.ts';

interface Victim {
  readonly userId: string;
  readonly projectId: string;
  readonly domainId: string;
  readonly name: string;
  readonly roleId: string;
}

for (const engine of engines) {
  describe(`identities under attack on ${engine}`, () => {
    let cloud: WalkedCloud;
    let counter = 0;
    before(async () => {
      cloud = await startWalkedCloud(engine);
    });
    after(() => cloud.close());

    const admin = async (method: string, path: string, body?: object) => {
      const answer = await cloud.ask('admin', method, `/identity/v3/${path}`, body);
      assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`);
      return answer.body;
    };

    /** A user of a domain with a role in one of its projects. */
    async function victim(): Promise<Victim> {
      counter += 1;
      const name = `victim-${counter}`;
      const domainId = (await admin('POST', 'domains', { domain: { name } })).domain.id;
      const projectId = (await admin('POST', 'projects', { project: { name, domain_id: domainId } })).project.id;
      const userId = (await admin('POST', 'users', { user: { name, domain_id: domainId, password: 'old' } })).user.id;
      const roleId = (await admin('GET', 'roles?name=member')).roles[0].id;
      await admin('PUT', `projects/${projectId}/users/${userId}/roles/${roleId}`);
      return { userId, projectId, domainId, name, roleId };
    }

    const login = (auth: object) => cloud.ask('none', 'POST', '/identity/v3/auth/tokens', { auth });
    const withPassword = ({ userId, projectId }: Victim, password: string, scope: object | null) =>
      login({
        identity: { methods: ['password'], password: { user: { id: userId, password } } },
        scope: scope ?? { project: { id: projectId } },
      });
    const withCredential = ({ id, secret }: { id: string; secret: string }) =>
      login({ identity: { methods: ['application_credential'], application_credential: { id, secret } } });
    const isGood = async (token: string): Promise<boolean> => {
      const { status } = await cloud.ask({ token }, 'GET', '/identity/v3/auth/projects');
      assert.ok(status === 200 || status === 401, String(status));
      return status === 200;
    };

    const cases: readonly {
      readonly what: string;
      /** Ends and undoes it. */
      readonly path: (who: Victim) => string;
      readonly end: readonly [method: string, body?: object];
      readonly undo: readonly [method: string, body?: object];
      readonly password?: string;
      /** Whether credentials and unscoped tokens go with it. */
      readonly credential: boolean;
      readonly unscoped: boolean;
    }[] = [
      {
        what: 'a role that was taken away and given back',
        path: ({ projectId, userId, roleId }) => `projects/${projectId}/users/${userId}/roles/${roleId}`,
        end: ['DELETE'],
        undo: ['PUT'],
        credential: true,
        unscoped: false,
      },
      {
        what: 'a project that was disabled and enabled',
        path: ({ projectId }) => `projects/${projectId}`,
        end: ['PATCH', { project: { enabled: false } }],
        undo: ['PATCH', { project: { enabled: true } }],
        credential: true,
        unscoped: false,
      },
      {
        what: 'a domain that was disabled and enabled',
        path: ({ domainId }) => `domains/${domainId}`,
        end: ['PATCH', { domain: { enabled: false } }],
        undo: ['PATCH', { domain: { enabled: true } }],
        credential: true,
        unscoped: true,
      },
      {
        what: 'a user who was disabled and enabled',
        path: ({ userId }) => `users/${userId}`,
        end: ['PATCH', { user: { enabled: false } }],
        undo: ['PATCH', { user: { enabled: true } }],
        credential: true,
        unscoped: true,
      },
      {
        what: 'a password that was changed and changed back',
        path: ({ userId }) => `users/${userId}`,
        end: ['PATCH', { user: { password: 'new' } }],
        undo: ['PATCH', { user: { password: 'old' } }],
        // a credential is its own secret: it is there so that a password can be changed, as in Keystone
        credential: false,
        unscoped: true,
      },
    ];
    for (const { what, path, end, undo, credential, unscoped } of cases) {
      it(`${what} brings no token and no credential back`, async () => {
        const who = await victim();
        const scoped = (await withPassword(who, 'old', null)).headers['x-subject-token'] as string;
        const bare = (await withPassword(who, 'old', { unscoped: {} })).headers['x-subject-token'] as string;
        const made = await cloud.ask(
          { token: scoped },
          'POST',
          `/identity/v3/users/${who.userId}/application_credentials`,
          {
            application_credential: { name: 'kept' },
          },
        );
        assert.equal(made.status, 201, made.text);
        const kept = made.body.application_credential;
        const ofCredential = (await withCredential(kept)).headers['x-subject-token'] as string;
        assert.ok((await isGood(scoped)) && (await isGood(bare)) && (await isGood(ofCredential)));

        await admin(end[0], path(who), end[1]);
        assert.equal(await isGood(scoped), false, 'at once');
        await admin(undo[0], path(who), undo[1]);
        assert.equal(await isGood(scoped), false, 'after it was undone');
        assert.equal(await isGood(ofCredential), false, 'that of the credential');
        assert.equal(await isGood(bare), !unscoped, 'the unscoped one');
        assert.equal((await withCredential(kept)).status, credential ? 401 : 201, 'the credential itself');
        const again = await withPassword(who, 'old', null);
        assert.equal(again.status, 201, 'whoever logs in anew');
        assert.equal(await isGood(again.headers['x-subject-token'] as string), true);
      });
    }

    it('the tokens of another user and another project stay', async () => {
      const [one, other] = [await victim(), await victim()];
      await admin('PUT', `projects/${one.projectId}/users/${other.userId}/roles/${one.roleId}`);
      const inOther = (await withPassword(other, 'old', null)).headers['x-subject-token'] as string;
      const inOne = (await withPassword(other, 'old', { project: { id: one.projectId } })).headers[
        'x-subject-token'
      ] as string;
      await admin('DELETE', `projects/${one.projectId}/users/${one.userId}/roles/${one.roleId}`);
      assert.ok((await isGood(inOther)) && (await isGood(inOne)));
      await admin('PATCH', `projects/${one.projectId}`, { project: { enabled: false } });
      assert.deepEqual([await isGood(inOther), await isGood(inOne)], [true, false]);
    });

    it('a token that lacks what tokens have is refused, not stumbled over', async () => {
      const key = createPrivateKey(readFileSync(join(cloud.dir, 'identity-private/private.pem'), 'utf8'));
      const whole = decodeJwt(cloud.walkers.member.token ?? '') as Record<string, unknown>;
      const sign = (claims: Record<string, unknown>) =>
        new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'JWT' }).sign(key);
      assert.equal(await isGood(await sign(whole)), true);
      for (const name of ['openstack_methods', 'openstack_audit_ids', 'sub', 'iat', 'exp']) {
        for (const value of [undefined, null, 7, [], {}, [7], '']) {
          if ((name === 'iat' || name === 'exp') && value === 7) continue;
          const { [name]: _, ...rest } = whole;
          const bad = await sign(value === undefined ? rest : { ...rest, [name]: value });
          const { status, text } = await cloud.ask({ token: bad }, 'GET', '/identity/v3/auth/projects');
          assert.equal(status, 401, `${name} ${JSON.stringify(value)}: ${text}`);
          for (const service of ['/image/v2/images', '/network/v2.0/networks'])
            assert.equal((await cloud.ask({ token: bad }, 'GET', service)).status, 401);
        }
      }
    });

    it('no answer repeats a token', async () => {
      const token = `${cloud.walkers.member.token?.slice(0, -4)}AAAA`;
      const shown = await cloud.ask('admin', 'GET', '/identity/v3/auth/tokens', undefined, {
        'X-Subject-Token': token,
      });
      const dropped = await cloud.ask('admin', 'DELETE', '/identity/v3/auth/tokens', undefined, {
        'X-Subject-Token': token,
      });
      const traded = await login({ identity: { methods: ['token'], token: { id: token } } });
      for (const { status, text } of [shown, dropped, traded]) {
        assert.equal(status, 404, text);
        assert.ok(!text.includes(token.slice(0, 20)), text);
      }
    });
  });
}

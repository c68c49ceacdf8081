// A password or a secret takes its time until it is checked and hashed. What was changed meanwhile by somebody else counts: it is
// neither undone by what began before, nor does anything come of what its caller may not do any more.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { engines } from '../support/database.ts';
import { startIdentity, type TestIdentity } from '../support/identity.ts';
import { freshMariadb } from '../support/mariadb.ts';
import { writerAwaited } from '../support/waiting.ts';

for (const engine of engines) {
  describe(`what changes while a password is hashed, on ${engine}`, () => {
    let cloud: TestIdentity;
    let drop: () => Promise<void> = () => Promise.resolve();
    let admin: string;
    let count = 0;
    /** A user with the role member in a project, both in a domain; made anew for each test. */
    let domain: string;
    let project: string;
    let user: string;
    let token: string;

    before(async () => {
      const mariadb = engine === 'mysql' ? await freshMariadb() : null;
      drop = mariadb?.drop ?? drop;
      cloud = await startIdentity(mariadb === null ? {} : { databaseUrl: mariadb.url });
      admin = await cloud.tokenOf('admin', cloud.passwords.admin);
    });
    after(async () => {
      await cloud.stop();
      await drop();
    });

    const must = async (method: string, path: string, body?: unknown) => {
      const reply = await cloud.ask(admin, method, path, body);
      assert.ok(reply.status < 300, `${method} ${path}: ${JSON.stringify(reply.body)}`);
      return reply.body;
    };
    const make = async (noun: string, value: object): Promise<string> =>
      (await must('POST', `/v3/${noun}s`, { [noun]: value }))[noun].id;
    const patch = (noun: string, id: string, value: object) => must('PATCH', `/v3/${noun}s/${id}`, { [noun]: value });
    const roleId = async (name: string): Promise<string> =>
      (await must('GET', `/v3/roles?name=${name}`)).roles[0].id as string;
    const login = (password: string, id = user) =>
      cloud.login({
        identity: { methods: ['password'], password: { user: { id, password } } },
        scope: { project: { id: project } },
      });
    const tokenWith = async (password: string, id = user): Promise<string> => {
      const reply = await login(password, id);
      assert.equal(reply.status, 201, JSON.stringify(reply.body));
      return reply.headers.get('x-subject-token') ?? '';
    };
    const grant = async (role: string, id = user): Promise<string> => {
      const path = `/v3/projects/${project}/users/${id}/roles/${await roleId(role)}`;
      await must('PUT', path);
      return path;
    };

    beforeEach(async () => {
      count += 1;
      domain = await make('domain', { name: `d${count}` });
      project = await make('project', { name: 'p', domain_id: domain });
      user = await make('user', { name: 'u', password: 'first', domain_id: domain });
      await grant('member');
      token = await tokenWith('first');
    });

    const disabling: readonly (readonly [what: string, noun: () => readonly [string, string]])[] = [
      ['the user', () => ['user', user]],
      ['the domain of the user', () => ['domain', domain]],
    ];

    describe('a change of the own password', () => {
      const change = () =>
        cloud.ask(null, 'POST', `/v3/users/${user}/password`, {
          user: { original_password: 'first', password: 'mine' },
        });

      it('is refused where the password was replaced, which stays', async () => {
        cloud.afterNextHash(() => patch('user', user, { password: 'replaced' }));
        assert.equal((await change()).status, 401);
        assert.equal((await login('replaced')).status, 201);
        for (const old of ['first', 'mine']) assert.equal((await login(old)).status, 401, old);
      });

      it('is refused where another one was faster', async () => {
        cloud.afterNextHash(async () => assert.equal((await change()).status, 204));
        assert.equal((await change()).status, 401);
        assert.equal((await login('mine')).status, 201);
      });

      for (const [what, noun] of disabling)
        it(`is refused where ${what} was disabled`, async () => {
          cloud.afterNextHash(() => patch(...noun(), { enabled: false }));
          assert.equal((await change()).status, 401);
          // and from the beginning
          assert.equal((await change()).status, 401);
          await patch(...noun(), { enabled: true });
          assert.equal((await login('first')).status, 201);
        });

      it('is refused where the user was deleted', async () => {
        cloud.afterNextHash(() => must('DELETE', `/v3/users/${user}`));
        assert.equal((await change()).status, 401);
      });
    });

    describe('an application credential', () => {
      const path = () => `/v3/users/${user}/application_credentials`;
      const create = (value: object = {}, as = token) =>
        cloud.ask(as, 'POST', path(), { application_credential: { name: 'c', ...value } });
      const names = async (): Promise<string[]> =>
        (await cloud.ask(await tokenWith('first'), 'GET', path())).body.application_credentials.map(
          ({ name }: { name: string }) => name,
        );

      for (const [what, noun] of [...disabling, ['the project', () => ['project', project] as const] as const])
        it(`is not made where ${what} was disabled, nor is it there when that is enabled again`, async () => {
          cloud.afterNextHash(() => patch(...noun(), { enabled: false }));
          assert.equal((await create()).status, 401);
          cloud.afterNextHash(async () => {
            await patch(...noun(), { enabled: false });
            await patch(...noun(), { enabled: true });
          });
          await patch(...noun(), { enabled: true });
          token = await tokenWith('first');
          assert.equal((await create()).status, 401);
          assert.deepEqual(await names(), []);
        });

      it('is not made where a role was taken away', async () => {
        const role = await grant('manager');
        token = await tokenWith('first');
        cloud.afterNextHash(() => must('DELETE', role));
        assert.equal((await create({ roles: [{ name: 'manager' }] })).status, 401);
        assert.deepEqual(await names(), []);
      });

      it('is not made with a role that is no longer implied', async () => {
        const [prior, implied] = [await make('role', { name: `a${count}` }), await make('role', { name: `b${count}` })];
        await must('PUT', `/v3/roles/${prior}/implies/${implied}`);
        await grant(`a${count}`);
        token = await tokenWith('first');
        cloud.afterNextHash(() => must('DELETE', `/v3/roles/${prior}/implies/${implied}`));
        assert.equal((await create({ roles: [{ id: implied }] })).status, 400);
        assert.deepEqual(await names(), []);
      });

      it('is not made where the password was replaced, or the token revoked', async () => {
        cloud.afterNextHash(() => patch('user', user, { password: 'second' }));
        assert.equal((await create()).status, 401);
        await patch('user', user, { password: 'first' });
        token = await tokenWith('first');
        cloud.afterNextHash(async () => {
          await cloud.ask(admin, 'DELETE', '/v3/auth/tokens', undefined, { 'X-Subject-Token': token });
        });
        assert.equal((await create()).status, 401);
        assert.deepEqual(await names(), []);
      });

      it('is not made by one that was deleted', async () => {
        const { id, secret } = (await create({ unrestricted: true })).body.application_credential;
        const reply = await cloud.login({
          identity: { methods: ['application_credential'], application_credential: { id, secret } },
        });
        const child = reply.headers.get('x-subject-token') ?? '';
        cloud.afterNextHash(async () => {
          assert.equal((await cloud.ask(token, 'DELETE', `${path()}/${id}`)).status, 204);
        });
        assert.equal((await create({ name: 'child' }, child)).status, 401);
        assert.deepEqual(await names(), []);
      });

      it('is not made in between of somebody who is being disabled', async () => {
        const { write } = cloud.database;
        const creating = await write.transaction(async (trx) => {
          await trx('identity_users').where({ id: user }).update({ enabled: 0 });
          await trx('identity_application_credentials').where({ user_id: user }).delete();
          const hashed = Promise.withResolvers<void>();
          cloud.afterNextHash(async () => hashed.resolve());
          const reply = create();
          await hashed.promise;
          await writerAwaited(cloud.database);
          return { reply };
        });
        assert.equal((await creating.reply).status, 401);
        await patch('user', user, { enabled: true });
        assert.deepEqual(await names(), []);
      });
    });

    describe('a user whose password somebody else sets', () => {
      let other: string;
      let role: string;
      let lent: string;
      beforeEach(async () => {
        other = await make('user', { name: 'other', password: 'other', domain_id: domain });
        role = await grant('admin', other);
        lent = await tokenWith('other', other);
      });

      it('is not made for a caller who may not any more', async () => {
        cloud.afterNextHash(() => must('DELETE', role));
        const body = { user: { name: 'made', password: 'x', domain_id: domain } };
        assert.equal((await cloud.ask(lent, 'POST', '/v3/users', body)).status, 401);
        assert.deepEqual((await must('GET', `/v3/users?name=made&domain_id=${domain}`)).users, []);
      });

      it('keeps the one it has', async () => {
        cloud.afterNextHash(() => patch('user', other, { enabled: false }));
        const body = { user: { password: 'stolen' } };
        assert.equal((await cloud.ask(lent, 'PATCH', `/v3/users/${user}`, body)).status, 401);
        assert.equal((await login('first')).status, 201);
      });
    });

    describe('a change of something else', () => {
      const rows: readonly (readonly [
        noun: string,
        id: () => string,
        row: Readonly<Record<string, string | number>>,
      ])[] = [
        ['user', () => user, { password_hash: 'x' }],
        ['project', () => project, { enabled: 0 }],
        ['domain', () => domain, { enabled: 0 }],
      ];
      for (const [noun, id, row] of rows)
        it(`of a ${noun} brings nothing back that was replaced just before`, async () => {
          const table = `identity_${noun}s`;
          const { write, read } = cloud.database;
          const changing = await write.transaction(async (trx) => {
            await trx(table).where({ id: id() }).update(row);
            const reply = patch(noun, id(), { name: `renamed${count}` });
            await writerAwaited(cloud.database);
            return { reply };
          });
          await changing.reply;
          const columns = [...Object.keys(row), 'name'];
          const found = await read(table)
            .where({ id: id() })
            .first(...columns);
          assert.deepEqual({ ...found }, { ...row, name: `renamed${count}` });
        });
    });
  });
}

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Api, RequestOptions } from '../support/api.ts';
import { callers, NO_PROJECT } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { project, startWithQuota } from '../support/quota.ts';

const OTHER = callers.other.projectId as string;

for (const engine of engines) {
  describe(`quota sets on ${engine}`, () => {
    let api: Api;
    before(async () => {
      api = await startWithQuota({ engine });
    });
    after(() => api.close());

    const quota = (path: string, options: RequestOptions = { as: 'reader' }) =>
      api.request('GET', `/os-quota-sets/${path}`, options);

    it('show the limit that goes before the others: user, project, class, built in', async () => {
      const { quota_set: set } = (await quota(project)).body;
      assert.deepEqual([set.id, set.cores, set.ram, set.instances, set.floating_ips], [project, 40, -1, 10, -1]);
      const user = (await quota(`${project}?user_id=member-user`)).body.quota_set;
      assert.deepEqual([user.instances, user.cores], [2, 40]);
      const defaults = (await quota(`${project}/defaults`)).body.quota_set;
      assert.deepEqual([defaults.cores, defaults.instances], [30, 10]);
    });

    it('show in detail what is used', async () => {
      const { quota_set: set } = (await quota(`${project}/detail`, { as: 'member', version: '2.57' })).body;
      assert.deepEqual(set.instances, { limit: 10, in_use: 3, reserved: 0 });
      assert.deepEqual(set.cores, { limit: 40, in_use: 6, reserved: 0 });
      assert.deepEqual(set.key_pairs, { limit: 100, in_use: 0, reserved: 0 });
      const user = (await quota(`${project}/detail?user_id=member-user`)).body.quota_set;
      assert.deepEqual(user.instances, { limit: 2, in_use: 1, reserved: 0 });
    });

    it('lose fields over the versions', async () => {
      for (const path of [project, `${project}/detail`, `${project}/defaults`]) {
        const keys = async (version: string) =>
          Object.keys((await quota(path, { as: 'admin', version })).body.quota_set).length;
        assert.deepEqual([await keys('2.35'), await keys('2.36'), await keys('2.57')], [15, 11, 8], path);
      }
    });

    it('of another project are for administrators; defaults are no secret', async () => {
      for (const path of [project, `${project}/detail`]) {
        assert.equal((await quota(path, { as: 'other' })).status, 403, path);
        assert.equal((await quota(path, { as: 'admin' })).status, 200, path);
      }
      assert.equal((await quota(`${project}/defaults`, { as: 'other' })).status, 200);
      assert.equal((await quota(`${project}?x=1`, { as: 'admin', version: '2.75' })).status, 400);
      assert.equal((await quota(`${project}/defaults?x=1`, { as: 'admin', version: '2.104' })).status, 200);
    });

    it('of a project that identity does not know are refused', async () => {
      const message = `Project ID ${NO_PROJECT} is not a valid project.`;
      for (const path of [NO_PROJECT, `${NO_PROJECT}/detail`, `${NO_PROJECT}/defaults`]) {
        assert.deepEqual((await quota(path, { as: 'admin' })).body, { badRequest: { code: 400, message } });
      }
      const put = await api.request('PUT', `/os-quota-sets/${NO_PROJECT}`, { body: { quota_set: {} } });
      assert.deepEqual([put.status, put.body.badRequest.message], [400, message]);
      // what is left of a project that is gone can be removed
      assert.equal((await api.request('DELETE', `/os-quota-sets/${NO_PROJECT}`)).status, 202);
    });
  });

  describe(`setting quota sets on ${engine}`, () => {
    let api: Api;
    before(async () => {
      api = await startWithQuota({ engine });
    });
    after(() => api.close());
    beforeEach(async () => {
      await api.request('DELETE', `/os-quota-sets/${project}`);
    });

    const put = (limits: object, { query = '', ...options }: RequestOptions & { query?: string } = {}) =>
      api.request('PUT', `/os-quota-sets/${project}${query}`, { ...options, body: { quota_set: limits } });
    const refused = async (limits: object, query = ''): Promise<string> => {
      const { status, body } = await put(limits, { query });
      assert.equal(status, 400);
      return body.badRequest.message;
    };
    const show = async (query = '') =>
      (await api.request('GET', `/os-quota-sets/${project}${query}`)).body.quota_set as Record<string, number>;

    it('sets numbers, also as text, and answers with all limits and no id', async () => {
      const { status, body } = await put({ instances: 5, cores: '30', ram: '-1' }, { version: '2.57' });
      assert.equal(status, 200);
      assert.deepEqual(body.quota_set, {
        cores: 30,
        instances: 5,
        key_pairs: 100,
        metadata_items: 128,
        ram: -1,
        server_groups: 10,
        server_group_members: 10,
      });
      const { instances, cores, ram } = await show();
      assert.deepEqual([instances, cores, ram], [5, 30, -1]);
    });

    it('takes what a version knows', async () => {
      assert.equal((await put({ floating_ips: 1 }, { version: '2.35' })).status, 200);
      assert.equal((await put({ floating_ips: 1 }, { version: '2.36' })).status, 400);
      assert.equal((await put({ injected_files: 1 }, { version: '2.56' })).status, 200);
      assert.equal((await put({ injected_files: 1 }, { version: '2.57' })).status, 400);
      assert.equal((await put({ nonsense: 1 })).status, 400);
      assert.equal((await put({ cores: -2 })).status, 400);
      assert.equal((await put({ cores: 1 }, { query: '?x=1', version: '2.74' })).status, 400);
      assert.equal((await put({ cores: 20 }, { query: '?x=1', version: '2.74' })).status, 200);
      assert.equal((await put({ cores: 20 }, { query: '?x=1', version: '2.75' })).status, 400);
    });

    it('refuses less than is used, unless forced; all or nothing', async () => {
      const message = 'Quota limit 2 for instances must be greater than or equal to already used and reserved 3.';
      assert.equal(await refused({ cores: 25, instances: 2 }), message);
      assert.equal((await show())['cores'], 30, 'the class default: nothing was set');
      assert.equal((await put({ instances: 2, force: 'True' })).status, 200);
      assert.equal((await show())['instances'], 2);
      assert.match(await refused({ cores: 5 }), /^Quota limit 5 for cores .* reserved 6\.$/);
      assert.equal((await put({ cores: 6 })).status, 200);
    });

    it('shares a project out among its users', async () => {
      const query = '?user_id=member-user';
      assert.equal((await put({ instances: 4 }, { query })).status, 200);
      assert.equal((await put({ instances: 3 }, { query: '?user_id=manager-user' })).status, 200);
      assert.equal((await show(query))['instances'], 4);
      assert.equal((await show())['instances'], 10);
      const tooMuch = 'Quota limit 8 for instances must be less than or equal to 7.';
      assert.equal(await refused({ instances: 8 }, query), tooMuch);
      assert.equal(
        await refused({ instances: -1 }, query),
        'Quota limit -1 for instances must be less than or equal to 7.',
      );
      assert.match(await refused({ instances: 0 }, query), /already used and reserved 1\.$/);
      assert.equal((await put({ instances: 7 }, { query })).status, 200);
      // the project needs what its users were given
      assert.match(await refused({ instances: 9 }), /^Quota limit 9 for instances .* reserved 10\.$/);
      assert.equal((await put({ instances: -1 })).status, 200);
      assert.equal((await put({ instances: -1 }, { query })).status, 200, 'of no limit everybody may have as much');
    });

    it('keeps for the project what users do not have of their own', async () => {
      await put({ fixed_ips: 4 }, { query: '?user_id=member-user' });
      assert.equal((await show())['fixed_ips'], 4);
    });

    it('goes back to the defaults: one user, or all', async () => {
      const query = '?user_id=member-user';
      await put({ cores: 25 });
      await put({ cores: 8 }, { query });
      const answer = await api.request('DELETE', `/os-quota-sets/${project}${query}`);
      assert.deepEqual([answer.status, answer.text], [202, '']);
      assert.equal((await show(query))['cores'], 25);
      await put({ cores: 8 }, { query });
      assert.equal((await api.request('DELETE', `/os-quota-sets/${project}`)).status, 202);
      assert.deepEqual([(await show())['cores'], (await show(query))['cores']], [30, 30]);
    });

    it('is for administrators', async () => {
      assert.equal((await put({ cores: 30 }, { as: 'manager' })).status, 403);
      assert.equal((await api.request('DELETE', `/os-quota-sets/${project}`, { as: 'manager' })).status, 403);
    });
  });

  describe(`quota classes on ${engine}`, () => {
    let api: Api;
    before(async () => {
      api = await startWithQuota({ engine });
    });
    after(() => api.close());

    const path = (name: string) => `/os-quota-class-sets/${name}`;
    const put = (name: string, limits: object, options: RequestOptions = {}) =>
      api.request('PUT', path(name), { ...options, body: { quota_class_set: limits } });

    it('show and set their limits; `default` is everybody’s', async () => {
      const answer = await put('default', { instances: 7, cores: '9' }, { version: '2.57' });
      assert.equal(answer.status, 200);
      assert.equal(answer.body.quota_class_set.id, undefined);
      assert.equal(answer.body.quota_class_set.cores, 9);
      const { quota_class_set: set } = (await api.request('GET', path('default'))).body;
      assert.deepEqual([set.id, set.instances, set.cores, set.ram], ['default', 7, 9, 51_200]);
      const theirs = (await api.request('GET', `/os-quota-sets/${OTHER}`)).body.quota_set;
      assert.deepEqual([theirs.instances, theirs.cores], [7, 9]);
    });

    it('other than `default` bind nobody', async () => {
      assert.equal((await put('gold', { ram: 1 })).status, 200);
      assert.equal((await api.request('GET', path('gold'))).body.quota_class_set.ram, 1);
      assert.equal((await api.request('GET', path('silver'))).body.quota_class_set.ram, 51_200);
      assert.equal((await api.request('GET', `/os-quota-sets/${OTHER}`)).body.quota_set.ram, 51_200);
    });

    it('change their fields over the versions', async () => {
      const has = async (version: string) => {
        const set = (await api.request('GET', path('default'), { version })).body.quota_class_set;
        return ['floating_ips', 'server_groups', 'injected_files'].map((key) => key in set);
      };
      assert.deepEqual(await has('2.49'), [true, false, true]);
      assert.deepEqual(await has('2.50'), [false, true, true]);
      assert.deepEqual(await has('2.57'), [false, true, false]);
      assert.equal((await put('default', { server_groups: 5 }, { version: '2.1' })).status, 200);
      assert.equal((await put('default', { floating_ips: 5 }, { version: '2.50' })).status, 400);
      assert.equal((await put('default', { injected_files: 5 }, { version: '2.57' })).status, 400);
      assert.equal((await api.request('GET', `${path('default')}?x=1`, { version: '2.101' })).status, 200);
      assert.equal((await api.request('GET', `${path('default')}?x=1`, { version: '2.102' })).status, 400);
    });

    it('have names of at most 255 characters, and are for administrators', async () => {
      assert.equal((await put('c'.repeat(255), { ram: 1 })).status, 200);
      const { status, body } = await put('c'.repeat(256), { ram: 1 });
      assert.deepEqual([status, body.badRequest.message], [400, 'quota_class_name has 256 characters, more than 255.']);
      assert.equal((await put('default', { ram: 1 }, { as: 'manager' })).status, 403);
      assert.equal((await api.request('GET', path('default'), { as: 'manager' })).status, 403);
    });
  });
}

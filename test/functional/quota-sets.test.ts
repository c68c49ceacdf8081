import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Api, RequestOptions } from '../support/api.ts';
import { engines } from '../support/database.ts';
import { project, startWithQuota } from '../support/quota.ts';

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
    });
  });
}

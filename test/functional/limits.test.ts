import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Api, RequestOptions } from '../support/api.ts';
import { engines } from '../support/database.ts';
import { project, startWithQuota } from '../support/quota.ts';

for (const engine of engines) {
  describe(`limits on ${engine}`, () => {
    let api: Api;
    before(async () => {
      api = await startWithQuota({ engine });
    });
    after(() => api.close());

    const limits = async (query = '', options: RequestOptions = { as: 'reader' }) => {
      const { status, body } = await api.request('GET', `/limits${query}`, options);
      assert.equal(status, 200);
      assert.deepEqual(body.limits.rate, []);
      return body.limits.absolute as Record<string, number>;
    };
    it('count what servers hold now, not what their flavors allow', async () => {
      const { totalInstancesUsed, totalCoresUsed, totalRAMUsed, maxTotalInstances, maxTotalCores, maxTotalRAMSize } =
        await limits();
      assert.deepEqual([totalInstancesUsed, totalCoresUsed, totalRAMUsed], [3, 6, 3072]);
      assert.deepEqual([maxTotalInstances, maxTotalCores, maxTotalRAMSize], [10, 40, -1]);
    });

    it('lose fields over the versions', async () => {
      const has = async (version: string, ...keys: string[]) => {
        const shown = await limits('', { as: 'member', version });
        return keys.map((key) => key in shown);
      };
      const keys = ['maxTotalFloatingIps', 'maxImageMeta', 'maxPersonality', 'maxServerMeta'];
      assert.deepEqual(await has('2.35', ...keys), [true, true, true, true]);
      assert.deepEqual(await has('2.36', ...keys), [false, true, true, true]);
      assert.deepEqual(await has('2.39', ...keys), [false, false, true, true]);
      assert.deepEqual(await has('2.57', ...keys), [false, false, false, true]);
    });

    it('of a named project are for administrators', async () => {
      const theirs = `?tenant_id=${project}&reserved=1`;
      assert.equal((await limits(theirs, { as: 'admin' }))['totalInstancesUsed'], 3);
      assert.equal((await limits('', { as: 'admin' }))['totalInstancesUsed'], 0);
      // as in Nova also where the project is the caller's own
      for (const as of ['other', 'reader'] as const) {
        const refused = await api.request('GET', `/limits${theirs}`, { as });
        assert.equal(refused.status, 403);
        assert.match(refused.body.forbidden.message, /os_compute_api:limits:other_project/);
      }
      assert.equal((await api.request('GET', '/limits?reserved=1', { version: '2.75' })).status, 400);
    });
  });
}

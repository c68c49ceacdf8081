// A server's tags: one by one and all at once, their limits, and when they may change.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Who } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

const MOST = 50;

for (const engine of engines) {
  describe(`tags of servers on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    before(async () => {
      servers = await startServers({ engine });
      id = await servers.create();
    });
    after(() => servers.close());

    const ask = (method: string, tag = '', body?: unknown, as: Who = 'member', version = '2.26') =>
      servers.request(method, `/servers/${id}/tags${tag}`, { as, version, ...(body === undefined ? {} : { body }) });
    const all = async () => (await ask('GET')).body.tags;
    const reset = (tags: unknown) => ask('PUT', '', { tags });

    it('are there from 2.26 on', async () => {
      for (const [method, tag, body] of [
        ['GET', '', undefined],
        ['PUT', '', { tags: [] }],
        ['DELETE', '', undefined],
        ['GET', '/a', undefined],
        ['PUT', '/a', undefined],
        ['DELETE', '/a', undefined],
      ] as const) {
        assert.equal((await ask(method, tag, body, 'member', '2.25')).status, 404, method + tag);
      }
      assert.deepEqual((await ask('GET', '?x=1', undefined, 'member', '2.104')).body, { tags: [] });
    });

    it('are replaced, listed and removed', async () => {
      const set = await reset(['web', 'blau', 'web']);
      assert.deepEqual([set.status, set.body], [200, { tags: ['blau', 'web'] }]);
      assert.deepEqual((await servers.show(id, { version: '2.26' })).tags, ['blau', 'web']);
      assert.deepEqual((await reset(['web', 'Web'])).body.tags, ['Web', 'web']);
      const gone = await ask('DELETE');
      assert.deepEqual([gone.status, gone.text], [204, '']);
      assert.deepEqual(await all(), []);
      assert.equal((await ask('DELETE')).status, 204);
    });

    it('one is added, asked for and removed', async () => {
      const added = await ask('PUT', '/b%C3%A4r%20%26');
      assert.deepEqual([added.status, added.text], [201, '']);
      const location = added.headers['location'] as string;
      assert.equal(location, `${servers.url}/v2.1/servers/${id}/tags/b%C3%A4r%20%26`);
      assert.deepEqual(await all(), ['bär &']);
      const again = await ask('PUT', '/b%C3%A4r%20%26');
      assert.deepEqual([again.status, again.text, again.headers['location']], [204, '', undefined]);
      const path = location.slice(`${servers.url}/v2.1`.length);
      const has = await servers.request('GET', path, { as: 'reader', version: '2.26' });
      assert.deepEqual([has.status, has.text], [204, '']);
      assert.equal((await ask('DELETE', '/b%C3%A4r%20%26')).status, 204);
      const asked = await ask('GET', '/none');
      assert.deepEqual([asked.status, asked.body.itemNotFound.message], [404, `Server ${id} has no tag 'none'`]);
      const removed = await ask('DELETE', '/none');
      assert.deepEqual([removed.status, removed.body.itemNotFound.message], [404, `Instance ${id} has no tag 'none'`]);
    });

    it('have limits', async () => {
      const many = Array.from({ length: MOST }, (_, index) => `t${index}`);
      assert.equal((await reset([...many, 'more'])).status, 400);
      for (const tags of [null, 'a', [1], [''], ['a,b'], ['a/b'], ['x'.repeat(61)]]) {
        assert.equal((await reset(tags)).status, 400, JSON.stringify(tags));
      }
      for (const body of [{}, { tags: [], more: 1 }]) assert.equal((await ask('PUT', '', body)).status, 400);
      assert.equal((await reset(['x'.repeat(60), '\u{1F600}'.repeat(60)])).status, 200);
      assert.equal((await ask('PUT', '/a', {})).status, 400);
      for (const [tag, reason] of [
        ['a,b', "'a,b' does not match '^[^,/]*$'"],
        ['x'.repeat(61), `'${'x'.repeat(61)}' is too long`],
      ] as const) {
        const answer = await ask('PUT', `/${tag}`);
        assert.equal(answer.status, 400);
        assert.equal(
          answer.body.badRequest.message,
          `Tag '${tag}' is invalid. It must be a non empty string without characters '/' and ','. Validation error message: ${reason}`,
        );
      }
      assert.equal((await reset(many)).status, 200);
      for (const tag of ['more', 't1']) {
        const full = await ask('PUT', `/${tag}`);
        assert.equal(full.status, 400);
        assert.equal(full.body.badRequest.message, `The number of tags exceeded the per-server limit ${MOST}`);
      }
    });

    it('many who add at once never exceed the limit', async () => {
      await reset(Array.from({ length: MOST - 2 }, (_, index) => `t${index}`));
      const answers = await Promise.all(['a', 'b', 'c', 'd'].map((tag) => ask('PUT', `/${tag}`)));
      const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
      assert.deepEqual(statuses, [201, 201, 400, 400]);
      assert.equal((await all()).length, MOST);
    });

    it('change only where Nova lets them, locked or not', async () => {
      await reset(['a']);
      for (const state of ['building', 'error', 'rescued', 'resized', 'shelved', 'shelved_offloaded', 'soft-delete']) {
        await servers.set(id, { vm_state: state });
        for (const [method, tag, body, word] of [
          ['PUT', '', { tags: [] }, 'update tags'],
          ['DELETE', '', undefined, 'delete tags'],
          ['PUT', '/a,b', undefined, 'update tag'],
          ['DELETE', '/none', undefined, 'delete tag'],
        ] as const) {
          const answer = await ask(method, tag, body);
          assert.deepEqual(
            [answer.status, answer.body.conflictingRequest?.message],
            [409, `Cannot '${word}' instance ${id} while it is in vm_state ${state}`],
          );
        }
        assert.equal((await ask('GET', '/a')).status, 204);
      }
      for (const state of ['paused', 'suspended', 'stopped', 'active']) {
        await servers.set(id, { vm_state: state, task_state: 'rebooting', locked_by: 'admin' });
        assert.equal((await ask('PUT', `/${state}`)).status, 201, state);
      }
      await servers.set(id, { task_state: null, locked_by: null });
      assert.deepEqual(await all(), ['a', 'active', 'paused', 'stopped', 'suspended']);
    });

    it('are read by readers, written by members, and nobody else’s business', async () => {
      await reset(['a']);
      for (const [method, tag, body, mayRead] of [
        ['GET', '', undefined, 200],
        ['GET', '/a', undefined, 204],
        ['PUT', '', { tags: [] }, 403],
        ['PUT', '/b', undefined, 403],
        ['DELETE', '/a', undefined, 403],
        ['DELETE', '', undefined, 403],
      ] as const) {
        assert.equal((await ask(method, tag, body, 'reader')).status, mayRead, method + tag);
        assert.equal((await ask(method, tag, body, 'other')).status, 404, method + tag);
      }
      assert.deepEqual(await all(), ['a']);
    });
  });
}

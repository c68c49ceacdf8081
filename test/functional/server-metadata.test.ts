// A server's metadata: what each call leaves behind, when it is refused, and that nothing is lost when many write at once.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Who } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const QUOTA = 4;

for (const engine of engines) {
  describe(`metadata of servers on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    before(async () => {
      servers = await startServers({
        engine,
        config: { quota: { ...testConfig.quota, metadata_items: QUOTA } },
      });
      id = await servers.create({ metadata: { a: '1' } });
    });
    after(() => servers.close());

    const ask = (method: string, key = '', body?: unknown, as: Who = 'member', version = '2.1') =>
      servers.request(method, `/servers/${id}/metadata${key}`, {
        as,
        version,
        ...(body === undefined ? {} : { body }),
      });
    const all = async () => (await ask('GET')).body.metadata;
    const reset = (metadata: object) => ask('PUT', '', { metadata });

    it('POST adds and changes, PUT replaces', async () => {
      const added = await ask('POST', '', { metadata: { b: '2', a: 'one' } });
      assert.deepEqual([added.status, added.body], [200, { metadata: { a: 'one', b: '2' } }]);
      assert.deepEqual(await all(), { a: 'one', b: '2' });
      assert.deepEqual((await servers.show(id)).metadata, { a: 'one', b: '2' });
      const replaced = await reset({ c: '' });
      assert.deepEqual([replaced.status, replaced.body], [200, { metadata: { c: '' } }]);
      assert.deepEqual(await all(), { c: '' });
      assert.deepEqual((await reset({})).body, { metadata: {} });
      assert.deepEqual(await all(), {});
    });

    it('one item is set, shown and removed', async () => {
      await reset({ keep: 'x' });
      const set = await ask('PUT', '/k%20.1', { meta: { 'k .1': 'v' } });
      assert.deepEqual([set.status, set.body], [200, { meta: { 'k .1': 'v' } }]);
      assert.deepEqual((await ask('GET', '/k%20.1')).body, { meta: { 'k .1': 'v' } });
      assert.deepEqual(await all(), { keep: 'x', 'k .1': 'v' });
      const gone = await ask('DELETE', '/k%20.1');
      assert.deepEqual([gone.status, gone.text], [204, '']);
      assert.deepEqual(await all(), { keep: 'x' });
      for (const method of ['GET', 'DELETE']) {
        const missing = await ask(method, '/k%20.1');
        assert.deepEqual(
          [missing.status, missing.body.itemNotFound.message],
          [404, 'Metadata item was not found'],
          method,
        );
      }
    });

    it('keys that mean something to the program are keys like others', async () => {
      assert.equal((await reset({ constructor: 'y', valueOf: 'z' })).status, 200);
      for (const key of ['/toString', '/__proto__']) assert.equal((await ask('GET', key)).status, 404);
      assert.equal((await ask('DELETE', '/valueOf')).status, 204);
      assert.deepEqual(await all(), { constructor: 'y' });
    });

    it('refuses what does not fit', async () => {
      await reset({ a: '1' });
      for (const metadata of [
        null,
        [],
        { a: 1 },
        { a: null },
        { a: 'x'.repeat(256) },
        { '': 'x' },
        { 'a/b': 'x' },
        { ['x'.repeat(256)]: 'x' },
      ]) {
        for (const method of ['POST', 'PUT']) {
          assert.equal((await ask(method, '', { metadata })).status, 400, JSON.stringify(metadata));
        }
      }
      for (const body of [{}, { meta: {} }, { meta: { a: '1', b: '2' } }, { metadata: { a: '1' } }]) {
        assert.equal((await ask('PUT', '/a', body)).status, 400, JSON.stringify(body));
      }
      const other = await ask('PUT', '/a', { meta: { b: '2' } });
      assert.deepEqual([other.status, other.body.badRequest.message], [400, 'Request body and URI mismatch']);
      assert.deepEqual(await all(), { a: '1' });
    });

    it('the quota counts what there would be', async () => {
      const four = { a: '1', b: '2', c: '3', d: '4' };
      assert.equal((await reset(four)).status, 200);
      for (const refused of [
        await ask('POST', '', { metadata: { e: '5' } }),
        await ask('PUT', '/e', { meta: { e: '5' } }),
        await reset({ ...four, e: '5' }),
      ]) {
        assert.equal(refused.status, 403);
        assert.equal(refused.body.forbidden.message, `Maximum number of metadata items exceeds ${QUOTA}`);
      }
      assert.equal((await ask('POST', '', { metadata: { d: 'four' } })).status, 200);
      assert.deepEqual(await all(), { ...four, d: 'four' });
    });

    it('many who write at once lose nothing', async () => {
      await reset({});
      const answers = await Promise.all(
        ['a', 'b', 'c', 'd', 'e'].map((key) => ask('PUT', `/${key}`, { meta: { [key]: 'x' } })),
      );
      const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
      assert.deepEqual(statuses, [200, 200, 200, 200, 403]);
      assert.equal(Object.keys(await all()).length, QUOTA);
    });

    it('changes them only where Nova does', async () => {
      await reset({ a: '1' });
      const refusals = async (reason: (word: 'update' | 'delete') => string) => {
        for (const [method, key, body, word] of [
          ['POST', '', { metadata: { a: '2' } }, 'update'],
          ['PUT', '', { metadata: { a: '2' } }, 'update'],
          ['PUT', '/a', { meta: { a: '2' } }, 'update'],
          ['DELETE', '/a', undefined, 'delete'],
        ] as const) {
          const answer = await ask(method, key, body);
          assert.deepEqual([answer.status, answer.body.conflictingRequest?.message], [409, reason(word)], method + key);
        }
      };
      for (const state of ['building', 'error', 'rescued', 'resized', 'shelved', 'shelved_offloaded', 'soft-delete']) {
        await servers.set(id, { vm_state: state });
        await refusals((word) => `Cannot '${word} metadata' instance ${id} while it is in vm_state ${state}`);
      }
      await servers.set(id, { vm_state: 'active', locked_by: 'owner' });
      await refusals(() => `Instance ${id} is locked`);
      assert.equal((await ask('PUT', '/a', { meta: { a: 'admin' } }, 'admin')).status, 200);
      await servers.set(id, { locked_by: null });
      for (const state of ['paused', 'suspended', 'stopped', 'active']) {
        await servers.set(id, { vm_state: state, task_state: 'rebooting' });
        assert.equal((await ask('PUT', '/a', { meta: { a: state } })).status, 200, state);
      }
      await servers.set(id, { task_state: null });
      assert.deepEqual(await all(), { a: 'active' });
    });

    it('is read by readers, written by members, and nobody else’s business', async () => {
      assert.equal((await ask('GET', '', undefined, 'reader')).status, 200);
      assert.equal((await ask('GET', '/a', undefined, 'reader')).status, 200);
      for (const [method, key, body] of [
        ['POST', '', { metadata: {} }],
        ['PUT', '', { metadata: {} }],
        ['PUT', '/a', { meta: { a: '1' } }],
        ['DELETE', '/a', undefined],
      ] as const) {
        assert.equal((await ask(method, key, body, 'reader')).status, 403, method + key);
        const hidden = await ask(method, key, body, 'other');
        assert.deepEqual(
          [hidden.status, hidden.body.itemNotFound.message],
          [404, `Instance ${id} could not be found.`],
        );
      }
      assert.equal((await ask('GET', '', undefined, 'other')).status, 404);
    });

    it('unknown parameters are refused from 2.102 on', async () => {
      for (const key of ['?x=1', '/a?x=1']) {
        assert.equal((await ask('GET', key, undefined, 'member', '2.101')).status, 200);
        assert.equal((await ask('GET', key, undefined, 'member', '2.102')).status, 400);
      }
    });
  });
}

// A list is asked for with everything many times over: each question is answered or refused, and never by the engine's limits.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { limits } from '../../../src/base/limits.ts';
import { engines } from '../../support/database.ts';
import { type Servers, startServers } from '../../support/servers.ts';

const times = (count: number, word: (index: number) => string, by = '&') =>
  Array.from({ length: count }, (_, index) => word(index)).join(by);

for (const engine of engines) {
  describe(`lists of servers on ${engine}`, () => {
    let servers: Servers;
    let ids: readonly string[];
    before(async () => {
      servers = await startServers({ engine, recorded: false });
      ids = [await servers.create({ name: 'a' }), await servers.create({ name: 'b' })];
    });
    after(() => servers.close());
    const list = (query: string) => servers.request('GET', `/servers?${query}`, { as: 'member', version: '2.96' });

    it('sort by a key as often as it is named, once', async () => {
      const keys = times(400, () => 'sort_key=uuid');
      const { status, body, text } = await list(`${keys}&sort_dir=asc&limit=1`);
      assert.equal(status, 200, text);
      const [first] = body.servers as { id: string }[];
      assert.equal(first?.id, ids.toSorted()[0]);
      const next = await list(`${keys}&sort_dir=asc&marker=${first?.id}`);
      assert.deepEqual(
        next.body.servers.map(({ id }: { id: string }) => id),
        ids.toSorted().slice(1),
      );
    });

    it('take each of many words of a filter once', async () => {
      for (const name of ['tags', 'tags-any', 'not-tags', 'not-tags-any']) {
        const same = await list(`${name}=${times(2_500, () => 'x', ',')}`);
        assert.equal(same.status, 200, `${name}: ${same.text}`);
        const most = await list(`${name}=${times(limits.queryWords, (index) => `t${index}`, ',')}`);
        assert.equal(most.status, 200, `${name}: ${most.text}`);
        const more = await list(`${name}=${times(limits.queryWords + 1, (index) => `t${index}`, ',')}`);
        assert.deepEqual(
          [more.status, more.body.badRequest.message],
          [400, `Invalid input for query parameters ${name}. More than ${limits.queryWords} values are too long.`],
        );
      }
    });

    it('take no more parameters than their bound, known or not', async () => {
      // the second is a filter, of the first `a` is no value, and nothing is called like the third
      for (const [name, atTheBound] of [
        ['status', 400],
        ['name', 200],
        ['x', 400],
      ] as const) {
        const most = await list(times(limits.queryValues, () => `${name}=a`));
        assert.equal(most.status, atTheBound, name);
        assert.doesNotMatch(most.text, /values are too long/);
        const { status, body } = await list(times(limits.queryValues + 1, () => `${name}=a`));
        assert.deepEqual(
          [status, body.badRequest.message],
          [400, `Invalid input for query parameters ${name}. More than ${limits.queryValues} values are too long.`],
        );
      }
    });
  });
}

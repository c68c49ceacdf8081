// A list of network objects by every tag that they have, where tags are as heavy as they may be: everybody else goes on meanwhile.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { limits } from '../../../src/base/limits.ts';
import { networkNoun, type StoredNetwork } from '../../../src/db/networks.ts';
import { insertRow } from '../../../src/db/table.ts';
import { tx } from '../../../src/db/tx.ts';
import { callers, type Cloud, startCloud } from '../../support/cloud.ts';
import { engines } from '../../support/database.ts';
import { costOf } from '../../support/cost.ts';

/** So many times what the list costs that nothing is sought in. */
const BAR = 4;
const COUNT = 600;

const network = (at: number, tags: readonly string[]): StoredNetwork => ({
  ...{ id: randomUUID(), projectId: callers.demo.projectId ?? '', name: `n${at}`, description: '', tags, revision: 1 },
  ...{ createdAt: at, updatedAt: at, adminStateUp: true, shared: false, external: false, isDefault: false },
  ...{ portSecurityEnabled: true, mtu: 1500, qosPolicyId: null },
  ...{ networkType: null, physicalNetwork: null, segmentationId: null },
});
const tags = Array.from({ length: limits.tagsPerServer }, (_, at) => `${'"'.repeat(58)}${at + 10}`);

for (const engine of engines) {
  describe(`lists of network objects on ${engine}`, () => {
    let cloud: Cloud;
    before(async () => {
      cloud = await startCloud({ engine });
      await tx(cloud.database, async (trx) => {
        for (let at = 0; at < COUNT; at += 1) await insertRow(trx, networkNoun, network(at, tags));
        for (let at = 0; at < 9; at += 1)
          await insertRow(trx, networkNoun, network(at, ['a', at % 2 ? 'odd' : 'x"odd']));
      });
    });
    after(() => cloud.close());
    const namesOf = async (query: string): Promise<string[]> => {
      const { status, json, text } = await cloud.ask('demo', 'GET', `/network/v2.0/networks?${query}`);
      assert.equal(status, 200, text);
      return json.networks.map(({ name }: { name: string }) => name);
    };

    it('find in a moment what has all of many tags', async () => {
      const query = tags.map((tag) => `tags=${encodeURIComponent(tag)}`).join('&');
      const all = await costOf(() => namesOf('limit=1000&fields=name'));
      const sought = await costOf(async () => {
        assert.equal((await namesOf(`${query}&limit=1000&fields=name`)).length, COUNT);
      });
      assert.ok(sought < BAR * all, `${sought} ms, ${all} ms for all`);
    });

    it('find what has a tag, and not what has one that ends like it', async () => {
      assert.deepEqual(await namesOf('tags=odd,a'), ['n1', 'n3', 'n5', 'n7']);
      assert.deepEqual(await namesOf('tags=x%22odd&limit=2'), ['n0', 'n2']);
      const { json } = await cloud.ask('demo', 'GET', '/network/v2.0/networks?tags=odd&limit=3');
      assert.equal(json.networks.length, 3);
      assert.deepEqual(await namesOf(new URL(json.networks_links[0].href).search.slice(1)), ['n7']);
    });
  });
}

// A list of images over the heaviest that images may hold: everybody else goes on meanwhile, nobody reads more than he shows, and
// both engines say the same.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';
import { limits } from '../../../src/base/limits.ts';
import { insertImage, type StoredImage } from '../../../src/db/images.ts';
import { tx } from '../../../src/db/tx.ts';
import { callers, type Cloud, startCloud } from '../../support/cloud.ts';
import { engines } from '../../support/database.ts';
import { costOf, longestTurn } from '../../support/cost.ts';

/** What others may have to wait for a list, in time of the processor. */
const BAR_MS = 250;

const image = (more: Partial<StoredImage>): StoredImage => ({
  ...{ id: randomUUID(), name: 'heavy', status: 'queued', visibility: 'private', owner: callers.demo.projectId },
  ...{ diskFormat: null, containerFormat: null, minDiskGb: 0, minRamMb: 0, sizeBytes: null, virtualSizeBytes: null },
  ...{ checksum: null, osHashAlgo: null, osHashValue: null, protected: false, hidden: false },
  ...{ properties: {}, tags: [], createdAt: 1_000, updatedAt: 1_000 },
  ...more,
});
const small = Array.from({ length: 120 }, (_, at) => [`b${at}`, `v${at}`] as const);
const heavy = { a: '"'.repeat(30_000), ...Object.fromEntries(small) };
const smallTags = Array.from({ length: 60 }, (_, at) => `t${at}`);
const heavyTags = [...Array.from({ length: 60 }, (_, at) => `${'"'.repeat(250)}${at}`), ...smallTags];

for (const engine of engines) {
  describe(`lists of heavy images on ${engine}`, () => {
    let cloud: Cloud;
    before(async () => {
      cloud = await startCloud({ engine });
    });
    after(() => cloud.close());
    afterEach(() => cloud.database.write('images').delete());

    const insert = (images: readonly StoredImage[]) =>
      tx(cloud.database, async (trx) => {
        for (const each of images) await insertImage(trx, each);
      });
    const ask = (query: string) => cloud.ask('demo', 'GET', `/image/v2/images?${query}`);
    const idsOf = async (query: string): Promise<string[]> => {
      const { status, json, text } = await ask(query);
      assert.equal(status, 200, text);
      return json.images.map(({ id }: { id: string }) => id);
    };
    /** The characters that each statement has read meanwhile. */
    const reads = async (work: () => Promise<unknown>): Promise<number[]> => {
      const sizes: number[] = [];
      const note = (answer: unknown) => sizes.push(JSON.stringify(answer).length);
      cloud.database.read.on('query-response', note);
      await work();
      cloud.database.read.off('query-response', note);
      return sizes;
    };

    it('by every property that they have', async () => {
      await insert(Array.from({ length: 60 }, () => image({ properties: heavy })));
      const query = `limit=100&${new URLSearchParams(Object.fromEntries(small)).toString()}`;
      let waited = 0;
      const cost = await costOf(async () => {
        waited = await longestTurn(async () => assert.ok((await idsOf(query)).length > 0));
      });
      assert.ok(waited < BAR_MS, `${waited} ms`);
      assert.ok(cost < 2_000, `${cost} ms`);
      assert.deepEqual(await idsOf(`${query}&b119=other`), []);
    });

    it('by every tag that they have', async () => {
      await insert(Array.from({ length: 200 }, () => image({ tags: heavyTags })));
      const query = smallTags.map((tag) => `tag=${tag}`).join('&');
      const waited = await longestTurn(async () => {
        assert.ok((await idsOf(`limit=1000&${query}`)).length > 0);
      });
      assert.ok(waited < BAR_MS, `${waited} ms`);
      assert.deepEqual(await idsOf(`${query}&tag=other`), []);
    });

    it('by properties that are there, and not by what looks like them', async () => {
      const [named, looks, tagged] = [
        image({ properties: { b0: 'v0', b1: '' } }),
        image({ properties: { 'x"b0': 'v0', c: '"b0":"v0"' } }),
        image({ tags: ['x"y'] }),
      ];
      await insert([named, looks, tagged]);
      assert.deepEqual(await idsOf('b0=v0'), [named.id]);
      assert.deepEqual(await idsOf('b0=v0&b1='), [named.id]);
      assert.deepEqual(await idsOf('b0=V0'), []);
      assert.deepEqual(await idsOf('tag=y'), []);
      assert.deepEqual(await idsOf('__proto__=x'), []);
      assert.deepEqual(await idsOf('constructor=x'), []);
    });

    it('are looked through piece by piece, and so much of them at most', async () => {
      await insert(Array.from({ length: 60 }, (_, at) => image({ properties: { ...heavy, at: `${at}` } })));
      const sizes = await reads(async () => assert.equal((await idsOf('at=59')).length, 1));
      assert.ok(sizes.length > 1, 'more than one piece is read');
      for (const size of sizes) assert.ok(size < 2 * limits.imagePieceBytes, `${size} at once`);
      const each = JSON.stringify(heavy).length;
      await insert(
        Array.from({ length: Math.ceil(limits.imageFilterBytes / each) }, () => image({ properties: heavy })),
      );
      const refused = await ask('at=none');
      assert.equal(refused.status, 400, refused.text);
      assert.match(refused.text, /ask for less/);
      assert.equal((await idsOf('at=none&name=other')).length, 0, 'what other filters leave is looked through');
    });

    it('pages of filtered images follow each other', async () => {
      const made = Array.from({ length: 9 }, (_, at) => image({ properties: { odd: `${at % 2}` }, createdAt: at }));
      await insert(made);
      const seen: string[] = [];
      let next: string | undefined = '/v2/images?odd=1&limit=2&sort=created_at:asc';
      while (next !== undefined) {
        const answer = await cloud.ask('demo', 'GET', `/image${next}`);
        seen.push(...answer.json.images.map(({ id }: { id: string }) => id));
        next = answer.json.next;
      }
      assert.deepEqual(
        seen,
        made.filter((_, at) => at % 2 === 1).map(({ id }) => id),
      );
    });

    it('are read as far as a page goes, and not all of them', async () => {
      const made = Array.from({ length: 90 }, (_, at) =>
        image({ createdAt: at, ...(at % 2 === 0 ? { properties: heavy } : { tags: heavyTags }) }),
      );
      await insert(made);
      const seen: string[] = [];
      let next: string | undefined = '/v2/images?limit=1000&sort=created_at:asc';
      let pages = 0;
      while (next !== undefined) {
        const path = next;
        const sizes = await reads(async () => {
          const answer = await cloud.ask('demo', 'GET', `/image${path}`);
          assert.ok(answer.text.length < 1.1 * limits.imagePageBytes, `${answer.text.length} characters of an answer`);
          seen.push(...answer.json.images.map(({ id }: { id: string }) => id));
          next = answer.json.next;
        });
        const read = sizes.reduce((sum, size) => sum + size, 0);
        assert.ok(read > 0, 'what is read is seen');
        // written as JSON once more, every quote and backslash is two
        assert.ok(read < 4 * limits.imagePageBytes, `${read} characters read for a page`);
        pages += 1;
      }
      assert.deepEqual(
        seen,
        made.map(({ id }) => id),
      );
      assert.ok(pages > 1);
    });
  });
}

// The old image calls of the compute API: what they show, which images they find, and who may change what.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setLimit } from '../../src/db/quota-sets.ts';
import { tx } from '../../src/db/tx.ts';
import { IMAGE_URL, type RequestOptions } from '../support/api.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { testImage, uuidOf } from '../support/neighbours.ts';
import { type Servers, startServers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`image proxies on ${engine}`, () => {
    let servers: Servers;
    const owner = callers.member.projectId;
    const own = testImage({
      id: uuidOf('own', engine),
      name: 'own',
      owner,
      visibility: 'private',
      minRamMb: 64,
      minDiskGb: 1,
      sizeBytes: 77,
      properties: { a: '1', auto_disk_config: 'True', mappings: '[{"device": "vda"}]', block_device_mapping: '{' },
    });
    const queued = testImage({
      ...{ id: uuidOf('queued', engine), name: null, owner, visibility: 'private', status: 'queued' },
      ...{ sizeBytes: null, properties: { auto_disk_config: 'no' } },
    });
    const hidden = testImage({ id: uuidOf('hidden', engine), owner: callers.other.projectId, visibility: 'private' });
    let server = '';
    let snapshot = '';
    before(async () => {
      servers = await startServers({ engine });
      for (const image of [own, queued, hidden]) await servers.world.images.add(image);
      server = await servers.create();
      const made = await servers.act(server, { createImage: { name: 'snap' } }, { version: '2.45' });
      snapshot = made.body.image_id;
      await servers.world.settled();
      const times = [servers.imageId, own.id, queued.id, snapshot];
      for (const [index, id] of times.entries()) {
        const at = Date.UTC(2026, 0, 1, index);
        await servers.world.database.write('images').where({ id }).update({ created_at: at, updated_at: at });
      }
    });
    after(() => servers.close());

    const ask = (method: string, path: string, options: RequestOptions = {}) =>
      servers.request(method, `/images${path}`, { as: 'member', ...options });
    const idsOf = async (query: string, path = '') => {
      const answer = await ask('GET', `${path}${query}`);
      assert.equal(answer.status, 200, answer.text);
      return answer.body.images.map((image: { id: string }) => image.id);
    };

    it('show an image in compute’s words', async () => {
      const linksOf = (of: string, collection: string) => [
        { rel: 'self', href: `${servers.url}/v2.1/${collection}/${of}` },
        { rel: 'bookmark', href: `${servers.url}/${collection}/${of}` },
      ];
      const alternate = (of: string) => ({
        rel: 'alternate',
        type: 'application/vnd.openstack.image',
        href: `${IMAGE_URL}/images/${of}`,
      });
      const { image } = (await ask('GET', `/${own.id}`)).body;
      assert.deepEqual(image, {
        id: own.id,
        name: 'own',
        minRam: 64,
        minDisk: 1,
        metadata: { ...own.properties, mappings: [{ device: 'vda' }] },
        created: '2026-01-01T01:00:00Z',
        updated: '2026-01-01T01:00:00Z',
        status: 'ACTIVE',
        progress: 100,
        'OS-EXT-IMG-SIZE:size': 77,
        'OS-DCF:diskConfig': 'AUTO',
        links: [...linksOf(own.id, 'images'), alternate(own.id)],
      });
      const waiting = (await ask('GET', `/${queued.id}`)).body.image;
      assert.deepEqual(
        [waiting.name, waiting.status, waiting.progress, waiting['OS-EXT-IMG-SIZE:size'], waiting['OS-DCF:diskConfig']],
        [null, 'SAVING', 25, 0, 'MANUAL'],
      );
      const of = (await ask('GET', `/${snapshot}`)).body.image;
      assert.deepEqual(of.server, { id: server, links: linksOf(server, 'servers') });
      assert.equal(of.metadata.image_type, 'snapshot');
      assert.equal(of['OS-DCF:diskConfig'], undefined);
      const states = { saving: ['SAVING', 50], killed: ['ERROR', 0], pending_delete: ['DELETED', 0] };
      for (const [status, shown] of Object.entries({ ...states, deactivated: ['UNKNOWN', 0] })) {
        await servers.world.database.write('images').where({ id: queued.id }).update({ status });
        const { image: now } = (await ask('GET', `/${queued.id}`)).body;
        assert.deepEqual([now.status, now.progress], shown);
      }
      await servers.world.database.write('images').where({ id: queued.id }).update({ status: 'queued' });
    });

    it('list what the caller may see, the newest first, briefly and in detail', async () => {
      const all = [snapshot, queued.id, own.id, servers.imageId];
      assert.deepEqual(await idsOf(''), all);
      assert.deepEqual(await idsOf('', '/detail'), all);
      const brief = (await ask('GET', '')).body.images[0];
      assert.deepEqual(Object.keys(brief), ['id', 'name', 'links']);
      const detail = (await ask('GET', '/detail')).body.images;
      assert.deepEqual(detail[2], (await ask('GET', `/${own.id}`)).body.image);
      const other = (await ask('GET', '', { as: 'other' })).body.images;
      assert.deepEqual(other.map(({ id }: { id: string }) => id).toSorted(), [hidden.id, servers.imageId].toSorted());
    });

    it('filter', async () => {
      for (const path of ['', '/detail']) {
        assert.deepEqual(await idsOf('?name=own', path), [own.id]);
        assert.deepEqual(await idsOf('?status=ACTIVE', path), [snapshot, own.id, servers.imageId]);
        assert.deepEqual(await idsOf('?status=saving', path), []);
        assert.deepEqual(await idsOf('?type=snapshot', path), [snapshot]);
        for (const named of [server, `${servers.url}/v2.1/servers/${server}`]) {
          assert.deepEqual(await idsOf(`?server=${encodeURIComponent(named)}`, path), [snapshot]);
        }
        assert.deepEqual(await idsOf('?changes-since=2026-01-01T02:00:00Z', path), [snapshot, queued.id]);
        assert.deepEqual(await idsOf('?minRam=64', path), [own.id]);
        assert.deepEqual(await idsOf('?minDisk=1&name=own', path), [own.id]);
        assert.deepEqual(await idsOf('?property-a=1', path), [own.id]);
        assert.deepEqual(await idsOf('?name=x&name=own', path), [own.id]);
        assert.deepEqual(await idsOf('?unknown=x&name=own', path), [own.id]);
      }
    });

    it('page', async () => {
      const first = (await ask('GET', '?limit=2')).body;
      assert.deepEqual(
        first.images.map(({ id }: { id: string }) => id),
        [snapshot, queued.id],
      );
      const [next] = first.images_links;
      assert.deepEqual(next, { rel: 'next', href: `${servers.url}/v2.1/images?limit=2&marker=${queued.id}` });
      const second = (await ask('GET', `/detail?limit=2&marker=${queued.id}`)).body;
      assert.deepEqual(
        second.images.map(({ id }: { id: string }) => id),
        [own.id, servers.imageId],
      );
      assert.ok(second.images_links[0].href.startsWith(`${servers.url}/v2.1/images/detail?`));
      assert.equal((await ask('GET', '?limit=9')).body.images_links, undefined);
      for (const wrong of ['?limit=0', '?limit=x', '?page_size=-1', '?offset=a', `?marker=${uuidOf('no')}`]) {
        assert.equal((await ask('GET', wrong)).status, 400, wrong);
      }
      for (const wrong of ['?changes-since=yesterday', '?minDisk=x']) {
        assert.equal((await ask('GET', `/detail${wrong}`)).status, 400, wrong);
      }
    });

    it('end with 2.35, those of metadata with 2.38', async () => {
      for (const [last, after_, paths] of [
        ['2.35', '2.36', ['', '/detail', `/${own.id}`]],
        ['2.38', '2.39', [`/${own.id}/metadata`, `/${own.id}/metadata/a`]],
      ] as const) {
        for (const path of paths) {
          assert.equal((await ask('GET', path, { version: last })).status, 200, path);
          assert.equal((await ask('GET', path, { version: after_ })).status, 404, path);
        }
      }
    });

    it('do not find what is not there or another’s', async () => {
      for (const id of [uuidOf('no'), hidden.id, 'no-id', 'x'.repeat(300)]) {
        for (const [method, path, body] of [
          ['GET', '', undefined],
          ['DELETE', '', undefined],
          ['GET', '/metadata', undefined],
          ['POST', '/metadata', { metadata: { a: 'b' } }],
          ['PUT', '/metadata', { metadata: { a: 'b' } }],
          ['GET', '/metadata/a', undefined],
          ['PUT', '/metadata/a', { meta: { a: 'b' } }],
          ['DELETE', '/metadata/a', undefined],
        ] as const) {
          const answer = await ask(method, `/${id}${path}`, body === undefined ? {} : { body });
          assert.equal(answer.status, 404, `${method} ${path}`);
          assert.equal(answer.body.itemNotFound.message, 'Image not found.');
        }
      }
    });

    it('read, add, replace and remove metadata', async () => {
      const path = `/${own.id}/metadata`;
      const now = async () => (await ask('GET', path)).body;
      assert.deepEqual(await now(), { metadata: own.properties });
      const added = await ask('POST', path, { body: { metadata: { b: '2', a: '9' } } });
      assert.deepEqual([added.status, added.body], [200, { metadata: { ...own.properties, a: '9', b: '2' } }]);
      assert.deepEqual(await now(), added.body);
      assert.deepEqual((await ask('GET', `${path}/b`)).body, { meta: { b: '2' } });
      assert.deepEqual((await ask('PUT', `${path}/c`, { body: { meta: { c: '3' } } })).body, { meta: { c: '3' } });
      assert.equal((await now()).metadata.c, '3');
      const replaced = await ask('PUT', path, { body: { metadata: { d: '4', e: '5' } } });
      assert.deepEqual([replaced.status, replaced.body], [200, { metadata: { d: '4', e: '5' } }]);
      assert.deepEqual(await now(), replaced.body);
      const removed = await ask('DELETE', `${path}/d`);
      assert.deepEqual([removed.status, removed.text], [204, '']);
      assert.deepEqual(await now(), { metadata: { e: '5' } });
      assert.deepEqual((await ask('PUT', path, { body: { metadata: {} } })).body, { metadata: {} });

      const message = async (method: string, key: string, body?: unknown) => {
        const answer = await ask(method, `${path}/${key}`, { body });
        return [answer.status, Object.values(answer.body as Record<string, { message: string }>)[0]?.message];
      };
      assert.deepEqual(await message('GET', 'x'), [404, 'The resource could not be found.']);
      assert.deepEqual(await message('DELETE', 'x'), [404, 'Invalid metadata key']);
      assert.deepEqual(await message('PUT', 'x', { meta: { y: '1' } }), [400, 'Request body and URI mismatch']);
      for (const meta of [{}, { x: '1', y: '2' }, { x: 1 }]) {
        assert.equal((await ask('PUT', `${path}/x`, { body: { meta } })).status, 400);
      }
      assert.equal((await ask('POST', path, { body: { metadata: { ß: '1' } } })).status, 400);
      assert.equal((await ask('POST', path, { body: {} })).status, 400);
    });

    it('count metadata items', async () => {
      const path = `/${own.id}/metadata`;
      await ask('PUT', path, { body: { metadata: { a: '1', b: '2' } } });
      const scope = { scope: 'project', scopeId: owner ?? '' } as const;
      await tx(servers.world.database, (t) => setLimit(t, scope, 'metadata_items', 2));
      for (const [method, to, body] of [
        ['POST', '', { metadata: { c: '3' } }],
        ['PUT', '', { metadata: { a: '1', b: '2', c: '3' } }],
        ['PUT', '/c', { meta: { c: '3' } }],
      ] as const) {
        const answer = await ask(method, `${path}${to}`, { body });
        assert.equal(answer.status, 403);
        assert.equal(answer.body.forbidden.message, 'Image metadata limit exceeded');
      }
      assert.equal((await ask('PUT', `${path}/b`, { body: { meta: { b: '9' } } })).status, 200);
      await tx(servers.world.database, (t) => setLimit(t, scope, 'metadata_items', 128));
    });

    it('leave what the caller may only see, and what is protected', async () => {
      const shown = servers.imageId;
      for (const [method, path, body] of [
        ['POST', '/metadata', { metadata: { a: 'b' } }],
        ['PUT', '/metadata', { metadata: { a: 'b' } }],
        ['PUT', '/metadata/a', { meta: { a: 'b' } }],
      ] as const) {
        const answer = await ask(method, `/${shown}${path}`, { body });
        assert.equal(answer.status, 403);
        assert.equal(answer.body.forbidden.message, `Not authorized for image ${shown}.`);
      }
      const refused = async (id: string) => {
        const answer = await ask('DELETE', `/${id}`);
        assert.equal(answer.status, 403);
        assert.equal(answer.body.forbidden.message, 'You are not allowed to delete the image.');
      };
      await refused(shown);
      await servers.world.database.write('images').where({ id: own.id }).update({ protected: 1 });
      await refused(own.id);
      await servers.world.database.write('images').where({ id: own.id }).update({ protected: 0 });
      const removed = await ask('DELETE', `/${own.id}`);
      assert.deepEqual([removed.status, removed.text], [204, '']);
      assert.equal((await ask('GET', `/${own.id}`)).status, 404);
    });
  });
}

// Why: the built-in image service must be Glance to whoever speaks Glance: over HTTP, and with the stock client.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { type Cloud, callers, startCloud, type Who } from '../support/cloud.ts';
import { qcow2Header } from '../support/image-bytes.ts';

const OCTETS = { 'Content-Type': 'application/octet-stream' };
const PATCH = { 'Content-Type': 'application/openstack-images-v2.1-json-patch' };
const RAW = { disk_format: 'raw', container_format: 'bare' };

describe('image service', () => {
  let cloud: Cloud;
  before(async () => {
    cloud = await startCloud();
  });
  after(() => cloud.close());

  const create = async (who: Who, body: object = {}): Promise<string> => {
    const answer = await cloud.ask(who, 'POST', '/image/v2/images', { ...RAW, ...body });
    assert.equal(answer.status, 201, answer.text);
    return answer.json.id;
  };
  const upload = (who: Who, id: string, bytes: Uint8Array) =>
    cloud.ask(who, 'PUT', `/image/v2/images/${id}/file`, bytes, OCTETS);
  const show = async (who: Who, id: string) => (await cloud.ask(who, 'GET', `/image/v2/images/${id}`)).json;
  const patch = (who: Who, id: string, changes: unknown) =>
    cloud.ask(who, 'PATCH', `/image/v2/images/${id}`, JSON.stringify(changes), PATCH);
  const list = async (who: Who, query: string): Promise<string[]> => {
    const answer = await cloud.ask(who, 'GET', `/image/v2/images?${query}`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.images.map(({ id }: { id: string }) => id);
  };
  const stored = (): Promise<string[]> => readdir(join(cloud.dir, 'images'));

  it('answers versions to anybody and nothing else without a token', async () => {
    const root = await cloud.ask(null, 'GET', '/image/');
    assert.equal(root.status, 300);
    assert.equal(root.json.versions[0].status, 'CURRENT');
    assert.equal(root.json.versions[0].links[0].href, `${cloud.url}/image/v2/`);
    assert.equal((await cloud.ask(null, 'GET', '/image/versions')).status, 200);
    assert.equal((await cloud.ask(null, 'GET', '/image/v2/images')).status, 401);
    assert.equal((await cloud.ask('demo', 'GET', '/image/v2/nothing')).status, 404);
  });

  it('stores, hashes and gives back data, whole and in part', async () => {
    const bytes = randomBytes(3_000_001);
    const id = await create('demo', { name: 'blob', os_type: 'linux', tags: ['b', 'a', 'b'] });
    assert.equal((await cloud.ask('demo', 'GET', `/image/v2/images/${id}/file`)).status, 204);
    assert.equal((await upload('demo', id, bytes)).status, 204);
    const image = await show('demo', id);
    assert.equal(image.status, 'active');
    assert.equal(image.size, bytes.length);
    assert.equal(image.virtual_size, bytes.length);
    assert.equal(image.checksum, createHash('md5').update(bytes).digest('hex'));
    assert.equal(image.os_hash_algo, 'sha512');
    assert.equal(image.os_hash_value, createHash('sha512').update(bytes).digest('hex'));
    assert.equal(image.os_type, 'linux');
    assert.deepEqual(image.tags, ['b', 'a']);
    assert.deepEqual(await readFile(join(cloud.dir, 'images', id)), bytes);

    const get = (headers = {}) =>
      fetch(`${cloud.url}/image/v2/images/${id}/file`, { headers: { 'X-Auth-Token': 'demo', ...headers } });
    const whole = await get();
    assert.equal(whole.headers.get('Content-MD5'), image.checksum);
    assert.equal(whole.headers.get('Content-Length'), String(bytes.length));
    assert.deepEqual(Buffer.from(await whole.arrayBuffer()), bytes);
    for (const [range, from, to] of [
      ['bytes=10-19', 10, 20],
      ['bytes=3000000-', 3_000_000, 3_000_001],
      ['bytes=-5', 2_999_996, 3_000_001],
      ['bytes=2999990-9999999', 2_999_990, 3_000_001],
    ] as const) {
      const part = await get({ Range: range });
      assert.equal(part.status, 206);
      assert.equal(part.headers.get('Content-Range'), `bytes ${from}-${to - 1}/${bytes.length}`);
      assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(from, to));
    }
    for (const range of ['bytes=3000001-', 'bytes=5-4', 'bytes=-', 'lines=1-2']) {
      const unfit = await get({ Range: range });
      assert.equal(unfit.status, 416);
      await unfit.text();
    }
    assert.equal((await upload('demo', id, bytes)).status, 409);
    assert.equal((await cloud.ask('demo', 'DELETE', `/image/v2/images/${id}`)).status, 204);
    assert.equal((await cloud.ask('demo', 'GET', `/image/v2/images/${id}`)).status, 404);
    assert.ok(!(await stored()).includes(id));
  });

  it('keeps nothing of an upload that is refused, and the image may be tried again', async () => {
    const id = await create('demo', { disk_format: 'qcow2' });
    const noise = randomBytes(300_000);
    const bad: [Uint8Array, RegExp][] = [
      [Buffer.concat([qcow2Header({ backingOffset: 1024n }), noise]), /backing file/],
      [Buffer.concat([qcow2Header({ features: 4n }), noise]), /external data file/],
      [qcow2Header({ features: 1n << 40n }), /unknown qcow2 features/],
      [noise, /does not match the uploaded data, which is raw/],
      [Buffer.from('KDMV'), /which is vmdk/],
      [new Uint8Array(), /which is raw/],
    ];
    for (const [bytes, words] of bad) {
      const answer = await upload('demo', id, bytes);
      assert.equal(answer.status, 400);
      assert.match(answer.text, words);
      const image = await show('demo', id);
      assert.deepEqual([image.status, image.size, image.checksum], ['queued', null, null]);
      assert.deepEqual(
        (await stored()).filter((name) => name.startsWith(id)),
        [],
      );
    }
    assert.equal((await upload('demo', id, Buffer.concat([qcow2Header(), noise]))).status, 204);
    const image = await show('demo', id);
    assert.deepEqual([image.status, image.size, image.virtual_size], ['active', 300_512, 1 << 30]);
  });

  it('takes what qemu-img writes, and refuses its overlays', async () => {
    const base = join(cloud.dir, 'base.qcow2');
    const overlay = join(cloud.dir, 'overlay.qcow2');
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', base, '16M']);
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', base, '-F', 'qcow2', overlay]);
    const id = await create('demo', { disk_format: 'qcow2' });
    assert.match((await upload('demo', id, await readFile(overlay))).text, /backing file/);
    assert.equal((await upload('demo', id, await readFile(base))).status, 204);
    assert.equal((await show('demo', id)).virtual_size, 16 * 1024 * 1024);
  });

  it('is queued again when the client goes away in the middle', async () => {
    const id = await create('demo');
    await new Promise<void>((resolve) => {
      const upload = request(`${cloud.url}/image/v2/images/${id}/file`, {
        method: 'PUT',
        headers: { ...OCTETS, 'X-Auth-Token': 'demo', 'Content-Length': 10_000_000 },
      });
      upload.on('error', () => resolve());
      upload.write(Buffer.alloc(1_000_000), () => setTimeout(() => upload.destroy(), 50));
    });
    for (let tries = 0; (await show('demo', id)).status !== 'queued'; tries += 1) {
      assert.ok(tries < 100, 'still saving');
      await sleep(20);
    }
    for (let tries = 0; (await stored()).some((name) => name.startsWith(id)); tries += 1) {
      assert.ok(tries < 100, 'the partial file is still there');
      await sleep(20);
    }
    assert.equal((await upload('demo', id, Buffer.from('again'))).status, 204);
  });

  it('needs formats and the right media type before data', async () => {
    const bare = (await cloud.ask('demo', 'POST', '/image/v2/images', {})).json.id;
    assert.equal((await upload('demo', bare, Buffer.from('x'))).status, 400);
    const id = await create('demo');
    const typed = await cloud.ask('demo', 'PUT', `/image/v2/images/${id}/file`, 'x', { 'Content-Type': 'text/plain' });
    assert.equal(typed.status, 415);
    const wrong = { ...OCTETS, 'X-OpenStack-Image-Size': '5' };
    assert.equal((await cloud.ask('demo', 'PUT', `/image/v2/images/${id}/file`, 'x', wrong)).status, 400);
    assert.equal((await show('demo', id)).status, 'queued');
  });

  it('shows images to their owner, to all, or to members, as visibility says', async () => {
    const ids = {
      private: await create('demo', { visibility: 'private' }),
      shared: await create('demo', { visibility: 'shared' }),
      community: await create('demo', { visibility: 'community' }),
      public: await create('admin', { visibility: 'public' }),
    };
    assert.equal((await cloud.ask('demo', 'POST', '/image/v2/images', { visibility: 'public' })).status, 403);
    const statusFor = async (who: Who, id: string) => (await cloud.ask(who, 'GET', `/image/v2/images/${id}`)).status;
    const seen = async (who: Who) => [
      await statusFor(who, ids.private),
      await statusFor(who, ids.shared),
      await statusFor(who, ids.community),
      await statusFor(who, ids.public),
    ];
    assert.deepEqual(await seen('demo'), [200, 200, 200, 200]);
    assert.deepEqual(await seen('other'), [404, 404, 200, 200]);
    assert.deepEqual(await seen('admin'), [200, 200, 200, 200]);
    const all = Object.values(ids);
    const listed = async (who: Who, query = '') =>
      (await list(who, `limit=1000&${query}`)).filter((id) => all.includes(id)).sort();
    assert.deepEqual(await listed('other'), [ids.public]);
    assert.deepEqual(await listed('other', 'visibility=community'), [ids.community]);
    assert.deepEqual(await listed('demo'), all.toSorted());
    assert.deepEqual(await listed('admin'), [ids.private, ids.shared, ids.public].sort());

    const members = `/image/v2/images/${ids.shared}/members`;
    const projectId = callers.other.projectId;
    assert.equal((await cloud.ask('other', 'POST', members, { member: projectId })).status, 404);
    assert.equal((await cloud.ask('demo', 'POST', members, { member: projectId })).status, 200);
    assert.equal((await cloud.ask('demo', 'POST', members, { member: projectId })).status, 409);
    assert.equal(await statusFor('other', ids.shared), 200);
    assert.deepEqual(await listed('other', 'visibility=shared'), []);
    assert.equal((await cloud.ask('demo', 'PUT', `${members}/${projectId}`, { status: 'accepted' })).status, 403);
    assert.equal((await cloud.ask('other', 'PUT', `${members}/${projectId}`, { status: 'accepted' })).status, 200);
    assert.deepEqual(await listed('other', 'visibility=shared'), [ids.shared]);
    assert.equal((await patch('other', ids.shared, [{ op: 'add', path: '/x', value: 'y' }])).status, 403);
    assert.equal((await cloud.ask('other', 'DELETE', `/image/v2/images/${ids.shared}`)).status, 403);
    assert.equal((await cloud.ask('demo', 'DELETE', `${members}/${projectId}`)).status, 204);
    assert.equal(await statusFor('other', ids.shared), 404);
  });

  it('changes by patch, with its rules', async () => {
    const id = await create('demo', { name: 'before', hw_disk_bus: 'scsi' });
    const ok = await patch('demo', id, [
      { op: 'replace', path: '/name', value: 'after' },
      { op: 'add', path: '/a~1b', value: 'slash' },
      { op: 'remove', path: '/hw_disk_bus' },
      { op: 'replace', path: '/tags', value: ['one'] },
      { op: 'replace', path: '/min_ram', value: 64 },
      { op: 'replace', path: '/disk_format', value: 'qcow2' },
    ]);
    assert.equal(ok.status, 200, ok.text);
    assert.deepEqual(
      [ok.json.name, ok.json['a/b'], ok.json.hw_disk_bus, ok.json.tags, ok.json.min_ram],
      ['after', 'slash', undefined, ['one'], 64],
    );
    const refused: [unknown, number][] = [
      [[{ op: 'replace', path: '/size', value: 5 }], 403],
      [[{ op: 'replace', path: '/id', value: id }], 403],
      [[{ op: 'replace', path: '/owner', value: 'me' }], 403],
      [[{ op: 'remove', path: '/name' }], 403],
      [[{ op: 'add', path: '/deleted', value: 'x' }], 403],
      [[{ op: 'add', path: '/locations/-', value: {} }], 403],
      [[{ op: 'replace', path: '/visibility', value: 'public' }], 403],
      [[{ op: 'replace', path: '/missing', value: 'x' }], 409],
      [[{ op: 'remove', path: '/missing' }], 409],
      [[{ op: 'replace', path: '/min_ram', value: -1 }], 400],
      [[{ op: 'replace', path: '/disk_format', value: 'floppy' }], 400],
      [[{ op: 'add', path: '/prop', value: 5 }], 400],
      [[{ op: 'add', path: 'name', value: 'x' }], 400],
      [[{ op: 'add', path: '/x' }], 400],
      [[{ op: 'move', path: '/x' }], 400],
      [{ op: 'add', path: '/x', value: 'y' }, 400],
      [[7], 400],
    ];
    for (const [changes, status] of refused) {
      assert.equal((await patch('demo', id, changes)).status, status, JSON.stringify(changes));
    }
    assert.equal((await cloud.ask('demo', 'PATCH', `/image/v2/images/${id}`, [])).status, 415);
    const many = Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`p${index}`, 'v']));
    assert.equal((await cloud.ask('demo', 'POST', '/image/v2/images', many)).status, 413);
    await upload('demo', await create('demo'), Buffer.from('x'));
    assert.equal((await patch('demo', id, [{ op: 'replace', path: '/protected', value: true }])).status, 200);
    assert.equal((await cloud.ask('demo', 'DELETE', `/image/v2/images/${id}`)).status, 403);
    assert.equal((await patch('demo', id, [{ op: 'replace', path: '/protected', value: false }])).status, 200);
    assert.equal((await cloud.ask('demo', 'DELETE', `/image/v2/images/${id}`)).status, 204);
  });

  it('lists by filter, in order and page by page', async () => {
    const mark = `mark-${randomBytes(4).toString('hex')}`;
    const made: string[] = [];
    for (const [name, tag] of [
      ['b', 'x'],
      ['a', 'X'],
      ['c', 'x'],
      ['a', 'y"'],
    ] as const) {
      made.push(await create('demo', { name, mark, tags: [tag], min_ram: made.length }));
    }
    const [b = '', a1 = '', c = '', a2 = ''] = made;
    await upload('demo', b, Buffer.alloc(100));
    await upload('demo', c, Buffer.alloc(300));
    const find = (query: string) => list('demo', `mark=${mark}&${query}`);
    assert.deepEqual((await find('name=a')).sort(), [a1, a2].sort());
    assert.deepEqual(await find('sort=name:asc,created_at:asc'), [a1, a2, b, c]);
    assert.deepEqual(await find('sort_key=name&sort_dir=desc&limit=2'), [c, b]);
    assert.deepEqual((await find(`id=in:${b},${c}`)).sort(), [b, c].sort());
    assert.deepEqual((await find('name=in:"b",c')).sort(), [b, c].sort());
    assert.deepEqual((await find('tag=x')).sort(), [b, c].sort());
    assert.deepEqual(await find('tag=y%22'), [a2]);
    assert.deepEqual((await find('status=active')).sort(), [b, c].sort());
    assert.deepEqual(await find('size_min=200'), [c]);
    assert.deepEqual(await find('size_max=200'), [b]);
    assert.deepEqual(await find('min_ram=3'), [a2]);
    assert.deepEqual(await find('owner=somebody'), []);
    assert.deepEqual(await find('created_at=gt:2099-01-01T00:00:00Z'), []);
    assert.equal((await find('created_at=lt:2099-01-01T00:00:00Z')).length, 4);
    assert.deepEqual(await find('os_hidden=true'), []);

    const seen: string[] = [];
    let next = `/v2/images?mark=${mark}&sort=name:asc,size:desc&limit=1`;
    for (let page = 0; next !== undefined && page < 10; page += 1) {
      const answer = await cloud.ask('demo', 'GET', `/image${next}`);
      seen.push(...answer.json.images.map(({ id }: { id: string }) => id));
      next = answer.json.next;
    }
    assert.equal(seen.length, 4);
    assert.deepEqual(new Set(seen), new Set(made));
    for (const query of [
      'limit=x',
      'limit=-1',
      'sort=shoe',
      'sort=name:up',
      'marker=nothing',
      'visibility=x',
      'size_min=x',
      'created_at=soon',
      'sort=name&sort_key=id',
    ]) {
      assert.equal((await cloud.ask('demo', 'GET', `/image/v2/images?${query}`)).status, 400, query);
    }
  });

  it('tags, deactivates and describes itself', async () => {
    const id = await create('demo');
    assert.equal((await cloud.ask('demo', 'PUT', `/image/v2/images/${id}/tags/red%20one`)).status, 204);
    assert.deepEqual((await show('demo', id)).tags, ['red one']);
    assert.equal((await cloud.ask('demo', 'DELETE', `/image/v2/images/${id}/tags/blue`)).status, 404);
    assert.equal((await cloud.ask('demo', 'DELETE', `/image/v2/images/${id}/tags/red%20one`)).status, 204);
    await upload('demo', id, Buffer.from('data'));
    assert.equal((await cloud.ask('other', 'POST', `/image/v2/images/${id}/actions/deactivate`)).status, 404);
    assert.equal((await cloud.ask('demo', 'POST', `/image/v2/images/${id}/actions/deactivate`)).status, 204);
    assert.equal((await cloud.ask('demo', 'GET', `/image/v2/images/${id}/file`)).status, 403);
    assert.equal((await cloud.ask('admin', 'POST', `/image/v2/images/${id}/actions/reactivate`)).status, 204);
    assert.equal((await cloud.ask('demo', 'GET', `/image/v2/images/${id}/file`)).text, 'data');
    for (const name of ['image', 'images', 'member', 'members']) {
      const schema = await cloud.ask('demo', 'GET', `/image/v2/schemas/${name}`);
      assert.equal(schema.json.name, name);
    }
    assert.equal((await cloud.ask('demo', 'GET', '/image/v2/info/stores')).status, 404);
    assert.deepEqual((await cloud.ask('demo', 'GET', '/image/v2/info/import')).json['import-methods'].value, []);
  });

  it('describes the extra specs of elastic flavors to dashboards', async () => {
    const metadefs = (path: string) => cloud.ask('demo', 'GET', `/image/v2/metadefs/${path}`);
    const names = async (query: string) =>
      (await metadefs(`namespaces${query}`)).json.namespaces.map((one: { namespace: string }) => one.namespace);
    assert.deepEqual(await names(''), ['OS::Xloud::Elastic']);
    assert.deepEqual(await names('?resource_types=OS::Glance::Image,OS::Nova::Flavor&limit=20'), [
      'OS::Xloud::Elastic',
    ]);
    assert.deepEqual(await names('?resource_types=OS::Glance::Image'), []);
    assert.deepEqual(await names('?marker=OS::Xloud::Elastic'), [], 'a second page');
    const one = (await metadefs('namespaces/OS::Xloud::Elastic?resource_type=OS::Nova::Flavor')).json;
    assert.deepEqual(Object.keys(one.properties), [
      'minimum_cpu',
      'minimum_memory',
      'xloud:memory_method',
      'xloud:start_size',
    ]);
    assert.deepEqual((await metadefs('namespaces/OS::Xloud::Elastic/properties')).json.properties, one.properties);
    assert.equal((await metadefs('resource_types')).json.resource_types[0].name, 'OS::Nova::Flavor');
    assert.equal((await metadefs('namespaces/nothing')).status, 404);
    const { json: schema } = await cloud.ask('demo', 'GET', '/image/v2/schemas/metadefs/namespace');
    for (const key of Object.keys(one)) assert.ok(key in schema.properties, key);
  });

  it('has no tasks to wait for, of an image that one may see', async () => {
    const id = await create('demo');
    const tasks = (who: Who, image: string) => cloud.ask(who, 'GET', `/image/v2/images/${image}/tasks`);
    const own = await tasks('demo', id);
    assert.deepEqual([own.status, own.json], [200, { tasks: [] }]);
    assert.equal((await tasks('demo', 'nothing')).status, 404);
    assert.equal((await tasks('other', id)).status, 404);
  });

  it('queues again what a dead process was uploading', async () => {
    const id = await create('demo');
    await cloud.database.write('images').where({ id }).update({ status: 'saving' });
    await writeFile(join(cloud.dir, 'images', `${id}.dead.part`), 'half');
    await cloud.images.ensureBootstrap();
    assert.equal((await show('demo', id)).status, 'queued');
    assert.deepEqual(
      (await stored()).filter((name) => name.startsWith(id)),
      [],
    );
  });

  it('never answers 5xx to any JSON on any route', async () => {
    const id = await create('demo');
    const paths = [
      '',
      `/${id}`,
      `/${id}/members`,
      `/${id}/members/${callers.other.projectId}`,
      `/${id}/tags/t`,
      `/${id}/file`,
      `/${id}/actions/deactivate`,
    ];
    const likely = fc.constantFrom(
      'id',
      'name',
      'visibility',
      'tags',
      'min_disk',
      'protected',
      'owner',
      'disk_format',
      'member',
      'status',
      'op',
      'path',
      'value',
      '__proto__',
      'constructor',
    );
    const body = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(likely, fc.jsonValue(), { noNullPrototype: true }),
      fc.array(
        fc.record({
          op: fc.constantFrom('add', 'replace', 'remove'),
          path: fc.string().map((text) => `/${text}`),
          value: fc.jsonValue(),
        }),
        { maxLength: 4 },
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE'),
        fc.constantFrom(...paths),
        body,
        async (method, path, value) => {
          if (method === 'DELETE' && path === `/${id}`) return;
          const headers = method === 'PATCH' ? PATCH : { 'Content-Type': 'application/json' };
          const answer = await cloud.ask('admin', method, `/image/v2/images${path}`, JSON.stringify(value), headers);
          assert.ok(answer.status < 500, `${method} ${path} ${JSON.stringify(value)}: ${answer.status} ${answer.text}`);
        },
      ),
      { numRuns: 400 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('name', 'id', 'tag', 'sort', 'limit', 'marker', 'created_at', 'size_min', 'x'),
        fc.string({ unit: 'grapheme' }),
        async (name, value) => {
          const answer = await cloud.ask('demo', 'GET', `/image/v2/images?${name}=${encodeURIComponent(value)}`);
          assert.ok(answer.status < 500, `${name}=${value}: ${answer.text}`);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('works with the stock client', async () => {
    const file = join(cloud.dir, 'upload.raw');
    await writeFile(file, randomBytes(200_000));
    const words = [
      '--disk-format',
      'raw',
      '--container-format',
      'bare',
      '--property',
      'hw_disk_bus=virtio',
      '--min-ram',
      '64',
    ];
    await cloud.openstack('demo', 'image', 'create', 'stock', '--file', file, ...words);
    // biome-ignore lint/suspicious/noExplicitAny: the client's own shape
    // oxlint-disable-next-line typescript/no-explicit-any
    const shown: any = await cloud.openstack('demo', 'image', 'show', 'stock', '-f', 'json');
    assert.equal(shown.status, 'active');
    assert.equal(shown.size, 200_000);
    assert.equal(shown.properties.hw_disk_bus, 'virtio');
    await cloud.openstack('demo', 'image', 'set', 'stock', '--property', 'colour=red', '--name', 'renamed');
    const listed = JSON.stringify(
      await cloud.openstack('demo', 'image', 'list', '--property', 'colour=red', '-f', 'json'),
    );
    assert.match(listed, /renamed/);
    const copy = join(cloud.dir, 'copy.raw');
    await cloud.openstack('demo', 'image', 'save', 'renamed', '--file', copy);
    assert.deepEqual(await readFile(copy), await readFile(file));
    await cloud.openstack('demo', 'image', 'delete', 'renamed');
    await assert.rejects(cloud.openstack('demo', 'image', 'show', 'renamed'), /No Image found|Could not find resource/);
  });
});

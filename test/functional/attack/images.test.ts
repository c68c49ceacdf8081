// What a tenant tries with images: an id that others still name, bodies that cost more than they weigh, a disk that is everybody's.
// On both engines.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { limits } from '../../../src/base/limits.ts';
import { makeImageFiles } from '../../../src/standalone/image/files.ts';
import { startCloud, type Cloud, type Who } from '../../support/cloud.ts';
import { engines } from '../../support/database.ts';
import { scratchDir } from '../../support/scratch.ts';
import { costOf } from '../../support/cost.ts';

const OCTETS = { 'Content-Type': 'application/octet-stream' };
const PATCH = { 'Content-Type': 'application/openstack-images-v2.1-json-patch' };
const formats = { disk_format: 'raw', container_format: 'bare' };

for (const engine of engines) {
  describe(`images under attack on ${engine}`, () => {
    let cloud: Cloud;
    before(async () => {
      cloud = await startCloud({ engine, quota: { image_count_total: 8, image_size_total: 2 } });
    });
    after(() => cloud.close());
    const create = (who: Who, body: object) => cloud.ask(who, 'POST', '/image/v2/images', body);
    const remove = async (who: Who, id: string) =>
      assert.equal((await cloud.ask(who, 'DELETE', `/image/v2/images/${id}`)).status, 204);
    const fileOf = (id: string): string => join(cloud.dir, 'images', id);

    it('an id that an image had is nobody’s again, in whatever letters', async () => {
      const id = randomUUID();
      assert.equal((await create('demo', { id, ...formats })).status, 201);
      await cloud.ask('demo', 'PUT', `/image/v2/images/${id}/file`, 'mine', OCTETS);
      await remove('demo', id);
      for (const who of ['other', 'demo', 'admin'] as const) {
        const again = await create(who, { id: who === 'other' ? id.toUpperCase() : id, visibility: 'private' });
        assert.equal(again.status, 409, again.text);
      }
      assert.equal((await cloud.database.read('images').where({ id })).length, 0);
    });

    it('of a deletion and many who want its id none gets it', async () => {
      const { json } = await create('demo', {});
      const answers = await Promise.all([
        cloud.ask('demo', 'DELETE', `/image/v2/images/${json.id}`),
        ...Array.from({ length: 8 }, () => create('other', { id: json.id })),
      ]);
      assert.deepEqual(
        answers.map(({ status }) => status),
        [204, ...Array.from({ length: 8 }, () => 409)],
      );
    });

    it('an upload begun for an image that is deleted meanwhile ends nowhere', async () => {
      const { json } = await create('demo', formats);
      let deleted: Promise<void> | null = null;
      const body = async function* () {
        yield Buffer.from('a beginning');
        await (deleted ??= remove('demo', json.id));
        yield Buffer.from(' and an end');
      };
      const service = cloud.images.service.write(json.id, body());
      await assert.rejects(service, { kind: 'notFound' });
      assert.equal(existsSync(fileOf(json.id)), false);
      assert.equal((await create('other', { id: json.id })).status, 409);
    });

    it('files that no image has go at a start, those of images stay', async () => {
      const { json } = await create('demo', formats);
      await cloud.ask('demo', 'PUT', `/image/v2/images/${json.id}/file`, 'mine', OCTETS);
      const orphan = randomUUID();
      mkdirSync(join(cloud.dir, 'images'), { recursive: true });
      writeFileSync(fileOf(orphan), 'left by a kill');
      await cloud.images.ensureBootstrap();
      assert.equal(existsSync(fileOf(orphan)), false);
      assert.equal((await cloud.ask('demo', 'GET', `/image/v2/images/${json.id}/file`)).text, 'mine');
      await remove('demo', json.id);
    });

    it('thousands of properties are refused before they cost anything', async () => {
      const many = Object.fromEntries(Array.from({ length: 9_500 }, (_, at) => [`p${at}`, '']));
      const cost = await costOf(async () => {
        const answer = await create('demo', many);
        assert.equal(answer.status, 413, answer.text);
        assert.match(answer.text, /number of allowed image properties. Attempted: 9500, Maximum: 128/);
      });
      assert.ok(cost < 1_000, `${cost} ms`);
    });

    it('an image does not grow by many changes', async () => {
      const { json } = await create('demo', {});
      const statuses: number[] = [];
      for (let at = 0; at < 4; at += 1) {
        const change = JSON.stringify([{ op: 'add', path: `/p${at}`, value: 'x'.repeat(30_000) }]);
        statuses.push((await cloud.ask('demo', 'PATCH', `/image/v2/images/${json.id}`, change, PATCH)).status);
      }
      assert.deepEqual(statuses, [200, 200, 413, 413]);
      const swap = Array.from({ length: 120 }, (_, at) => [
        { op: 'add', path: `/q${at}`, value: '' },
        { op: 'remove', path: `/q${at}` },
      ]).flat();
      const churn = await cloud.ask('demo', 'PATCH', `/image/v2/images/${json.id}`, JSON.stringify(swap), PATCH);
      assert.equal(churn.status, 200, 'as many changes as one request may make');
      const more = JSON.stringify(Array.from({ length: limits.imageChanges + 1 }, () => swap[0]));
      assert.equal((await cloud.ask('demo', 'PATCH', `/image/v2/images/${json.id}`, more, PATCH)).status, 400);
      const shown = await cloud.ask('demo', 'GET', `/image/v2/images/${json.id}`);
      assert.ok(shown.text.length < limits.imagePropertiesChars + 2_000);
      await remove('demo', json.id);
    });

    it('a project has so many images, also of those it asks for at once', async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => create('demo', {})));
      const made = answers.filter(({ status }) => status === 201);
      assert.equal(made.length, 8);
      const refused = answers.find(({ status }) => status !== 201);
      assert.equal(refused?.status, 413);
      assert.match(refused?.text ?? '', /image_count_total is over limit of 8 due to current usage 8 and delta 1/);
      assert.equal((await create('other', {})).status, 201, 'another project');
      for (const { json } of made) await remove('demo', json.id);
    });

    it('a project has so much data, announced or not, also of several uploads at once', async () => {
      const MIB = 1024 * 1024;
      const ids: string[] = [];
      for (let at = 0; at < 3; at += 1) ids.push((await create('demo', formats)).json.id);
      const upload = (id: string, bytes: number, headers: Record<string, string> = {}) =>
        cloud.ask('demo', 'PUT', `/image/v2/images/${id}/file`, Buffer.alloc(bytes), { ...OCTETS, ...headers });
      const [first = '', second = '', third = ''] = ids;
      const tooLarge = await upload(first, 3 * MIB);
      assert.equal(tooLarge.status, 413, tooLarge.text);
      const pieces = async function* () {
        for (let at = 0; at < 3; at += 1) yield Buffer.alloc(MIB);
      };
      await assert.rejects(cloud.images.service.write(first, pieces()), { kind: 'tooLarge' }, 'nobody said how much');
      const both = await Promise.all([upload(first, 1.5 * MIB), upload(second, 1.5 * MIB)]);
      assert.deepEqual(
        both.map(({ status }) => status).toSorted((a, b) => a - b),
        [204, 413],
      );
      assert.equal((await upload(third, MIB)).status, 413);
      const files = ids.filter((id) => existsSync(fileOf(id)));
      assert.equal(files.length, 1, 'what was refused leaves no file');
      for (const id of ids) await remove('demo', id);
    });
  });
}

describe('the disk that images lie on', () => {
  it('keeps its reserve: an upload ends as it would go below it', async () => {
    let free = limits.imageDiskReserveBytes + 10;
    const folder = join(scratchDir(), `images-${randomUUID()}`);
    const files = makeImageFiles(folder, { freeBytes: async () => free });
    await assert.rejects(files.mustHaveRoom(11), { kind: 'tooLarge', message: /media is full/ });
    await files.mustHaveRoom(10);
    const pieces = async function* () {
      yield Buffer.alloc(limits.imageDiskCheckBytes);
      free = limits.imageDiskReserveBytes - 1;
      yield Buffer.alloc(limits.imageDiskCheckBytes);
    };
    await assert.rejects(files.write(randomUUID(), 'raw', pieces(), limits.imageBytes), { message: /media is full/ });
    assert.deepEqual(await files.sweep(async (ids) => new Set(ids)), []);
  });
});

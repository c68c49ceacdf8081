import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { link, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Clock } from '../../../../src/base/clock.ts';
import { internal } from '../../../../src/base/errors.ts';
import { limits } from '../../../../src/base/limits.ts';
import { silentLog } from '../../../../src/base/log.ts';
import type { ImageFacts } from '../../../../src/domain/machines/images.ts';
import { cacheKey, type ImageCache, makeImageCache } from '../../../../src/virt/libvirt/images.ts';
import { imageFacts } from '../../../support/guest-spec.ts';

const digest = (algorithm: string, bytes: string | Buffer) => createHash(algorithm).update(bytes).digest('hex');

describe('image cache', () => {
  let dir: string;
  let nowMs: number;
  let reads: number;
  let served: string | Buffer;
  let info: () => string;
  let cache: ImageCache;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'xloud-images-'));
    nowMs = Date.now();
    reads = 0;
    served = 'the bytes';
    info = () => JSON.stringify({ format: 'qcow2', 'virtual-size': 1 });
    const clock: Clock = { now: () => nowMs, sleep: () => Promise.resolve() };
    cache = makeImageCache({
      dir,
      fileMode: 0o600,
      clock,
      log: silentLog,
      run: async () => info(),
      source: {
        read: async () => {
          reads += 1;
          await new Promise((resolve) => setTimeout(resolve, 5));
          return (async function* () {
            const bytes = Buffer.from(served);
            yield bytes.subarray(0, 4);
            yield bytes.subarray(4);
          })();
        },
      },
    });
  });
  afterEach(() => rm(dir, { recursive: true }));

  const refused = async (image: ImageFacts, code: string, words: RegExp): Promise<void> => {
    await assert.rejects(cache.get(image), (error: Error & { code: string }) => {
      assert.equal(error.code, code);
      assert.match(error.message, words);
      return true;
    });
    assert.deepEqual(await readdir(dir).catch(() => []), [], 'nothing is left of it');
  };

  it('fetches an image once, however many ask at the same time and later', async () => {
    const image = imageFacts({ sizeBytes: 9, checksum: digest('md5', served) });
    const all = await Promise.all(Array.from({ length: 20 }, () => cache.get(image)));
    assert.equal((await cache.get(image)).fetched, false);
    assert.equal(reads, 1);
    assert.equal(new Set(all.map(({ path }) => path)).size, 1);
    assert.equal(await readFile(all[0]?.path as string, 'utf8'), 'the bytes');
    assert.deepEqual(await readdir(dir), [cacheKey(image)]);
    assert.deepEqual(all[0], { path: join(dir, cacheKey(image)), format: 'raw', virtualBytes: 9, fetched: true });
  });

  it('keeps images of other bytes apart', async () => {
    const image = imageFacts();
    const keys = [{ checksum: 'a' }, { checksum: 'b' }, { osHashValue: 'c' }, { sizeBytes: 3 }].map((more) =>
      cacheKey({ ...image, ...more }),
    );
    assert.equal(new Set(keys).size, keys.length);
  });

  it('refuses bytes that are not those of the image', async () => {
    await refused(imageFacts({ checksum: digest('md5', 'other') }), 'image.checksum', /md5/);
    const hash = { osHashAlgo: 'sha512', osHashValue: digest('sha512', 'other') };
    await refused(imageFacts({ ...hash, checksum: digest('md5', served) }), 'image.checksum', /sha512/);
    await refused(imageFacts({ sizeBytes: 100 }), 'image.size', /9 of 100/);
    const good = { osHashAlgo: 'sha512', osHashValue: digest('sha512', served).toUpperCase() };
    assert.equal((await cache.get(imageFacts(good))).virtualBytes, 9);
  });

  it('can be asked again after a failure', async () => {
    const image = imageFacts({ sizeBytes: 9 });
    served = 'short';
    await refused(image, 'image.size', /5 of 9/);
    served = 'the bytes';
    assert.equal((await cache.get(image)).format, 'raw');
  });

  it('refuses formats that this host does not run, and ids that are no UUID', async () => {
    await refused(imageFacts({ diskFormat: 'vmdk' }), 'image.format', /vmdk/);
    await refused(imageFacts({ diskFormat: null }), 'image.format', /null/);
    assert.throws(() => cacheKey(imageFacts({ id: '../../etc/passwd' })), { kind: 'badRequest' });
  });

  it('refuses a qcow2 that is none, refers to other files, or that qemu-img does not like', async () => {
    const qcow2 = () => imageFacts({ diskFormat: 'qcow2' });
    await refused(qcow2(), 'image.unsafe', /said to be qcow2/);
    const head = Buffer.alloc(200);
    head.write('QFI\xfb', 'latin1');
    head.writeUInt32BE(2, 4);
    head.writeBigUInt64BE(4096n, 24);
    served = head;
    assert.equal((await cache.get(qcow2())).virtualBytes, 4096);
    await rm(dir, { recursive: true });
    for (const [answer, words] of [
      [{ 'backing-filename': '/etc/shadow' }, /backing file/],
      [{ 'format-specific': { data: { 'data-file': '/etc/shadow' } } }, /data file/],
      [{ encrypted: true }, /encrypted/],
      [{ 'format-specific': { data: { corrupt: true } } }, /corrupt/],
    ] as const) {
      info = () => JSON.stringify(answer);
      await refused(qcow2(), 'image.unsafe', words);
    }
    info = () => {
      throw internal('qemu-img failed: Unknown header', { code: 'program.failed' });
    };
    await refused(qcow2(), 'image.unsafe', /Unknown header/);
    head.writeBigUInt64BE(100n, 8);
    await refused(qcow2(), 'image.unsafe', /backing file/);
  });

  it('forgets what nobody uses, and only that', async () => {
    const [used, unused, fresh] = [imageFacts(), imageFacts(), imageFacts()];
    await link((await cache.get(used)).path, join(dir, 'guest-link'));
    await cache.get(unused);
    await writeFile(join(dir, 'broken-off.part'), 'x');
    nowMs += limits.imageCacheMs + 60_000;
    await cache.get(fresh);
    await cache.prune();
    assert.deepEqual((await readdir(dir)).toSorted(), [cacheKey(used), cacheKey(fresh), 'guest-link'].toSorted());
  });
});

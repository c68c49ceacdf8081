import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { link, mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../../../../src/base/clock.ts';
import { Fault } from '../../../../../src/base/errors.ts';
import { limits } from '../../../../../src/base/limits.ts';
import { makeLog } from '../../../../../src/base/log.ts';
import { fetchFile, fetchManifest } from '../../../../../src/virt/libvirt/move/fetch.ts';
import { makeOffers, type Offers } from '../../../../../src/virt/libvirt/move/offers.ts';

const never = new AbortController().signal;
const PIECE = limits.diskPieceBytes;
let dir: string;
let guest: string;
let images: string;
let offers: Offers;
let nowMs = 0;
const clock: Clock = { ...systemClock, now: () => nowMs };
const trash: string[] = [];

const isNot = (code: string) => (error: unknown) => error instanceof Fault && error.code === code;

describe('disks that are offered', () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'xloud-offers-'));
    trash.push(dir);
    guest = join(dir, 'guest');
    images = join(dir, 'images');
    await Promise.all([mkdir(guest), mkdir(images)]);
    await writeFile(join(guest, 'disk.swap'), randomBytes(2 * PIECE + 100));
    await writeFile(join(guest, 'secret'), 'not for others');
    await writeFile(join(images, 'an-image'), 'kernel');
    await link(join(images, 'an-image'), join(guest, 'kernel'));
    nowMs = 1_000;
    offers = makeOffers({ address: '127.0.0.1', port: 0, imagesDir: images, clock, log: makeLog('silent') });
  });
  afterEach(() => offers.close());
  after(() => Promise.all(trash.map((path) => rm(path, { recursive: true, force: true }))));

  it('are told of by name, and which image they are of', async () => {
    const offer = await offers.make(guest, async () => null);
    const { files, live, mark } = await fetchManifest(offer, never);
    assert.deepEqual(
      files.map(({ name, bytes, image }) => [name, bytes, image]),
      [
        ['disk.swap', 2 * PIECE + 100, null],
        ['kernel', 6, 'an-image'],
      ],
    );
    assert.equal(live, null);
    assert.equal(mark, await readFile(join(guest, 'offered'), 'utf8'));
  });

  it('come whole, from where an earlier attempt ended', async () => {
    const offer = await offers.make(guest, async () => null);
    const file = (await fetchManifest(offer, never)).files[0] ?? assert.fail();
    const path = join(dir, 'came');
    // what was there is believed, so it shows that it was not brought again
    await writeFile(`${path}.part`, Buffer.alloc(PIECE + 7, 1));
    const told: number[] = [];
    await fetchFile(offer, file, path, (bytes) => told.push(bytes), never);
    const [came, sent] = [await readFile(path), await readFile(join(guest, 'disk.swap'))];
    assert.ok(came.subarray(0, PIECE).equals(Buffer.alloc(PIECE, 1)));
    assert.ok(came.subarray(PIECE).equals(sent.subarray(PIECE)));
    assert.deepEqual(told, [PIECE, PIECE, 100]);
    assert.equal((await stat(path)).mode & 0o777, 0o644);
  });

  it('are no other files of the host, by any name', async () => {
    const offer = await offers.make(guest, async () => null);
    for (const name of ['secret', '../guest/secret', '..%2fguest%2fsecret', '/etc/passwd', '', '.']) {
      const file = { name, bytes: 14, changedMs: 0, image: null };
      await assert.rejects(
        fetchFile(offer, file, join(dir, 'no'), () => {}, never),
        isNot('disk.offer'),
        name,
      );
    }
  });

  it('are for whoever has the key', async () => {
    const offer = await offers.make(guest, async () => null);
    const other = { ...offer, key: randomBytes(32).toString('hex') };
    await assert.rejects(fetchManifest(other, never), isNot('disk.offer'));
    await assert.rejects(fetchManifest({ ...offer, id: 'another' }, never), isNot('disk.offer'));
    // anybody's TLS, and none at all
    const plain = new Promise((resolve) => {
      const sent = request({
        host: '127.0.0.1',
        port: offer.port,
        path: '/manifest',
        rejectUnauthorized: false,
        agent: false,
      });
      sent.on('response', () => resolve('an answer')).on('error', () => resolve('nothing'));
      sent.end();
    });
    assert.equal(await plain, 'nothing');
    const text = await new Promise<string>((resolve) => {
      let heard = '';
      const socket = connect(offer.port, '127.0.0.1', () => socket.end('GET /manifest HTTP/1.1\r\nHost: x\r\n\r\n'));
      socket
        .on('data', (bytes) => (heard += bytes.toString('latin1')))
        .on('error', () => {})
        .on('close', () => resolve(heard));
    });
    assert.doesNotMatch(text, /HTTP|files/);
  });

  it('are offered for a while only, which begins anew when they are asked for', async () => {
    const offer = await offers.make(guest, async () => null);
    nowMs += limits.diskOfferMs - 1;
    await fetchManifest(offer, never);
    nowMs += limits.diskOfferMs - 1;
    await fetchManifest(offer, never);
    nowMs += limits.diskOfferMs;
    await assert.rejects(fetchManifest(offer, never), isNot('disk.offer'));
  });

  it('that are cut off on their way are not taken for whole', async () => {
    const offer = await offers.make(guest, async () => null);
    const file = (await fetchManifest(offer, never)).files[0] ?? assert.fail();
    await truncate(join(guest, 'disk.swap'), PIECE);
    await assert.rejects(
      fetchFile(offer, file, join(dir, 'cut'), () => {}, never),
      isNot('disk.broken'),
    );
    await assert.rejects(stat(join(dir, 'cut')));
  });
});

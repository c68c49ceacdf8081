// What is asked of Cinder by whom, and what becomes of answers that are lost, refused or about our own token.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Fault } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import { makeCinder } from '../../../src/cloud/cinder.ts';
import { type CinderDouble, startCinderDouble } from '../../support/cinder-double.ts';
import { callers } from '../../support/callers.ts';

const SERVICE = '0000000000000000000000000000ce21';
const { member, other } = callers;
const blank = {
  ...{ sizeGb: 1, name: 'data', description: null, type: null, zone: null, metadata: { color: 'red' } },
  ...{ imageId: null, snapshotId: null },
};

describe('Cinder is asked', () => {
  let double: CinderDouble;
  let cinder: ReturnType<typeof makeCinder>;
  let tokens: string[] = [];
  before(async () => {
    double = await startCinderDouble({
      member: { project: member.projectId ?? '' },
      other: { project: other.projectId ?? '' },
      service: { project: SERVICE, isAdmin: true, isService: true },
    });
    cinder = makeCinder(
      {
        endpoint: double.endpoint,
        serviceToken: async (renew) => {
          if (renew) tokens.shift();
          return tokens[0] ?? 'service';
        },
        serviceProject: async () => SERVICE,
      },
      { images: { find: async () => null }, log: silentLog },
    );
  });
  after(async () => {
    await cinder.close();
    await double.stop();
  });
  beforeEach(() => {
    tokens = [];
    double.asked.length = 0;
    double.volumes.clear();
    double.snapshots.clear();
  });

  const isKind = (kind: Fault['kind'], code?: string) => (error: unknown) =>
    error instanceof Fault && error.kind === kind && (code === undefined || error.code === code);
  const early = () => cinder.early ?? assert.fail('volumes are made by their owner');

  it('for a volume once, though its answer is lost', async () => {
    double.failAt(1, 'lost');
    const id = await early().volume(member, 'mark-1', blank, 'req-1');
    assert.deepEqual([...double.volumes.keys()], [id]);
    assert.deepEqual(double.volumes.get(id)?.['metadata'], { color: 'red', 'xloud:id': 'mark-1' });
    const asked = { volumeId: id, name: 'of it', quiesce: false };
    double.failAt(1, 'lost');
    const snapshot = await early().snapshot(member, 'mark-2', asked, 'req-1');
    assert.deepEqual([...double.snapshots.keys()], [snapshot]);
    assert.deepEqual(new Set(double.asked.map(({ token }) => token)), new Set(['member']));
  });

  it('for none where it took nothing', async () => {
    double.failAt(1, 'refused');
    await assert.rejects(early().volume(member, 'mark-3', blank, 'req-1'), isKind('unavailable'));
    assert.equal(double.volumes.size, 0);
    const big = { ...blank, sizeGb: 100_000 };
    await assert.rejects(early().volume(member, 'mark-4', big, 'req-1'), isKind('forbidden', 'quota'));
  });

  it('for snapshots of still file systems never', async () => {
    const asked = { volumeId: 'x', name: 'of it', quiesce: true };
    await assert.rejects(early().snapshot(member, 'mark-5', asked, 'req-1'), isKind('conflict'));
    assert.equal(double.asked.length, 0);
  });

  it('for what its callers may see', async () => {
    const id = await early().volume(member, 'mark-6', blank, 'req-1');
    await assert.rejects(cinder.volume(other, id), isKind('notFound', 'VolumeNotFound'));
    assert.deepEqual(await cinder.volumes(other), []);
    assert.equal((await cinder.volumes(member)).length, 1);
    assert.equal(await cinder.status(id), 'available');
    assert.equal(await cinder.status('0f2f5f0a-8f0e-4a43-9f3c-0c8d0a5f4d11'), null);
  });

  it('once more where our own token beside that of a user is over', async () => {
    tokens = ['over', 'service'];
    assert.deepEqual(await cinder.volumes(member), []);
    tokens = [];
    await assert.rejects(cinder.volumes({ ...member, token: 'forged' }), isKind('unauthorized'));
  });

  it('by ids that stay within their place in its paths', async () => {
    await assert.rejects(cinder.volume(member, '../attachments'), isKind('notFound'));
    assert.equal(double.asked.at(-1)?.path, '/volumes/..%2Fattachments');
  });

  it('to keep a volume for one server at a time', async () => {
    const id = await early().volume(member, 'mark-7', blank, 'req-1');
    const held = await cinder.reserve(id, 'server-1');
    assert.equal(await cinder.reserve(id, 'server-1'), held);
    await assert.rejects(cinder.reserve(id, 'server-2'), isKind('badRequest'));
    await assert.rejects(cinder.reserve('none', 'server-1'), isKind('notFound', 'VolumeNotFound'));
    assert.deepEqual(await cinder.connect(held, null, '/dev/vdb'), { attachmentId: held, connection: null });
    await cinder.complete(held, '/dev/vdb');
    assert.equal(double.volumes.get(id)?.status, 'reserved');
    await cinder.release(held);
    await cinder.release(held);
    assert.equal(double.volumes.get(id)?.status, 'available');
  });
});

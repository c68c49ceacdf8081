// What follows from a set of backups: chains, what the next one builds on, what a schedule lets go.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  chainSource,
  chainTo,
  expired,
  nextParent,
  type ServerCopy,
} from '../../../../src/domain/servers/server-copies.ts';

const base: ServerCopy = {
  ...{ id: '', serverUuid: 's', projectId: 'p', userId: 'u', kind: 'full', parentId: null, chainId: '', position: 0 },
  ...{ name: 'b', description: null, tags: [], status: 'available', reason: null, quiesced: false, live: true },
  ...{ virtualBytes: 1, bytes: 1, sha256: '0', imageRef: 'i', image: null, rootGb: 1, scheduled: true },
  ...{ job: null, jobDueAt: null, verifiedAt: null, createdAt: 0, updatedAt: 0 },
};

/** Chains of these lengths, the oldest first; in lists the newest is first. */
function backups(...lengths: readonly number[]): ServerCopy[] {
  let createdAt = 0;
  return lengths
    .flatMap((length, chain) =>
      Array.from({ length }, (_, position): ServerCopy => {
        createdAt += 1;
        const parentId = position === 0 ? null : `${chain}.${position - 1}`;
        const kind = position === 0 ? 'full' : 'incremental';
        return { ...base, id: `${chain}.${position}`, chainId: `${chain}.0`, parentId, position, kind, createdAt };
      }),
    )
    .toReversed();
}

const ids = (copies: readonly ServerCopy[] | null) => copies?.map(({ id }) => id).toSorted();
const but = (copies: readonly ServerCopy[], id: string, fields: Partial<ServerCopy>): ServerCopy[] =>
  copies.map((copy) => (copy.id === id ? { ...copy, ...fields } : copy));

describe('chains of backups', () => {
  it('lead from the whole one to each, in order', () => {
    assert.deepEqual(
      chainTo(backups(4), '0.2')?.map(({ id }) => id),
      ['0.0', '0.1', '0.2'],
    );
    assert.deepEqual(chainTo(backups(1), '0.0')?.length, 1);
  });

  it('are none where one is missing, or they run in a circle', () => {
    const copies = backups(3);
    assert.equal(
      chainTo(
        copies.filter(({ id }) => id !== '0.1'),
        '0.2',
      ),
      null,
    );
    assert.equal(chainTo(copies, 'elsewhere'), null);
    assert.equal(chainTo(but(copies, '0.0', { parentId: '0.2' }), '0.2'), null);
  });

  it('are told to qemu-img, each file over the one before', () => {
    const told = JSON.parse(chainSource(['/a', '/b']).slice('json:'.length)) as object;
    assert.deepEqual(told, {
      driver: 'qcow2',
      file: { driver: 'file', filename: '/b' },
      backing: { driver: 'qcow2', file: { driver: 'file', filename: '/a' }, backing: null },
    });
  });

  it('are built on at their newest, as long as it is good and the chain is not too long', () => {
    assert.equal(nextParent([], 4), null);
    assert.equal(nextParent(backups(1, 2), 4)?.id, '1.1');
    assert.equal(nextParent(backups(4), 4), null);
    assert.equal(nextParent(but(backups(2), '0.1', { status: 'error' }), 4), null);
    assert.equal(nextParent(but(backups(2), '0.1', { job: 'delete' }), 4), null);
  });
});

describe('what a schedule lets go', () => {
  it('is all chains but the newest, each as a whole', () => {
    assert.deepEqual(ids(expired(backups(2, 3, 1), 2)), ['0.0', '0.1']);
    assert.deepEqual(ids(expired(backups(2, 3, 1), 1)), ['0.0', '0.1', '1.0', '1.1', '1.2']);
    assert.deepEqual(expired(backups(2, 3), 2), []);
  });

  it('is none with a backup made by hand, or one that is in use', () => {
    for (const fields of [
      { scheduled: false },
      { status: 'restoring' },
      { job: 'verify' },
      { status: 'creating' },
    ] as const) {
      assert.deepEqual(ids(expired(but(backups(2, 1, 1), '0.1', fields), 1)), ['1.0'], JSON.stringify(fields));
    }
  });

  it('counts no chain of which nothing can be restored, and lets it go once a later one can', () => {
    const failed = but(backups(1, 1, 1), '1.0', { status: 'error' });
    assert.deepEqual(ids(expired(failed, 1)), ['0.0', '1.0']);
    assert.deepEqual(ids(expired(failed, 2)), ['1.0']);
    const all = backups(1, 1).map((copy): ServerCopy => ({ ...copy, status: 'error' }));
    assert.deepEqual(expired(all, 1), [], 'what failed last is told');
    const neverMade = all.map((copy): ServerCopy => ({ ...copy, sha256: null }));
    assert.deepEqual(ids(expired(neverMade, 1)), ['0.0'], 'of what was never made nothing but that');
  });
});

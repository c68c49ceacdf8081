import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backoffMs, makeQueue } from '../../../src/operator/queue.ts';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the work queue', () => {
  it('works on a key by one at a time, and once more where it changed meanwhile', async () => {
    const runs: string[] = [];
    let release = (): void => {};
    const queue = makeQueue({
      ...{ concurrency: 4, backoff: { leastMs: 1, mostMs: 1 }, failed: () => {} },
      work: async (key) => {
        runs.push(key);
        await new Promise<void>((resolve) => (release = resolve));
        return null;
      },
    });
    queue.add('a');
    queue.add('a');
    queue.add('a');
    await tick();
    assert.deepEqual(runs, ['a']);
    release();
    await tick();
    await tick();
    assert.deepEqual(runs, ['a', 'a']);
    release();
    await queue.close();
    assert.deepEqual(runs, ['a', 'a']);
  });

  it('keeps nobody waiting for those who wait for somebody else', async () => {
    const ran: string[] = [];
    const { promise: never, resolve: release } = Promise.withResolvers<null>();
    const queue = makeQueue({
      ...{ concurrency: 2, backoff: { leastMs: 1, mostMs: 1 }, failed: () => {} },
      work: async (key) => {
        ran.push(key);
        return key.startsWith('slow') ? queue.aside(() => never) : null;
      },
    });
    for (const key of ['slow-1', 'slow-2', 'slow-3', 'quick']) queue.add(key);
    await tick();
    assert.deepEqual(ran, ['slow-1', 'slow-2', 'slow-3', 'quick']);
    queue.add('slow-1');
    await tick();
    assert.equal(ran.length, 4, 'a key that waits is worked on by one');
    release(null);
    await queue.close();
  });

  it('has no more under way than it may', async () => {
    let running = 0;
    let most = 0;
    const queue = makeQueue({
      ...{ concurrency: 2, backoff: { leastMs: 1, mostMs: 1 }, failed: () => {} },
      work: async () => {
        most = Math.max(most, (running += 1));
        await tick();
        running -= 1;
        return null;
      },
    });
    for (let at = 0; at < 10; at += 1) queue.add(`k${at}`);
    for (let at = 0; at < 30; at += 1) await tick();
    assert.deepEqual([most, queue.length()], [2, 0]);
    await queue.close();
  });

  it('tries again what failed, and forgets the failures with a success', async () => {
    const told: number[] = [];
    let failures = 3;
    const done = Promise.withResolvers<void>();
    const queue = makeQueue({
      ...{ concurrency: 1, backoff: { leastMs: 1, mostMs: 3 } },
      failed: (_key, _error, againMs) => void told.push(againMs),
      work: async () => {
        if (failures > 0) {
          failures -= 1;
          throw new Error('no');
        }
        done.resolve();
        return null;
      },
    });
    queue.add('a');
    await done.promise;
    assert.deepEqual(told, [1, 2, 3]);
    await queue.close();
  });

  it('waits longer and longer, up to a bound', () => {
    assert.deepEqual(
      [1, 2, 3, 7, 100].map((failures) => backoffMs(failures, 500, 30_000)),
      [500, 1_000, 2_000, 30_000, 30_000],
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeMutex } from '../../../../src/base/mutex.ts';

describe('mutex', () => {
  it('runs tasks of one key one after the other, in order, whatever becomes of them', async () => {
    const mutex = makeMutex();
    const seen: string[] = [];
    const task =
      (name: string, fails = false) =>
      async () => {
        seen.push(`${name}+`);
        await sleep(2);
        seen.push(`${name}-`);
        if (fails) throw new Error(name);
        return name;
      };
    const results = await Promise.allSettled([
      mutex('k', task('a')),
      mutex('k', task('b', true)),
      mutex('k', task('c')),
    ]);
    assert.deepEqual(seen, ['a+', 'a-', 'b+', 'b-', 'c+', 'c-']);
    assert.deepEqual(
      results.map((one) => one.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
  });

  it('does not let one key wait for another', async () => {
    const mutex = makeMutex();
    let free = (): void => {};
    const held = mutex('a', () => new Promise<void>((resolve) => (free = resolve)));
    assert.equal(await mutex('b', () => Promise.resolve('through')), 'through');
    free();
    await held;
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inTime } from '../../../src/base/in-time.ts';

/** Never ends. */
const never = (): Promise<string> => new Promise(() => undefined);
const tooLate = (): never => {
  throw new Error('late');
};

describe('in time', () => {
  it('gives what the work comes to, also where that is a failure', async () => {
    assert.equal(await inTime(Promise.resolve(1), 1_000, tooLate), 1);
    assert.equal(await inTime('at once', 1_000, tooLate), 'at once');
    await assert.rejects(inTime(Promise.reject(new Error('broken')), 1_000, tooLate), /broken/);
  });

  it('says what it means when the time is over', async () => {
    assert.equal(await inTime(never(), 1, () => null), null);
    await assert.rejects(inTime(never(), 1, tooLate), /late/);
  });

  it('ends when its signal aborts', async () => {
    const closing = new AbortController();
    const waits = inTime(never(), 60_000, () => closing.signal.aborted, { signal: closing.signal });
    closing.abort();
    assert.equal(await waits, true);
    assert.equal(await inTime(never(), 60_000, () => 'at once', { signal: closing.signal }), 'at once');
  });

  it('leaves no timer, and says nothing of work that fails too late', async () => {
    const waits: { signal: AbortSignal | undefined } = { signal: undefined };
    const clock = {
      now: () => 0,
      sleep: (_ms: number, signal?: AbortSignal) => {
        waits.signal = signal;
        return new Promise<void>(() => undefined);
      },
    };
    await inTime(Promise.resolve(), 60_000, tooLate, { clock });
    assert.ok(waits.signal?.aborted);
    const failing = Promise.withResolvers<string>();
    assert.equal(await inTime(failing.promise, 1, () => 'late'), 'late');
    failing.reject(new Error('nobody hears it'));
    await new Promise((resolve) => setImmediate(resolve));
  });
});

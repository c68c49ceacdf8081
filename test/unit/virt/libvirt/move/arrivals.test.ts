import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Arrival, makeArrivals } from '../../../../../src/virt/libvirt/move/arrivals.ts';

const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('disks that arrive', () => {
  it('are brought once, and whoever asks hears how far they are', async () => {
    const arrivals = makeArrivals();
    const gate = Promise.withResolvers<void>();
    let times = 0;
    const work = async ({ expect, advance }: Arrival) => {
      times += 1;
      expect(10);
      advance(4);
      await gate.promise;
      advance(6);
    };
    assert.deepEqual(arrivals.begin('a', work), {
      done: false,
      disk: { total: null, processed: 0, remaining: null },
    });
    await tick();
    assert.deepEqual(arrivals.begin('a', work), { done: false, disk: { total: 10, processed: 4, remaining: 6 } });
    gate.resolve();
    await tick();
    assert.equal(arrivals.begin('a', work).done, true);
    assert.equal(times, 1);
  });

  it('tell what they failed of once, and are begun again', async () => {
    const arrivals = makeArrivals();
    let times = 0;
    const work = async () => {
      times += 1;
      if (times === 1) throw new Error('no way');
    };
    arrivals.begin('a', work);
    await tick();
    assert.throws(() => arrivals.begin('a', work), /no way/);
    await arrivals.await('a', work);
    assert.equal(times, 2);
    const failing = arrivals.await('a', async () => {
      throw new Error('no way now');
    });
    await assert.rejects(failing, /no way now/);
  });

  it('are looked at once more by whoever needs them whole', async () => {
    const arrivals = makeArrivals();
    let times = 0;
    const work = async () => void (times += 1);
    arrivals.begin('a', work);
    await tick();
    await arrivals.await('a', work);
    assert.equal(times, 2);
  });

  it('stop where they are', async () => {
    const arrivals = makeArrivals();
    let stopped = false;
    arrivals.begin('a', async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      stopped = true;
    });
    await tick();
    await arrivals.stop('a');
    assert.ok(stopped);
    assert.equal(arrivals.begin('a', async () => {}).done, false, 'nothing is left of it');
    await arrivals.close();
  });
});

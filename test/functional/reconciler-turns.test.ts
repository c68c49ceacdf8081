// Several workers on one database: each reconciler that concerns the whole deployment is run by one of them, once in a period; one
// that dies in its turn is replaced, and one that fails keeps nobody from his.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import { makeReconcilers, reconcileDue, type ReconcilerName, type Reconcilers } from '../../src/ops/reconcile/index.ts';
import type { ReconcilerEnd } from '../../src/ops/index.ts';
import { engines } from '../support/database.ts';
import { makeWorld, type World } from '../support/world.ts';

const PERIOD_MS = 30_000;
const names = Object.keys(makeReconcilers()) as ReconcilerName[];
const shared = names.filter((name) => makeReconcilers()[name].by === 'deployment');

for (const engine of engines) {
  describe(`turns of reconcilers on ${engine}`, () => {
    let world: World;
    let aheadMs = 0;
    let ran: string[] = [];
    let ends: ReconcilerEnd[] = [];
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + aheadMs };

    beforeEach(async () => {
      world = await makeWorld({ engine, clock, worker: false });
      [aheadMs, ran, ends] = [0, [], []];
    });
    afterEach(() => world.close());

    const reconcilers = (broken: readonly string[] = []): Reconcilers =>
      Object.fromEntries(
        Object.entries(makeReconcilers()).map(([name, { by }]) => [
          name,
          {
            by,
            run: async () => {
              ran.push(name);
              if (broken.includes(name)) throw new Error('broken');
            },
          },
        ]),
      ) as unknown as Reconcilers;
    const period = async (workers: readonly Reconcilers[]): Promise<string[]> => {
      ran = [];
      const observer = {
        adjusted() {},
        acted() {},
        reported() {},
        reconciled: (end: ReconcilerEnd) => void ends.push(end),
      };
      await Promise.all(workers.map((one) => reconcileDue({ ...world.deps, clock, observer }, one, PERIOD_MS)));
      return ran;
    };
    const timesOf = (name: string): number => ran.filter((one) => one === name).length;

    it('are one worker’s in each period, and every worker’s where it is about the process', async () => {
      assert.ok(shared.length >= 6);
      const workers = [reconcilers(), reconcilers(), reconcilers()];
      for (let count = 0; count < 3; count += 1) {
        await period(workers);
        for (const name of names) assert.equal(timesOf(name), shared.includes(name) ? 1 : 3, name);
        // the timer of one worker comes early, and none of them is due
        aheadMs += PERIOD_MS / 2;
        await period([workers[0] as Reconcilers]);
        for (const name of shared) assert.equal(timesOf(name), 0, name);
        aheadMs += PERIOD_MS / 2;
      }
      await period([reconcilers()]);
      aheadMs += PERIOD_MS * 0.8;
      await period([reconcilers()]);
      for (const name of shared) assert.equal(timesOf(name), 1, `${name}: whoever is alone has every turn`);
    });

    it('go on when one fails, and it is told', async () => {
      await period([reconcilers(['reclaim'])]);
      assert.deepEqual(ran.toSorted(), names.toSorted());
      const failed = ends.filter(({ outcome }) => outcome === 'error');
      assert.deepEqual(
        failed.map(({ reconciler }) => reconciler),
        ['reclaim'],
      );
      assert.equal(ends.length, names.length);
    });

    it('pass to another when a worker dies in its turn', async () => {
      await world.database
        .write('named_locks')
        .where({ name: 'reconcile.remnants' })
        .update({ not_before: clock.now() + limits.reconcileLeaseMs });
      await period([reconcilers()]);
      assert.equal(timesOf('remnants'), 0);
      aheadMs += limits.reconcileLeaseMs;
      await period([reconcilers()]);
      assert.equal(timesOf('remnants'), 1);
    });
  });
}

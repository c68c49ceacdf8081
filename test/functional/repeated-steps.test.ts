// Why: whoever lost the answer of a host asks again, and a user sees whether a server was rebooted once or twice. What is repeated
// is answered; what is tried anew, after a failure that was recorded, is done.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { internal } from '../../src/base/errors.ts';
import { dueActions } from '../../src/db/instance-actions.ts';
import { takeDue } from '../../src/ops/engine/take.ts';
import { runSaga } from '../../src/ops/engine/run-saga.ts';
import type { Saga } from '../../src/ops/engine/saga.ts';
import { sagaOf } from '../../src/ops/actions.ts';
import { directoryStore } from '../../src/virt/fake/store.ts';
import { openWorld, prepare } from '../support/crash-child.ts';
import { isBad, killAt, type Point } from '../support/crash-end.ts';
import { scratchDir } from '../support/scratch.ts';
import { makeOp, makeWorld, type World } from '../support/world.ts';

const HOST = 'host-1';

describe('a reboot whose process is killed', () => {
  const base = mkdtempSync(join(scratchDir(), 'xloud-repeated-'));
  after(() => rmSync(base, { recursive: true, force: true }));

  async function rebootsAfter(point: Point): Promise<number | undefined> {
    const directory = join(base, `${point.name}-${point.occurrence}`);
    const world = await openWorld(directory, 'reboot', () => undefined);
    await prepare(world, 'reboot');
    await world.close();
    const result = await killAt({ directory }, 'reboot', point);
    assert.ok(!isBad(result), JSON.stringify(result));
    const [guest] = directoryStore(join(directory, HOST)).all();
    return guest && guest.starts - 1;
  }

  it('between the answer of the host and the record of the step reboots once', async () => {
    assert.equal(await rebootsAfter({ name: 'reboot.guest.after', occurrence: 1 }), 1);
  });

  it('before its host could keep the answer reboots twice', async () => {
    // the host cannot know whether it did it: a reboot that is seen twice is better than one that never was
    assert.equal(await rebootsAfter({ name: 'host.written', occurrence: 1 }), 2);
  });
});

describe('a reboot of which the step', () => {
  type Run = (world: World, reboot: () => Promise<unknown>) => Promise<unknown>;

  /** How often a server is rebooted when the step is run as `run` says. */
  async function reboots(run: Run): Promise<number> {
    const world = await makeWorld();
    try {
      const [server] = await world.create();
      assert.ok(server);
      await world.worker().close();
      await world.ops.rebootServer(makeOp(), server, 'HARD');
      const [action] = await dueActions(world.database.read, Date.now(), 1);
      assert.ok(action);
      const [taken] = await takeDue(world.deps, [action], 'test#1', 60_000);
      assert.ok(taken);
      const saga = sagaOf('reboot') as Saga<unknown>;
      const told: Saga<unknown> = {
        ...saga,
        steps: saga.steps.map((one) => ({ ...one, run: (context) => run(world, () => one.run(context)) })),
        retry: ({ step }, { input }) => ({ from: step, input }),
      };
      await runSaga(world.deps, told, taken, 'test#1', new AbortController().signal);
      assert.equal((await world.server(server.uuid)).vmState, 'active');
      assert.deepEqual(await world.leftovers(), []);
      return (world.drivers.get(HOST)?.store.get(server.uuid)?.starts ?? 0) - 1;
    } finally {
      await world.close();
    }
  }

  it('runs again is one, also when another agent is asked', async () => {
    const count = await reboots(async (world, reboot) => {
      await reboot();
      await reboot();
      await world.restartAgent(HOST);
      return reboot();
    });
    assert.equal(count, 1);
  });

  it('is tried anew once its failure was recorded is another', async () => {
    let failures = 1;
    const count = await reboots(async (_, reboot) => {
      const view = await reboot();
      failures -= 1;
      if (failures >= 0) throw internal('This step was told to fail.');
      return view;
    });
    assert.equal(count, 2);
  });
});

// What breaks off is a mistake, or a database that went away between two steps: it is tried again, each step and each undo as often as
// any, and only then given up, on record.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { limits } from '../../src/base/limits.ts';
import { failedUndos } from '../../src/db/checkup.ts';
import { dueActions, findActionById, listEvents } from '../../src/db/instance-actions.ts';
import type { OpsDeps } from '../../src/ops/deps.ts';
import { giveUp } from '../../src/ops/engine/give-up.ts';
import { runSaga } from '../../src/ops/engine/run-saga.ts';
import type { Saga, StepContext, Taken } from '../../src/ops/engine/saga.ts';
import { takeDue } from '../../src/ops/engine/take.ts';
import { createImageAction } from '../../src/ops/servers/create-image.ts';
import type { ImageInput } from '../../src/ops/servers/image-of-volumes.ts';
import { engines } from '../support/database.ts';
import { makeOp, makeWorld, type World } from '../support/world.ts';

const OWNER = 'test#1';
const lost = new Error('Connection lost.');

for (const engine of engines) {
  describe(`what breaks off on ${engine}`, () => {
    let world: World;
    beforeEach(async () => {
      world = await makeWorld({ engine });
    });
    afterEach(() => world.close());

    const images = async (uuid: string) =>
      (await world.images.all()).filter(({ properties }) => properties['instance_uuid'] === uuid);
    const run = (deps: OpsDeps, saga: Saga<ImageInput>, taken: Taken) =>
      runSaga(deps, saga, taken, OWNER, new AbortController().signal);

    async function take(uuid: string): Promise<Taken> {
      const due = await dueActions(world.database.read, Date.now() + limits.stepPauseMs, 10);
      const [taken] = await takeDue(
        world.deps,
        due.filter(({ serverUuid }) => serverUuid === uuid),
        OWNER,
        limits.leaseMs,
      );
      assert.ok(taken);
      return taken;
    }

    /** An image of a server that was begun so often without an end that now it fails, for whoever takes it. */
    async function begunOften(): Promise<{ readonly uuid: string; readonly taken: Taken }> {
      const [server] = await world.create();
      assert.ok(server);
      const { uuid } = server;
      await world.worker().close();
      await world.ops.createImage(makeOp(), { uuid }, { name: 'i', metadata: {} });
      await world.database
        .write('instance_actions')
        .where({ server_uuid: uuid, action: 'createImage' })
        .update({ attempts: limits.stepAttempts });
      return { uuid, taken: await take(uuid) };
    }

    /** Runs it until a moment from which on nothing can be written. */
    async function breaksOff(taken: Taken, moment: 'failing' | 'undoing'): Promise<void> {
      let broken = moment === 'failing';
      const { clock } = world.deps;
      const now = (): number => {
        if (!broken) return clock.now();
        broken = false;
        throw lost;
      };
      const saga: Saga<ImageInput> = {
        ...createImageAction,
        steps: createImageAction.steps.map((step) => ({
          ...step,
          async undo(context: StepContext<ImageInput>) {
            if (typeof step.undo !== 'string') await step.undo(context);
            broken = moment === 'undoing';
          },
        })),
      };
      const deps = { ...world.deps, clock: { now, sleep: clock.sleep.bind(clock) } };
      await assert.rejects(run(deps, saga, taken), (error) => error === lost);
      await giveUp(world.deps, OWNER, taken, lost);
    }

    for (const [moment, state] of [
      ['failing', 'running'],
      ['undoing', 'undoing'],
    ] as const) {
      it(`as it is ${moment} is undone later, though its step was begun too often`, async () => {
        const { uuid, taken } = await begunOften();
        await breaksOff(taken, moment);
        assert.equal((await findActionById(world.database.read, taken.action.id))?.state, state);
        assert.deepEqual(await run(world.deps, createImageAction, await take(uuid)), { kind: 'done' });
        const { vmState, taskState } = await world.server(uuid);
        assert.deepEqual([vmState, taskState], ['active', null]);
        assert.deepEqual(await images(uuid), []);
        const events = await listEvents(world.database.read, [taken.action.id]);
        assert.deepEqual(
          events.map(({ undo }) => undo),
          ['done'],
        );
      });
    }

    it('again and again is given up, and what stands is told of', async () => {
      const { uuid, taken } = await begunOften();
      await world.database
        .write('instance_actions')
        .where({ id: taken.action.id })
        .update({ attempts: 2 * limits.stepAttempts });
      await giveUp(world.deps, OWNER, taken, lost);
      const { vmState, taskState } = await world.server(uuid);
      assert.deepEqual([vmState, taskState], ['error', null]);
      assert.equal((await images(uuid)).length, 1);
      const told = (await failedUndos(world.database.read)).filter((one) => one.uuid === uuid);
      assert.deepEqual(told, [{ uuid, action: 'createImage', what: 'createImage_image of createImage' }]);
    });
  });
}

// Why: any saga must survive three things, whatever it does: every step failing in turn (before and after its effect), every step
// run twice, every undo run twice. And nothing that a deletion overtook may commit. The tests are written once.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { internal } from '../../src/base/errors.ts';
import { type ActionEvent, dueActions, findActionById, listEvents } from '../../src/db/instance-actions.ts';
import type { EngineName } from '../../src/db/engine.ts';
import { unfinishedMoves } from '../../src/db/migrations.ts';
import { type Envelope, eventName, type Saga, type Step } from '../../src/ops/engine/saga.ts';
import { reconcileAll } from '../../src/ops/reconcile/index.ts';
import { remnants } from '../../src/ops/reconcile/remnants.ts';
import { sagaOf } from '../../src/ops/actions.ts';
import { runSaga } from '../../src/ops/engine/run-saga.ts';
import { takeDue } from '../../src/ops/engine/take.ts';
import { noLeftovers, secondWorker } from './saga-cases.ts';
import type { MemoryVolumes } from './memory-volumes.ts';
import { adminOp, makeOp, makeWorld, type World, type WorldOptions } from './world.ts';
import { askedOf, requestOf } from './request-of.ts';

export interface SagaCase {
  /** Of its saga. */
  readonly name: string;
  /** What is asked for last as the case is arranged: the verb that leaves the action, or the key of a plain request. */
  readonly verb: string;
  /** Said of the case where one action has several sagas. */
  readonly label?: string;
  /** Which of them; default: the action's own. */
  readonly saga?: Saga<unknown>;
  readonly config?: WorldOptions['config'];
  /** Brings a server to where the action waits, and returns its uuid. Nobody runs actions meanwhile. */
  arrange(world: World, runAll: () => Promise<void>): Promise<string>;
  /** What must be true after a failure at a step. */
  cleanSlate(world: World, uuid: string): Promise<void>;
  /** What must be true after success. */
  reached(world: World, uuid: string): Promise<void>;
  /** Sets the world right after a deletion overtook the action; default: nothing has to be. */
  overtaken?(world: World, uuid: string): Promise<void>;
}

type Wrap = (step: Step<unknown>) => Step<unknown>;

const EVERY = 1_000;

const injected = () => internal('This step was told to fail.', { code: 'fake.told' });

/** Runs the first open action of a server with a changed saga; returns its events. `name`: what it must be; null: anything. */
async function runAny(world: World, uuid: string, name: string | null, wrap: Wrap): Promise<readonly ActionEvent[]> {
  const { database, deps } = world;
  const due = await dueActions(database.read, Date.now(), EVERY);
  const action = due.find(({ serverUuid }) => serverUuid === uuid);
  assert.ok(action, 'no action waits');
  if (name !== null) assert.equal(action.action, name);
  const named = sagaOf(action.action) as Saga<unknown>;
  const { args } = action.input as Envelope<unknown>;
  const saga = named.variant?.(args) ?? named;
  const [taken] = await takeDue(deps, [action], 'suite#1', 60_000);
  assert.ok(taken);
  const outcome = await runSaga(
    deps,
    { ...saga, steps: saga.steps.map(wrap) },
    taken,
    'suite#1',
    new AbortController().signal,
  );
  assert.equal(outcome.kind, 'done');
  const ended = await findActionById(database.read, action.id);
  assert.equal(ended?.state, 'done');
  return listEvents(database.read, [action.id]);
}

/** The verbs, and which of them were asked for. */
function recorded(ops: World['ops']) {
  const asked: string[] = [];
  const get =
    (verbs: World['ops'], verb: string): unknown =>
    (...args: unknown[]) => {
      asked.push(askedOf(verb, args));
      return (verbs as unknown as Record<string, (...all: unknown[]) => unknown>)[verb]?.(...args);
    };
  return { asked, ops: new Proxy(ops, { get: (verbs, verb) => get(verbs, String(verb)) }) };
}

export function testSaga(
  one: SagaCase & { readonly engine: EngineName; readonly volumes?: () => Promise<MemoryVolumes> },
): void {
  const { name, engine } = one;
  const saga = one.saga ?? sagaOf(name);
  assert.ok(saga, `no saga is called '${name}'`);
  const run = (world: World, uuid: string, wrap: Wrap) => runAny(world, uuid, name, wrap);
  describe(`saga ${one.label ?? name} on ${engine}`, () => {
    let world: World;
    before(async () => {
      // two hosts, of which the larger is chosen first: moves need another one
      world = await makeWorld({
        engine,
        hosts: [
          { name: 'host-1', inventory: { memoryMb: 65_536 } },
          { name: 'host-2', inventory: { memoryMb: 32_768 } },
        ],
        ...(one.config === undefined ? {} : { config: one.config }),
        ...(one.volumes === undefined ? {} : { volumes: await one.volumes() }),
      });
      // from here on actions are run by the tests
      await world.worker().close();
    });
    after(() => world.close());

    const runAll = async (): Promise<void> => {
      const rows: { server_uuid: string }[] = await world.database
        .read('instance_actions')
        .distinct('server_uuid')
        .whereNot('state', 'done');
      for (const row of rows) await runAny(world, row.server_uuid, null, (step) => step);
    };

    async function arrange(): Promise<string> {
      const { asked, ops } = recorded(world.ops);
      const uuid = await one.arrange(Object.create(world, { ops: { value: ops } }) as World, runAll);
      assert.equal(asked.at(-1), one.verb);
      return uuid;
    }

    for (const failing of saga.steps) {
      for (const when of ['before', 'after'] as const) {
        it(`leaves a clean slate when '${failing.name}' fails ${when} its effect`, async () => {
          const uuid = await arrange();
          const events = await run(world, uuid, (step) => {
            if (step.name !== failing.name) return step;
            return {
              ...step,
              async run(context) {
                if (when === 'after') await step.run(context);
                throw injected();
              },
            };
          });
          const event = events.find(({ event: done }) => done === eventName(saga, failing));
          assert.equal(event?.result, 'Error');
          assert.equal(event?.details, 'This step was told to fail.');
          assert.equal((await world.server(uuid)).taskState, null);
          await one.cleanSlate(world, uuid);
        });
      }
    }

    // a deletion is overtaken by nothing
    for (const overtaken of name === 'delete' ? [] : saga.steps) {
      it(`commits nothing once a deletion overtook it in '${overtaken.name}'`, async () => {
        const uuid = await arrange();
        // nobody tells the action: it learns of it by its own commit, however late the news are
        const events = await run(world, uuid, (step) => {
          if (step.name !== overtaken.name) return step;
          return {
            ...step,
            async run(context) {
              const output = await step.run(context);
              await world.ops.requestAction(makeOp(), { uuid }, requestOf('forceDelete'));
              return output;
            },
          };
        });
        // in the step's own last transaction, or in what came next where that was over
        const event = events.findLast(({ result }) => result === 'Error');
        assert.match(event?.details ?? '', /^Overtaken by 'delete' \(req-/);
        const done = events.filter(({ result }) => result === 'Success').map((one) => one.event);
        const names = saga.steps.map((step) => eventName(saga, step));
        assert.ok(done.length <= names.indexOf(eventName(saga, overtaken)) + 1, 'nothing after it is done');
        assert.equal((await world.server(uuid)).taskState, 'deleting');
        await secondWorker(world);
        assert.equal((await world.server(uuid)).deleted, true);
        await one.overtaken?.(world, uuid);
        await noLeftovers(world);
      });
    }

    for (const overtaken of saga.givenUp === undefined ? [] : saga.steps) {
      it(`leaves no move and no claim once a state was set by hand in '${overtaken.name}'`, async () => {
        const uuid = await arrange();
        await run(world, uuid, (step) => {
          if (step.name !== overtaken.name) return step;
          return {
            ...step,
            async run(context) {
              const output = await step.run(context);
              await world.ops.resetState(adminOp(), { uuid }, 'active');
              return output;
            },
          };
        });
        const { id, vmState, taskState } = await world.server(uuid);
        assert.deepEqual([vmState, taskState], ['active', null]);
        assert.deepEqual(await unfinishedMoves(world.database.read, { id, uuid }), []);
        await one.overtaken?.(world, uuid);
        await reconcileAll(world.deps, { remnants });
        await noLeftovers(world);
      });
    }

    it('ends the same when every step runs twice', async () => {
      const uuid = await arrange();
      const events = await run(world, uuid, (step) => ({
        ...step,
        async run(context) {
          let ended = false;
          const finish: typeof context.finish = async (work) => {
            const output = await context.finish(work);
            ended ||= output !== null;
            return output;
          };
          const first = await step.run({ ...context, finish });
          // what wrote its end in one transaction with its work is never run again
          return ended ? first : step.run(context);
        },
      }));
      assert.deepEqual(
        events.map(({ event, result }) => [event, result]),
        saga.steps.map((step) => [eventName(saga, step), 'Success']),
      );
      await one.reached(world, uuid);
    });

    it('leaves the same clean slate when every undo runs twice', async () => {
      const uuid = await arrange();
      const last = saga.steps.at(-1)?.name;
      await run(world, uuid, (step) => {
        const { undo } = step;
        return {
          ...step,
          ...(step.name === last
            ? {
                async run(context: Parameters<typeof step.run>[0]) {
                  await step.run(context);
                  throw injected();
                },
              }
            : {}),
          ...(typeof undo === 'string'
            ? {}
            : {
                async undo(context: Parameters<typeof step.run>[0]) {
                  await undo(context);
                  await undo(context);
                },
              }),
        };
      });
      await one.cleanSlate(world, uuid);
    });
  });
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { taskStates, type VmState } from '../../../../src/domain/servers/instance.ts';
import { type MoveName, type MoveSubject, moves, refusal } from '../../../../src/domain/servers/moves.ts';

const vmStates: readonly VmState[] = [
  'building',
  'active',
  'paused',
  'suspended',
  'stopped',
  'rescued',
  'resized',
  'soft-delete',
  'deleted',
  'error',
  'shelved',
  'shelved_offloaded',
];
const names = Object.keys(moves) as MoveName[];
const UUID = '9c2ba5f1-3d4e-4b0c-8f5e-7d1a2b3c4d5e';

const subject = (overrides: Partial<MoveSubject> = {}): MoveSubject => ({
  uuid: UUID,
  vmState: 'active',
  taskState: null,
  launchedAt: 1,
  host: 'host1',
  lockedBy: null,
  ...overrides,
});

const anySubject: fc.Arbitrary<MoveSubject> = fc.record({
  uuid: fc.constant(UUID),
  vmState: fc.constantFrom(...vmStates),
  taskState: fc.constantFrom(null, ...taskStates),
  launchedAt: fc.constantFrom(null, 1),
  host: fc.constantFrom(null, 'host1'),
  lockedBy: fc.constantFrom(null, 'owner' as const, 'admin' as const),
});

describe('moves', () => {
  it('refuses in the words of Nova', () => {
    const cases: readonly [MoveName, Partial<MoveSubject>, string][] = [
      ['stop', { vmState: 'stopped' }, `Cannot 'stop' instance ${UUID} while it is in vm_state stopped`],
      ['start', { vmState: 'active' }, `Cannot 'start' instance ${UUID} while it is in vm_state active`],
      ['stop', { taskState: 'powering-off' }, `Cannot 'stop' instance ${UUID} while it is in task_state powering-off`],
      ['rebootSoft', { vmState: 'stopped' }, `Cannot 'reboot' instance ${UUID} while it is in vm_state stopped`],
      ['rebootHard', { taskState: 'deleting' }, `Cannot 'reboot' instance ${UUID} while it is in task_state deleting`],
      ['adjust', { taskState: 'adjusting' }, `Cannot 'adjust' instance ${UUID} while it is in task_state adjusting`],
      ['adjust', { vmState: 'error' }, `Cannot 'adjust' instance ${UUID} while it is in vm_state error`],
      ['stop', { vmState: 'error', launchedAt: null }, `Instance ${UUID} is in an invalid state for 'stop'`],
      ['stop', { vmState: 'building', host: null }, `Instance ${UUID} is not ready`],
      ['consoleOutput', { vmState: 'building', host: null }, `Instance ${UUID} is not ready`],
      ['delete', { lockedBy: 'owner' }, `Instance ${UUID} is locked`],
      ['changePassword', { lockedBy: 'owner' }, `Instance ${UUID} is in an invalid state for 'changePassword'`],
    ];
    for (const [name, state, text] of cases) assert.equal(refusal(subject(state), name, false), text);
  });

  it('lets what Nova lets', () => {
    const cases: readonly [MoveName, Partial<MoveSubject>][] = [
      ['stop', {}],
      ['stop', { vmState: 'error' }],
      ['start', { vmState: 'stopped' }],
      ['rebootSoft', {}],
      ['rebootHard', { vmState: 'paused' }],
      ['rebootHard', { taskState: 'rebooting' }],
      ['delete', { vmState: 'building', taskState: 'spawning', launchedAt: null, host: null }],
      ['delete', { taskState: 'deleting' }],
      ['update', { lockedBy: 'admin' }],
      ['consoleOutput', { lockedBy: 'admin' }],
      ['adjust', { vmState: 'stopped' }],
    ];
    for (const [name, state] of cases) assert.equal(refusal(subject(state), name, false), null, name);
  });

  it('lets a move start exactly where the table says', () => {
    fc.assert(
      fc.property(anySubject, fc.constantFrom(...names), fc.boolean(), (server, name, mayOverride) => {
        const move = moves[name];
        const legal =
          (!move.lockable || server.lockedBy === null || mayOverride) &&
          (!move.placed || server.host !== null) &&
          (move.from === null || move.from.includes(server.vmState)) &&
          (move.tasks === null || move.tasks.includes(server.taskState)) &&
          (!move.launched || server.launchedAt !== null);
        assert.equal(refusal(server, name, mayOverride) === null, legal);
      }),
    );
  });

  it('lets only deletion and evacuation interrupt what is under way, and a power cycle what the guest may hang in', () => {
    const overtaking = new Set<MoveName>(['delete', 'softDelete', 'forceDelete', 'evacuate']);
    const hanging = /^(reboot|resuming|pausing|unpausing|suspending)/;
    for (const name of names) {
      const interrupts = taskStates.filter(
        (taskState) => moves[name].task !== null && moves[name].tasks?.includes(taskState) !== false,
      );
      if (overtaking.has(name)) assert.deepEqual(interrupts, taskStates, name);
      else if (name === 'rebootHard') assert.ok(interrupts.every((task) => hanging.test(task)));
      else assert.deepEqual(interrupts, [], name);
    }
  });

  it('ends every move in a state that has a way on', () => {
    for (const move of Object.values(moves)) {
      if (move.to === null || move.to === 'deleted') continue;
      const next = Object.values(moves).filter((other) => other.from?.includes(move.to as VmState));
      assert.ok(next.length > 0, move.word);
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { taskStates } from '../../../src/domain/servers/servers.ts';
import { refusal, type TransitionSubject } from '../../../src/domain/servers/transition.ts';
import { transitionOf, transitions } from '../../support/transitions.ts';

const UUID = '9c2ba5f1-3d4e-4b0c-8f5e-7d1a2b3c4d5e';

const subject = (overrides: Partial<TransitionSubject> = {}): TransitionSubject => ({
  uuid: UUID,
  vmState: 'active',
  taskState: null,
  launchedAt: 1,
  host: 'host1',
  lockedBy: null,
  ...overrides,
});

describe('transitions', () => {
  it('refuses in the words of Nova', () => {
    const cases: readonly [string, Partial<TransitionSubject>, string][] = [
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
    for (const [name, state, text] of cases) assert.equal(refusal(subject(state), transitionOf(name), false), text);
  });

  it('lets what Nova lets', () => {
    const cases: readonly [string, Partial<TransitionSubject>][] = [
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
    for (const [name, state] of cases) assert.equal(refusal(subject(state), transitionOf(name), false), null, name);
  });

  it('lets only deletion and evacuation interrupt what is under way, and a power cycle what the guest may hang in', () => {
    const overtaking = new Set(['delete', 'softDelete', 'forceDelete', 'evacuate']);
    const hanging = /^(reboot|resuming|pausing|unpausing|suspending)/;
    for (const [name, { task, tasks }] of transitions) {
      const interrupts = taskStates.filter((taskState) => task !== null && tasks?.includes(taskState) !== false);
      if (overtaking.has(name)) assert.deepEqual(interrupts, taskStates, name);
      else if (name === 'rebootHard') assert.ok(interrupts.every((one) => hanging.test(one)));
      else assert.deepEqual(interrupts, [], name);
    }
  });

  it('end in a state that has a way on', () => {
    for (const { to, word } of transitions.values()) {
      if (to === null || to === 'deleted') continue;
      assert.ok(
        [...transitions.values()].some(({ from }) => from?.includes(to)),
        word,
      );
    }
  });
});

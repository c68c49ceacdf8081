// An action is named by its saga's value: what would not be carried out, or with another input, does not compile. The functions
// here are for the compiler (`make lint`) and are never called: an expected error that is none is an error of its own.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Op } from '../../../../src/base/op.ts';
import type { Tx } from '../../../../src/db/tx.ts';
import type { Server } from '../../../../src/domain/servers/servers.ts';
import type { OpsDeps } from '../../../../src/ops/deps.ts';
import {
  beginAction,
  enqueueAction,
  enqueueTransition,
  holdActions,
  wakeWorkers,
} from '../../../../src/ops/engine/begin.ts';
import type { Saga } from '../../../../src/ops/engine/saga.ts';
import { actions, byName, sagaOf } from '../../../../src/ops/actions.ts';
import { changePasswordAction } from '../../../../src/ops/servers/admin-password.ts';
import { pauseAction } from '../../../../src/ops/servers/pause.ts';
import { rebootAction } from '../../../../src/ops/servers/reboot.ts';
import { startAction } from '../../../../src/ops/servers/start.ts';

export async function compiles(deps: OpsDeps, op: Op, t: Tx, server: Server): Promise<void> {
  await enqueueAction(t, op, server, rebootAction, { type: 'HARD' }, 0);
  await enqueueAction(t, op, server, changePasswordAction, { user: 'root', password: 'x' }, 0);
  await holdActions(t, op, [server], rebootAction, { type: 'SOFT' }, 0, 1);
  await beginAction(deps, op, server.uuid, pauseAction.transitions.plain, pauseAction, () => ({}));
  wakeWorkers(deps, rebootAction, [1]);
}

export async function doesNotCompile(deps: OpsDeps, op: Op, t: Tx, server: Server): Promise<void> {
  // @ts-expect-error: a name is no saga
  await enqueueAction(t, op, server, 'reboot', { type: 'HARD' }, 0);
  // @ts-expect-error: what its input has is not there
  await enqueueAction(t, op, server, rebootAction, {}, 0);
  // @ts-expect-error: another type
  await enqueueAction(t, op, server, rebootAction, { type: 'WARM' }, 0);
  // @ts-expect-error: what its input has not
  await enqueueAction(t, op, server, startAction, { type: 'HARD' }, 0);
  // @ts-expect-error: half of what its input has
  await holdActions(t, op, [server], changePasswordAction, { user: 'root' }, 0, 1);
  const other = { user: 'root', password: 'x' };
  const input = { type: 'HARD' as const };
  const { rebootHard } = rebootAction.transitions;
  const { changePassword } = changePasswordAction.transitions;
  // @ts-expect-error: the input of another saga
  await enqueueTransition(deps, op, server.uuid, rebootHard, rebootAction, () => other);
  // @ts-expect-error: the input of another saga
  await beginAction(deps, op, server.uuid, changePassword, changePasswordAction, () => input);
  // @ts-expect-error: a transition that the action has not
  await enqueueTransition(deps, op, server.uuid, rebootAction.transitions.rebootWarm, rebootAction, () => input);
  // @ts-expect-error: a name is no saga
  wakeWorkers(deps, 'reboot', [1]);
}

describe('the actions of this program', () => {
  it('are found by their names, and nothing else is', () => {
    for (const [name, action] of actions) {
      assert.equal(action.name, name);
      assert.equal(sagaOf(name), action as unknown as Saga<unknown>);
    }
    for (const name of ['', 'toString', '__proto__', 'resetState', 'lock']) assert.equal(sagaOf(name), null);
  });

  it('cannot be listed twice under one name', () => {
    assert.throws(() => byName([startAction, pauseAction, { ...rebootAction, name: 'start' }]), /one name: start\./);
  });
});

// An action is named by its saga's value: what would not be carried out, or with another input, does not compile. The functions
// here are for the compiler (`make lint`) and are never called: an expected error that is none is an error of its own.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Op } from '../../../../src/base/op.ts';
import type { Tx } from '../../../../src/db/tx.ts';
import type { Server } from '../../../../src/domain/servers/instance.ts';
import type { OpsDeps } from '../../../../src/ops/deps.ts';
import { beginMove, enqueueAction, enqueueMove, holdActions, wakeWorkers } from '../../../../src/ops/engine/begin.ts';
import type { Saga } from '../../../../src/ops/engine/saga.ts';
import { sagaOf, sagas, sagasByName } from '../../../../src/ops/engine/sagas.ts';
import { changePasswordSaga } from '../../../../src/ops/servers/admin-password.ts';
import { pauseSaga, rebootSaga, startSaga } from '../../../../src/ops/servers/power.ts';

export async function compiles(deps: OpsDeps, op: Op, t: Tx, server: Server): Promise<void> {
  await enqueueAction(t, op, server, rebootSaga, { type: 'HARD' }, 0);
  await enqueueAction(t, op, server, changePasswordSaga, { user: 'root', password: 'x' }, 0);
  await holdActions(t, op, [server], rebootSaga, { type: 'SOFT' }, 0, 1);
  await beginMove(deps, op, server.uuid, 'pause', pauseSaga, () => ({}));
  wakeWorkers(deps, rebootSaga, [1]);
}

export async function doesNotCompile(deps: OpsDeps, op: Op, t: Tx, server: Server): Promise<void> {
  // @ts-expect-error: a name is no saga
  await enqueueAction(t, op, server, 'reboot', { type: 'HARD' }, 0);
  // @ts-expect-error: what its input has is not there
  await enqueueAction(t, op, server, rebootSaga, {}, 0);
  // @ts-expect-error: another type
  await enqueueAction(t, op, server, rebootSaga, { type: 'WARM' }, 0);
  // @ts-expect-error: what its input has not
  await enqueueAction(t, op, server, startSaga, { type: 'HARD' }, 0);
  // @ts-expect-error: half of what its input has
  await holdActions(t, op, [server], changePasswordSaga, { user: 'root' }, 0, 1);
  // @ts-expect-error: the input of another saga
  await enqueueMove(deps, op, server.uuid, 'rebootHard', rebootSaga, () => ({ user: 'root', password: 'x' }));
  // @ts-expect-error: the input of another saga
  await beginMove(deps, op, server.uuid, 'changePassword', changePasswordSaga, () => ({ type: 'HARD' as const }));
  // @ts-expect-error: a name is no saga
  wakeWorkers(deps, 'reboot', [1]);
}

describe('the sagas of this program', () => {
  it('are found by their names, and nothing else is', () => {
    for (const [name, saga] of sagas) {
      assert.equal(saga.name, name);
      assert.equal(sagaOf(name), saga as unknown as Saga<unknown>);
    }
    for (const name of ['', 'toString', '__proto__', 'resetState', 'lock']) assert.equal(sagaOf(name), null);
  });

  it('cannot be listed twice under one name', () => {
    assert.throws(() => sagasByName([startSaga, pauseSaga, { ...rebootSaga, name: 'start' }]), /one name: start\./);
  });
});

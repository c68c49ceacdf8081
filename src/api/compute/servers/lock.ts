// Why: a locked server is changed by administrators only; why it is locked may be said.

import { versioned } from '../../../base/history.ts';
import { anyAction, closed, wrapped } from '../../parameters.ts';
import { resource, route } from '../../resource.ts';

const LOCK = 'os_compute_api:os-lock-server:lock';
const UNLOCK = 'os_compute_api:os-lock-server:unlock';
const OVERRIDE = 'os_compute_api:os-lock-server:unlock:unlock_override';

interface LockBody {
  readonly lock: unknown;
}

const lockWithReason = wrapped('lock', {
  ...closed({ locked_reason: { type: 'string', minLength: 1, maxLength: 255 } }),
  type: ['object', 'null'],
});

/** What the caller says of why, where the version has it; before, anything may stand there and means nothing. */
const reasonOf = versioned<(lock: unknown) => string | null>(
  () => null,
  ['2.73', (lock) => (lock as { locked_reason?: string } | null)?.locked_reason ?? null],
);

export default resource({
  'POST /servers/:server_id/action#lock': route<'server', LockBody>()({
    summary: 'Lock a server: only administrators may change it then.',
    policy: LOCK,
    target: 'server',
    body: versioned(anyAction('lock'), ['2.73', lockWithReason]),
    status: 202,
    run: (call) => call.services.ops.lockServer(call.op, call.target, reasonOf.at(call.op.minor)(call.body.lock)),
  }),
  'POST /servers/:server_id/action#unlock': route<'server'>()({
    summary: 'Unlock a server.',
    policy: UNLOCK,
    alsoAsks: [OVERRIDE],
    target: 'server',
    body: anyAction('unlock'),
    status: 202,
    run: (call) => call.services.ops.unlockServer(call.op, call.target, () => call.enforce(OVERRIDE)),
  }),
});

// Why: start, stop and reboot are one shape: a task, one call to the host, and the row says what the host answered.

import type { Op } from '../base/op.ts';
import type { GuestView } from '../domain/guest.ts';
import type { Server } from '../domain/instance.ts';
import { beginMove } from './begin.ts';
import { guestSpec } from './build.ts';
import type { OpsDeps } from './deps.ts';
import { internal } from '../base/errors.ts';
import type { Saga, StepContext } from './saga.ts';
import { settleFailed, settleFromView } from './settle.ts';

type Named = Pick<Server, 'uuid'>;

export const startServer = (deps: OpsDeps, op: Op, { uuid }: Named): Promise<void> =>
  beginMove(deps, op, uuid, 'start', () => ({}));

export const stopServer = (deps: OpsDeps, op: Op, { uuid }: Named): Promise<void> =>
  beginMove(deps, op, uuid, 'stop', () => ({}));

export type RebootType = 'SOFT' | 'HARD';

export const rebootServer = (deps: OpsDeps, op: Op, { uuid }: Named, type: RebootType): Promise<void> =>
  beginMove<RebootInput>(deps, op, uuid, type === 'SOFT' ? 'rebootSoft' : 'rebootHard', () => ({ type }));

type Input = Record<string, never>;
interface RebootInput {
  readonly type: RebootType;
}

function hostOf({ uuid, host }: Server): string {
  if (host === null) throw internal(`Instance ${uuid} has no host.`);
  return host;
}

/** One call to the host, whose answer the row becomes. A failure leaves the state, and a fault that says why. */
function powerSaga<I>(name: string, ask: (context: StepContext<I>) => Promise<GuestView>): Saga<I> {
  return {
    name,
    secrets: [],
    steps: [
      { name: 'guest', run: ask, undo: 'the host is asked what became of the guest when the failure is written' },
    ],
    async settle(t, { server, output }, nowMs) {
      await settleFromView(t, server, output<GuestView>('guest'), nowMs);
      return null;
    },
    observe: ({ server, call }) => call(hostOf(server), 'inspect', { uuid: server.uuid }),
    async failed(t, { server }, failure, nowMs, seen) {
      if (seen !== null) await settleFromView(t, server, seen as GuestView, nowMs);
      await settleFailed(t, server, failure, nowMs, {});
    },
  };
}

export const startSaga: Saga<Input> = powerSaga('start', async ({ deps, server, call }) =>
  call(hostOf(server), 'powerOn', { spec: await guestSpec(deps.database.read, server, null) }),
);

export const stopSaga: Saga<Input> = powerSaga('stop', ({ deps, server, call }) =>
  call(hostOf(server), 'powerOff', { uuid: server.uuid, timeoutMs: deps.config.shutdownMs }),
);

export const rebootSaga: Saga<RebootInput> = powerSaga('reboot', async ({ deps, server, input, call }) =>
  call(hostOf(server), 'reboot', {
    spec: await guestSpec(deps.database.read, server, null),
    type: input.type,
    timeoutMs: deps.config.shutdownMs,
  }),
);

// Why: start, stop, reboot, pause, suspend and their opposites are one shape: a task, one call to the host, and the row says what the host answered.

import { conflict, internal } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { updateServer } from '../../db/servers.ts';
import type { Tx } from '../../db/tx.ts';
import type { GuestView } from '../../domain/servers/guest.ts';
import type { Server } from '../../domain/servers/instance.ts';
import type { MoveName } from '../../domain/servers/moves.ts';
import { asksForDevices } from '../../domain/pci/pci-alias.ts';
import { beginMove } from '../engine/begin.ts';
import { guestSpec } from './build.ts';
import type { OpsDeps } from '../deps.ts';
import { type Saga, step, type StepContext } from '../engine/saga.ts';
import { settleFailed, settleFromView, vmStateOf } from '../engine/settle.ts';
import { endElsewhere } from './whereabouts.ts';

type Named = Pick<Server, 'uuid'>;

export type RebootType = 'SOFT' | 'HARD';

type Input = Record<string, never>;
interface RebootInput {
  readonly type: RebootType;
}

/** The host that the server must have. */
export function hostOf({ uuid, host }: Server): string {
  if (host === null) throw internal(`Instance ${uuid} has no host.`);
  return host;
}

const settleCycle = <I>(t: Tx, { server }: StepContext<I>, view: GuestView, nowMs: number): Promise<void> =>
  settleFromView(t, server, view, nowMs, true);

/** A guest that was only frozen or let run again keeps what it has. */
const settleState = <I>(t: Tx, { server }: StepContext<I>, view: GuestView, nowMs: number): Promise<void> =>
  updateServer(
    t,
    server.id,
    { powerState: view.powerState, vmState: vmStateOf(view.powerState) ?? server.vmState, taskState: null },
    nowMs,
  );

/** One call to the host, whose answer the row becomes. A failure leaves the state, and a fault that says why. */
function powerSaga<I>(
  name: string,
  ask: (context: StepContext<I>) => Promise<GuestView>,
  settle: (t: Tx, context: StepContext<I>, view: GuestView, nowMs: number) => Promise<void> = settleCycle,
): Saga<I> {
  const guest = step({
    name: 'guest',
    run: ask,
    undo: 'the host is asked what became of the guest when the failure is written',
  });
  return {
    name,
    secrets: [],
    steps: [guest],
    async settle(t, context, nowMs) {
      await settle(t, context, context.output(guest), nowMs);
      return null;
    },
    observe: ({ server, call }) => call(hostOf(server), 'inspect', { uuid: server.uuid }),
    async failed(t, { server }, failure, nowMs, seen) {
      // a server in ERROR leaves it by what succeeds, not by what was seen of its guest
      const stays = server.vmState === 'error' ? { vmState: server.vmState } : {};
      await settleFailed(t, server, failure, nowMs, stays, seen as GuestView | null);
    },
  };
}

export const startSaga: Saga<Input> = powerSaga('start', async (context) => {
  const server = await endElsewhere(context);
  const { deps, call } = context;
  return call(hostOf(server), 'powerOn', { spec: await guestSpec(deps.database.read, server, null) });
});

export const stopSaga: Saga<Input> = powerSaga('stop', ({ deps, server, call }) =>
  call(hostOf(server), 'powerOff', { uuid: server.uuid, timeoutMs: deps.config.shutdownMs }),
);

export const rebootSaga: Saga<RebootInput> = powerSaga('reboot', async (context) => {
  const server = await endElsewhere(context);
  const { deps, input, call } = context;
  return call(hostOf(server), 'reboot', {
    spec: await guestSpec(deps.database.read, server, null),
    type: input.type,
    timeoutMs: deps.config.shutdownMs,
  });
});

/** The guest is frozen, stored, or goes on: its state changes, what it has does not. */
const stateSaga = (verb: 'pause' | 'unpause' | 'suspend' | 'resume'): Saga<Input> =>
  powerSaga(verb, ({ server, call }) => call(hostOf(server), verb, { uuid: server.uuid }), settleState);

export const pauseSaga = stateSaga('pause');
export const unpauseSaga = stateSaga('unpause');
export const suspendSaga = stateSaga('suspend');
export const resumeSaga = stateSaga('resume');

// --- the requests ---------------------------------------------------------------------------------------------------

/** A verb that needs nothing but the server. */
const plain =
  (move: MoveName, saga: Saga<Input>) =>
  async (deps: OpsDeps, op: Op, { uuid }: Named): Promise<void> => {
    await beginMove(deps, op, uuid, move, saga, () => ({}));
  };

export const startServer = plain('start', startSaga);
export const stopServer = plain('stop', stopSaga);
export const pauseServer = plain('pause', pauseSaga);
export const unpauseServer = plain('unpause', unpauseSaga);
export const resumeServer = plain('resume', resumeSaga);

/** As the others; throws 409 too for a server with devices, whose state nobody can write to disk. */
export async function suspendServer(deps: OpsDeps, op: Op, { uuid }: Named): Promise<void> {
  await beginMove(deps, op, uuid, 'suspend', suspendSaga, ({ flavor }) => {
    if (!asksForDevices(flavor)) return {};
    throw conflict(`Cannot 'suspend' instance ${uuid} while it has PCI devices of its host`);
  });
}

export async function rebootServer(deps: OpsDeps, op: Op, { uuid }: Named, type: RebootType): Promise<void> {
  await beginMove(deps, op, uuid, type === 'SOFT' ? 'rebootSoft' : 'rebootHard', rebootSaga, () => ({ type }));
}

// Why: start, stop, reboot, pause, suspend and their opposites are one shape: one call to the host, and the row says what the host
// answered.

import { updateServer } from '../../db/servers.ts';
import type { Tx } from '../../db/tx.ts';
import type { GuestView } from '../../domain/servers/guests.ts';
import { type Saga, step, type StepContext } from '../engine/saga.ts';
import { settleFailed, settleFromView, vmStateOf } from '../engine/settle.ts';
import { hostOf } from './host-of.ts';

type Settle<I> = (t: Tx, context: StepContext<I>, view: GuestView, nowMs: number) => Promise<void>;

/** A guest that was started or ended has what it booted with. */
const settleCycle = <I>(t: Tx, { server }: StepContext<I>, view: GuestView, nowMs: number): Promise<void> =>
  settleFromView(t, server, view, nowMs, true);

/** A guest that was only frozen or let run again keeps what it has. */
export const settleState = <I>(t: Tx, { server }: StepContext<I>, view: GuestView, nowMs: number): Promise<void> =>
  updateServer(
    t,
    server.id,
    { powerState: view.powerState, vmState: vmStateOf(view.powerState) ?? server.vmState, taskState: null },
    nowMs,
  );

/**
 * One call to the host, whose answer the row becomes. A failure leaves the state, and a fault that says why.
 * @param event what users know the call by
 */
export function powerSteps<I>(
  event: string,
  ask: (context: StepContext<I>) => Promise<GuestView>,
  settle: Settle<I> = settleCycle,
): Omit<Saga<I>, 'name' | 'notification'> {
  const guest = step({
    name: 'guest',
    event,
    run: ask,
    undo: 'the host is asked what became of the guest when the failure is written',
  });
  return {
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

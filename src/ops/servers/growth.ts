// Why: a server that moves because its host has no room for what it shall be goes on to become that, once it is where the room is;
// and where it does not get there, its row says that and why.

import type { InstanceAction } from '../../db/instance-actions.ts';
import { updateServer } from '../../db/servers.ts';
import { afterCommit, type Tx } from '../../db/tx.ts';
import type { Size } from '../../domain/adjustment/size.ts';
import { bootSizeOf } from '../../domain/servers/build-spec.ts';
import { minimumOf } from '../../domain/machines/flavors.ts';
import { claimOf } from '../../domain/placement/claims.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { refusal } from '../../domain/servers/transition.ts';
import type { OpsDeps } from '../deps.ts';
import { enqueueNext, wakeWorkers } from '../engine/begin.ts';
import { resizeClaim } from '../engine/settle.ts';
import { adjustAction, type AdjustInput } from './adjust.ts';

/** What a server that has no room to grow has where it goes. */
export interface Growth {
  /** What it claims there. */
  readonly claim: Size;
  /** What it becomes once it is there. */
  readonly adjust: AdjustInput;
}

/** What of the row says that an adjustment came to nothing. */
export const notGrown = (adjustMessage: string, adjustUpdatedAt: number) => ({
  adjustStatus: 'error' as const,
  adjustMessage,
  adjustUpdatedAt,
});

/** The server is where it has room, and free: it is adjusted. One that does not run any more claims again what it has. */
export async function growHere(
  t: Tx,
  { deps, action }: { readonly deps: OpsDeps; readonly action: InstanceAction },
  server: Server,
  { adjust }: Growth,
  nowMs: number,
): Promise<void> {
  const problem = refusal(server, adjustAction.transitions.adjust, true);
  if (problem !== null || server.vmState !== 'active') {
    const words = problem ?? `Instance ${server.uuid} does not run any more.`;
    await updateServer(t, server.id, notGrown(words, nowMs), nowMs);
    const current = { vcpus: server.currentVcpus, memoryMb: server.currentMemoryMb };
    await resizeClaim(t, server.id, claimOf(minimumOf(server.flavor), current, bootSizeOf(server)));
    return;
  }
  await updateServer(t, server.id, { taskState: 'adjusting' }, nowMs);
  const id = await enqueueNext(t, action, server, adjustAction, adjust, nowMs);
  afterCommit(t, () => wakeWorkers(deps, adjustAction, [id]));
}

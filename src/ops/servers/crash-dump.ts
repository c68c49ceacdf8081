// Why: what becomes of a guest after an NMI is the guest's own affair, so that neither task nor state of the server change.

import type { Op } from '../../base/op.ts';
import type { Server } from '../../domain/servers/instance.ts';
import { beginMove } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { hostOf } from './power.ts';
import type { Saga } from '../engine/saga.ts';
import { recordFailure } from '../engine/settle.ts';

type Input = Record<string, never>;

export async function triggerCrashDump(deps: OpsDeps, op: Op, { uuid }: Pick<Server, 'uuid'>): Promise<void> {
  await beginMove(deps, op, uuid, 'triggerCrashDump', crashDumpSaga, () => ({}));
}

export const crashDumpSaga: Saga<Input> = {
  name: 'trigger_crash_dump',
  secrets: [],
  steps: [
    {
      name: 'guest',
      run: ({ server, call }) => call(hostOf(server), 'injectNmi', { uuid: server.uuid }),
      undo: 'an interrupt cannot be taken back',
    },
  ],
  settle: async () => null,
  failed: (t, { server }, failure, nowMs) => recordFailure(t, server, failure, nowMs),
};

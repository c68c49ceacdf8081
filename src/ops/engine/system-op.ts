// Why: reconcilers use the verbs of users; what they ask has a request id of its own and the system as its caller.

import { newRequestId } from '../../base/ids.ts';
import { type Op, systemCaller } from '../../base/op.ts';
import { MAX_MINOR } from '../../domain/microversions.ts';
import type { OpsDeps } from '../deps.ts';

export const systemOp = ({ clock, log }: Pick<OpsDeps, 'clock' | 'log'>): Op => ({
  requestId: newRequestId(),
  globalRequestId: null,
  caller: systemCaller,
  minor: MAX_MINOR,
  clock,
  log,
});
